"""Writes small radiographs of every kind that the reader knows, all with the same picture."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

HEIGHT, WIDTH = 90, 120
BRIGHT_X, BRIGHT_Y = 100, 10


def picture(dtype: str = "uint8", scale: int = 1) -> np.ndarray:
    """(90, 120) smooth grey, at most 52 x scale, with one bright pixel of 250 x scale at x = 100, y = 10."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    grey = (rows + columns) // 4
    grey[BRIGHT_Y, BRIGHT_X] = 250
    return (grey * scale).astype(dtype)


def coloured(grey: np.ndarray) -> np.ndarray:
    """(H, W, 3): the picture in red, half of it in green, nothing in blue."""
    return np.stack([grey, grey // 2, np.zeros_like(grey)], axis=-1)


def write_raster(path: Path, pixels: np.ndarray, mode: str | None = None, **options: Any) -> Path:
    """PNG, JPEG, BMP or TIFF by Pillow; ``mode`` converts before saving, ``"P"`` to a palette."""
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(64)
    elif mode:
        image = image.convert(mode)
    image.save(path, **({"quality": 100, "subsampling": 0} if path.suffix.lower().startswith(".jp") else {}) | options)
    return path


def write_itk(path: Path, pixels: np.ndarray, spacing: tuple[float, ...] | None = None, **header: Any) -> Path:
    """Whatever ITK writes: (H, W), (slices, H, W), or (H, W, C) with ``colour=True``; ``origin`` and ``direction``."""
    image = sitk.GetImageFromArray(pixels, isVector=header.pop("colour", False))
    if spacing:
        image.SetSpacing(spacing)
    for name, value in header.items():
        getattr(image, f"Set{name.capitalize()}")(value)
    sitk.WriteImage(image, str(path))
    return path


def write_rgb24(path: Path, colours: np.ndarray, zooms: tuple[float, float] = (1.0, 1.0)) -> Path:
    """NIfTI of colours in one slice, as 3D Slicer saves a colour picture."""
    fields = np.ascontiguousarray(colours.swapaxes(0, 1)).view([("R", "u1"), ("G", "u1"), ("B", "u1")])
    affine = np.diag([-zooms[0], -zooms[1], 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(fields, affine), path)
    return path


def write_dicom(path: Path, pixels: np.ndarray, compress: str | None = None, **elements: Any) -> Path:
    """A computed radiograph of 8 or 12 bits; ``compress`` is ``"RLE"`` or ``"JPEG 2000"``; None removes an element."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = elements.get("SOPClassUID", ComputedRadiographyImageStorage)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = elements.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    bits = 8 if pixels.itemsize == 1 else 12
    described = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "CR",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else 3,
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes(),
    }
    if pixels.ndim == 3:
        described["PlanarConfiguration"] = 0
    for keyword, value in (described | elements).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if compress == "RLE":
        dataset.compress(RLELossless)
    elif compress == "JPEG 2000":
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
        meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.PixelData = encapsulate([stream.getvalue()])
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, write_like_original=False)
    return path


GREY, DEEP, COLOUR = picture(), picture("uint16", 16), coloured(picture())
COLOUR16 = coloured(DEEP)

KINDS: dict[str, Callable[[Path], Path]] = {
    "png-8": lambda f: write_raster(f / "grey8.png", GREY),
    "png-16": lambda f: write_raster(f / "grey16.png", DEEP),
    "png-1": lambda f: write_raster(f / "grey1.png", GREY > 200),
    "png-rgb": lambda f: write_raster(f / "rgb.png", COLOUR),
    "png-rgb16": lambda f: write_itk(f / "rgb16.png", COLOUR16, colour=True),
    "png-rgba": lambda f: write_raster(f / "rgba.png", COLOUR, "RGBA"),
    "png-palette": lambda f: write_raster(f / "palette.png", COLOUR, "P"),
    "jpeg-8": lambda f: write_raster(f / "grey8.jpg", GREY),
    "jpeg-rgb": lambda f: write_raster(f / "rgb.jpeg", COLOUR),
    "bmp-8": lambda f: write_raster(f / "grey8.bmp", GREY),
    "bmp-rgb": lambda f: write_raster(f / "rgb.bmp", COLOUR),
    "tiff-8": lambda f: write_raster(f / "grey8.tif", GREY),
    "tiff-16": lambda f: write_raster(f / "grey16.tiff", DEEP),
    "tiff-float": lambda f: write_raster(f / "float.tif", picture("float32")),
    "tiff-rgb": lambda f: write_raster(f / "rgb.tif", COLOUR),
    "tiff-rgb16": lambda f: write_itk(f / "rgb16.tif", COLOUR16, colour=True),
    "tiff-rgba": lambda f: write_raster(f / "rgba.tif", COLOUR, "RGBA"),
    "tiff-palette": lambda f: write_raster(f / "palette.tif", COLOUR, "P"),
    "tiff-lzw": lambda f: write_raster(f / "lzw.tif", GREY, compression="tiff_lzw"),
    "nifti-2d": lambda f: write_itk(f / "plane.nii", DEEP),
    "nifti-gz": lambda f: write_itk(f / "plane.nii.gz", DEEP),
    "nifti-slice": lambda f: write_itk(f / "slice.nii.gz", DEEP[None]),
    "nifti-float": lambda f: write_itk(f / "float.nii", picture("float64")),
    "nifti-rgb24": lambda f: write_rgb24(f / "rgb24.nii.gz", COLOUR),
    "dicom-8": lambda f: write_dicom(f / "grey8.dcm", GREY),
    "dicom-12": lambda f: write_dicom(f / "grey12.dcm", DEEP),
    "dicom-rgb": lambda f: write_dicom(f / "rgb.dcm", COLOUR),
    "dicom-j2k": lambda f: write_dicom(f / "j2k.dcm", DEEP, "JPEG 2000"),
    "dicom-j2k-rgb": lambda f: write_dicom(f / "j2krgb.dcm", COLOUR, "JPEG 2000"),
    "dicom-rle": lambda f: write_dicom(f / "rle.dcm", DEEP, "RLE"),
    "dicom-no-suffix": lambda f: write_dicom(f / "IM000001", DEEP),
}
"""One writer for each kind of file: takes a folder, gives the path."""

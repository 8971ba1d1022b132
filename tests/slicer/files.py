"""One radiograph of every kind that 3D Slicer places in its own way, all with the picture of the reader's tests."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalIntraOralXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
)

from tests.radiographs.files import COLOUR, DEEP, GREY, picture, write_dicom, write_itk, write_raster, write_rgb24

Writer = Callable[[Path], Path]
Spacing = tuple[float, float]

WIDE = picture("uint16", 200)
SIGNED = DEEP.astype(np.int16) - 1000


def write_jfif(path: Path, unit: int, x: int, y: int) -> Path:
    """A JPEG with this density; unit 0 makes it an aspect ratio, 1 is per inch, 2 per centimetre."""
    write_raster(path, GREY)
    content = bytearray(path.read_bytes())
    assert content[6:11] == b"JFIF\0"
    content[13] = unit
    content[14:18] = x.to_bytes(2, "big") + y.to_bytes(2, "big")
    path.write_bytes(content)
    return path


def exif_resolution() -> bytes:
    """What a camera writes: 300 x 150 dots per inch in EXIF, none in JFIF."""
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 150.0, 2
    return exif.tobytes()


def write_transfer_syntax(path: Path, syntax: str, pixels: np.ndarray, **elements: Any) -> Path:
    """A computed radiograph in another transfer syntax that does not compress the pixels."""
    big = syntax == ExplicitVRBigEndian
    write_dicom(path, pixels.byteswap() if big else pixels, **elements)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.is_little_endian, dataset.is_implicit_VR = not big, syntax == ImplicitVRLittleEndian
    dataset.save_as(path, write_like_original=False)
    return path


def write_dicom_jpeg(path: Path, **elements: Any) -> Path:
    """A computed radiograph of 8 bits, compressed with loss."""
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "JPEG", quality=100)
    pixels = encapsulate([stream.getvalue()])
    return write_dicom(path, GREY, TransferSyntaxUID=JPEGBaseline8Bit, PixelData=pixels, **elements)


def write_dx(path: Path, **elements: Any) -> Path:
    """A digital radiograph."""
    return write_dicom(path, DEEP, SOPClassUID=DigitalXRayImageStorageForPresentation, Modality="DX", **elements)


def write_capture(path: Path, **elements: Any) -> Path:
    """A secondary capture, as film digitisers make."""
    return write_dicom(path, DEEP, SOPClassUID=SecondaryCaptureImageStorage, Modality="OT", **elements)


def write_nifti(
    path: Path,
    pixels: np.ndarray = DEEP,
    *,
    qform: np.ndarray | None = None,
    sform: np.ndarray | None = None,
    codes: tuple[int, int] = (0, 0),
    axes: int = 3,
    zooms: tuple[float, ...] = (0.2, 0.1, 1.0),
    unit: str = "mm",
    byte_order: str = "<",
    version: type[nibabel.Nifti1Image] = nibabel.Nifti1Image,
    slope: tuple[float, float] | None = None,
) -> Path:
    """One slice (120, 90), or with more axes (120, 90, 1, ...), with two forms and their codes as they are given."""
    values = pixels.T.reshape(pixels.T.shape + (1,) * (axes - 2))
    image = version(values, None, version.header_class(endianness=byte_order))
    header = image.header
    header.set_data_dtype(pixels.dtype)
    header.set_zooms((zooms + (1.0,) * axes)[:axes])
    header.set_xyzt_units(unit)
    if qform is not None:
        header.set_qform(qform, codes[0])
    if sform is not None:
        header.set_sform(sform, codes[1])
    header["qform_code"], header["sform_code"] = codes
    if slope:
        header.set_slope_inter(*slope)
    nibabel.save(image, path)
    return path


def turned(axis: str, degrees: float) -> np.ndarray:
    """(4, 4) rotation about an axis of the patient."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = np.eye(4)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def placed(x: float, y: float, z: float, matrix: np.ndarray) -> np.ndarray:
    """The same (4, 4) matrix with this origin."""
    result = matrix.copy()
    result[:3, 3] = x, y, z
    return result


AXIAL = np.diag([-0.2, -0.1, 1.0, 1.0])  # Slicer's own for a picture: x to the left, y to the back of the patient
LEFT_HANDED = placed(3, 4, 5, np.diag([0.2, -0.1, 1.0, 1.0]))
OBLIQUE = placed(-12.5, 30, 8, turned("x", 20) @ turned("y", -35) @ turned("z", 50) @ AXIAL)
QFORM = placed(-15, 12, 5, turned("z", 10) @ AXIAL)
SFORM = placed(9, 8, 7, np.diag([0.2, -0.1, -1.0, 1.0]))
SHEARED = np.array([[-0.2, 0.02, 0, 0], [0, -0.1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
NEARLY_RIGHT_ANGLED = np.array([[-0.2, 0.000001, 0, 3], [0, -0.1, 0, 4], [0, 0, 1, 5], [0, 0, 0, 1]])
CORONAL = np.array([[-0.2, 0, 0, 0], [0, 0, 1, 0], [0, -0.1, 0, 0], [0, 0, 0, 1]])
SAGITTAL = np.array([[0, 0, 1, 0], [-0.2, 0, 0, 0], [0, -0.1, 0, 0], [0, 0, 0, 1]])

ONE: Spacing = (1.0, 1.0)
DPI = {"dpi": (300, 150)}
BY_DPI: Spacing = (25.4 / 300, 25.4 / 150)

# A writer, and the millimetres a pixel along x and y by which Slicer places what it writes.
RASTERS: dict[str, tuple[Writer, Spacing]] = {
    "PNG grey 8": (lambda f: write_raster(f / "x.png", GREY), ONE),
    "PNG grey 8 with dpi": (lambda f: write_raster(f / "x.png", GREY, **DPI), ONE),
    "PNG grey 16": (lambda f: write_raster(f / "x.png", DEEP), ONE),
    "PNG grey 16 with dpi": (lambda f: write_raster(f / "x.png", DEEP, **DPI), ONE),
    "PNG black and white": (lambda f: write_raster(f / "x.png", GREY > 200), ONE),
    "PNG RGB": (lambda f: write_raster(f / "x.png", COLOUR), ONE),
    "PNG RGB with dpi": (lambda f: write_raster(f / "x.png", COLOUR, **DPI), ONE),
    "PNG RGBA": (lambda f: write_raster(f / "x.png", COLOUR, "RGBA", **DPI), ONE),
    "PNG palette": (lambda f: write_raster(f / "x.png", COLOUR, "P", **DPI), ONE),
    "JPEG grey": (lambda f: write_raster(f / "x.jpg", GREY), ONE),
    "JPEG grey 72 dpi": (lambda f: write_raster(f / "x.jpg", GREY, dpi=(72, 72)), (25.4 / 72, 25.4 / 72)),
    "JPEG grey 96 dpi": (lambda f: write_raster(f / "x.jpg", GREY, dpi=(96, 96)), (25.4 / 96, 25.4 / 96)),
    "JPEG grey 300 x 150 dpi": (lambda f: write_raster(f / "x.jpg", GREY, **DPI), BY_DPI),
    "JPEG grey 600 dpi": (lambda f: write_raster(f / "x.jpeg", GREY, dpi=(600, 600)), (25.4 / 600, 25.4 / 600)),
    "JPEG grey progressive": (lambda f: write_raster(f / "x.jpg", GREY, progressive=True, **DPI), BY_DPI),
    "JPEG grey per centimetre": (lambda f: write_jfif(f / "x.jpg", 2, 100, 50), (0.1, 0.2)),
    "JPEG grey aspect ratio": (lambda f: write_jfif(f / "x.jpg", 0, 2, 1), ONE),
    "JPEG grey density 0": (lambda f: write_jfif(f / "x.jpg", 1, 300, 0), ONE),
    "JPEG grey dpi in EXIF": (lambda f: write_raster(f / "x.jpg", GREY, exif=exif_resolution()), ONE),
    "JPEG RGB": (lambda f: write_raster(f / "x.jpg", COLOUR), ONE),
    "JPEG RGB 300 x 150 dpi": (lambda f: write_raster(f / "x.jpg", COLOUR, **DPI), BY_DPI),
    "TIFF grey 8": (lambda f: write_raster(f / "x.tif", GREY), ONE),
    "TIFF grey 8 with dpi": (lambda f: write_raster(f / "x.tif", GREY, **DPI), BY_DPI),
    "TIFF grey 16 with dpi": (lambda f: write_raster(f / "x.tiff", DEEP, **DPI), BY_DPI),
    "TIFF grey LZW": (lambda f: write_raster(f / "x.tif", GREY, compression="tiff_lzw", **DPI), BY_DPI),
    "TIFF float with dpi": (lambda f: write_raster(f / "x.tif", picture("float32"), **DPI), BY_DPI),
    "TIFF per centimetre": (
        lambda f: write_raster(f / "x.tif", GREY, resolution_unit="cm", x_resolution=100, y_resolution=50),
        (0.1, 0.2),
    ),
    "TIFF aspect ratio": (lambda f: write_raster(f / "x.tif", GREY, tiffinfo={282: 300.0, 283: 150.0, 296: 1}), ONE),
    "TIFF RGB with dpi": (lambda f: write_raster(f / "x.tif", COLOUR, **DPI), BY_DPI),
    "BMP grey 8": (lambda f: write_raster(f / "x.bmp", GREY), ONE),
    "BMP grey 8 with dpi": (lambda f: write_raster(f / "x.bmp", GREY, **DPI), ONE),
    "BMP palette": (lambda f: write_raster(f / "x.bmp", COLOUR, "P"), ONE),
    "BMP RGB with dpi": (lambda f: write_raster(f / "x.bmp", COLOUR, **DPI), ONE),
}

DETECTOR = {"ImagerPixelSpacing": [0.11, 0.22]}  # of rows, of columns
BY_DETECTOR: Spacing = (0.22, 0.11)
CALIBRATED = {"PixelSpacing": [0.1, 0.2]}
ORAL = {"SOPClassUID": DigitalIntraOralXRayImageStorageForPresentation}
BREAST = {"SOPClassUID": DigitalMammographyXRayImageStorageForPresentation, "Modality": "MG"}
INVERTED = {"PhotometricInterpretation": "MONOCHROME1"}
BITS16 = {"BitsStored": 16, "HighBit": 15}

UPRIGHT_DICOMS: dict[str, tuple[Writer, Spacing]] = {
    "CR ImagerPixelSpacing": (lambda f: write_dicom(f / "x.dcm", DEEP, **DETECTOR), BY_DETECTOR),
    "CR both spacings": (lambda f: write_dicom(f / "x.dcm", DEEP, **DETECTOR, **CALIBRATED), BY_DETECTOR),
    "CR PixelSpacing alone": (lambda f: write_dicom(f / "x.dcm", DEEP, **CALIBRATED), ONE),
    "CR neither": (lambda f: write_dicom(f / "x.dcm", DEEP), ONE),
    "CR NominalScannedPixelSpacing alone": (
        lambda f: write_dicom(f / "x.dcm", DEEP, NominalScannedPixelSpacing=[0.11, 0.22]),
        ONE,
    ),
    "CR aspect ratio": (lambda f: write_dicom(f / "x.dcm", DEEP, PixelAspectRatio=["2", "1"]), ONE),
    "CR magnification": (
        lambda f: write_dicom(f / "x.dcm", DEEP, EstimatedRadiographicMagnificationFactor="1.25", **DETECTOR),
        BY_DETECTOR,
    ),
    "CR PatientOrientation": (
        lambda f: write_dicom(f / "x.dcm", DEEP, PatientOrientation=["P", "F"], **DETECTOR),
        BY_DETECTOR,
    ),
    "CR without suffix": (lambda f: write_dicom(f / "IM000001", DEEP, **DETECTOR), BY_DETECTOR),
    "DX ImagerPixelSpacing": (lambda f: write_dx(f / "x.dcm", **DETECTOR), BY_DETECTOR),
    "DX both spacings": (lambda f: write_dx(f / "x.dcm", **DETECTOR, **CALIBRATED), BY_DETECTOR),
    "DX PixelSpacing alone": (lambda f: write_dx(f / "x.dcm", **CALIBRATED), ONE),
    "DX neither": (lambda f: write_dx(f / "x.dcm"), ONE),
    "IO both spacings": (
        lambda f: write_dicom(f / "x.dcm", DEEP, Modality="IO", **ORAL, **DETECTOR, **CALIBRATED),
        BY_DETECTOR,
    ),
    "PX ImagerPixelSpacing": (
        lambda f: write_dicom(f / "x.dcm", DEEP, Modality="PX", **ORAL, **DETECTOR),
        BY_DETECTOR,
    ),
    "MG both spacings": (lambda f: write_dicom(f / "x.dcm", DEEP, **BREAST, **DETECTOR, **CALIBRATED), BY_DETECTOR),
    "SC NominalScannedPixelSpacing": (
        lambda f: write_capture(f / "x.dcm", NominalScannedPixelSpacing=[0.11, 0.22]),
        (0.22, 0.11),
    ),
    "SC PixelSpacing": (lambda f: write_capture(f / "x.dcm", **CALIBRATED), (0.2, 0.1)),
    "SC neither": (lambda f: write_capture(f / "x.dcm"), ONE),
    "CR 8 bit": (lambda f: write_dicom(f / "x.dcm", GREY, **DETECTOR), BY_DETECTOR),
    "CR 16 bit": (lambda f: write_dicom(f / "x.dcm", WIDE, **BITS16, **DETECTOR), BY_DETECTOR),
    "CR signed": (
        lambda f: write_dicom(f / "x.dcm", SIGNED, PixelRepresentation=1, **BITS16, **DETECTOR),
        BY_DETECTOR,
    ),
    "CR rescaled": (
        lambda f: write_dicom(f / "x.dcm", DEEP, RescaleSlope="2", RescaleIntercept="-5", **DETECTOR),
        BY_DETECTOR,
    ),
    "CR MONOCHROME1": (lambda f: write_dicom(f / "x.dcm", DEEP, **INVERTED, **DETECTOR), BY_DETECTOR),
    "CR MONOCHROME1 8 bit": (lambda f: write_dicom(f / "x.dcm", GREY, **INVERTED, **DETECTOR), BY_DETECTOR),
    "CR RGB": (lambda f: write_dicom(f / "x.dcm", COLOUR, **DETECTOR), BY_DETECTOR),
    "CR implicit VR": (
        lambda f: write_transfer_syntax(f / "x.dcm", ImplicitVRLittleEndian, DEEP, **DETECTOR),
        BY_DETECTOR,
    ),
    "CR big-endian": (
        lambda f: write_transfer_syntax(f / "x.dcm", ExplicitVRBigEndian, DEEP, **DETECTOR),
        BY_DETECTOR,
    ),
    "CR deflated": (
        lambda f: write_transfer_syntax(f / "x.dcm", DeflatedExplicitVRLittleEndian, DEEP, **DETECTOR),
        BY_DETECTOR,
    ),
    "CR RLE": (lambda f: write_dicom(f / "x.dcm", DEEP, "RLE", **DETECTOR), BY_DETECTOR),
    "CR JPEG": (lambda f: write_dicom_jpeg(f / "x.dcm", **DETECTOR), BY_DETECTOR),
    "CR JPEG 2000": (lambda f: write_dicom(f / "x.dcm", DEEP, "JPEG 2000", **DETECTOR), BY_DETECTOR),
}


def oriented(*cosines: float) -> dict[str, Any]:
    """The elements of a radiograph that lies in the patient."""
    return {"ImageOrientationPatient": list(cosines), "ImagePositionPatient": [5.5, -600.25, 7], **DETECTOR}


DICOMS: dict[str, Writer] = {name: write for name, (write, _) in UPRIGHT_DICOMS.items()} | {
    "CR axial": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(1, 0, 0, 0, 1, 0)),
    "CR coronal": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(1, 0, 0, 0, 0, -1)),
    "CR sagittal": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(0, 1, 0, 0, 0, -1)),
    "CR turned half round": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(-1, 0, 0, 0, -1, 0)),
    "CR columns first": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(0, 1, 0, 1, 0, 0)),
    "CR tilted": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(1, 0, 0, 0, 0.8, -0.6)),
    "CR oblique": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(0.36, 0.48, -0.8, -0.8, 0.6, 0)),
    "CR rounded cosines": lambda f: write_dicom(f / "x.dcm", DEEP, **oriented(0.707, 0.707, 0, -0.707, 0.707, 0)),
    "CR position alone": lambda f: write_dicom(f / "x.dcm", DEEP, ImagePositionPatient=[5.5, -600.25, 7], **DETECTOR),
    "CR orientation, no spacing": lambda f: write_dicom(
        f / "x.dcm", DEEP, ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[1, 2, 3]
    ),
    "DX coronal": lambda f: write_dx(f / "x.dcm", **oriented(1, 0, 0, 0, 0, -1)),
}

NIFTIS: dict[str, Writer] = {
    "NIfTI 2-D by ITK": lambda f: write_itk(f / "x.nii", DEEP, (0.2, 0.1)),
    "NIfTI slice by ITK, gz": lambda f: write_itk(f / "x.nii.gz", DEEP[None], (0.2, 0.1, 3.0)),
    "NIfTI 2-D, no form": lambda f: write_nifti(f / "x.nii.gz", axes=2),
    "NIfTI slice, no form": lambda f: write_nifti(f / "x.nii"),
    "NIfTI slice, forms with code 0": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM),
    "NIfTI 2-D, qform alone": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0), axes=2),
    "NIfTI slice, qform alone": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0)),
    "NIfTI 2-D, sform alone": lambda f: write_nifti(f / "x.nii", sform=SFORM, codes=(0, 1), axes=2),
    "NIfTI slice, sform alone, gz": lambda f: write_nifti(f / "x.nii.gz", sform=SFORM, codes=(0, 2)),
    "NIfTI slice, equal forms": lambda f: write_nifti(f / "x.nii", qform=OBLIQUE, sform=OBLIQUE, codes=(1, 1)),
    "NIfTI slice, qform 1, sform 1": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM, codes=(1, 1)),
    "NIfTI slice, qform 1, sform 2": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM, codes=(1, 2)),
    "NIfTI 2-D, qform 1, sform 2": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM, codes=(1, 2), axes=2),
    "NIfTI slice, qform 2, sform 1": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM, codes=(2, 1)),
    "NIfTI slice, qform 2, sform 2": lambda f: write_nifti(f / "x.nii", qform=QFORM, sform=SFORM, codes=(2, 2)),
    "NIfTI slice, oblique qform": lambda f: write_nifti(f / "x.nii.gz", qform=OBLIQUE, codes=(1, 0)),
    "NIfTI slice, oblique sform": lambda f: write_nifti(f / "x.nii", sform=OBLIQUE, codes=(0, 1)),
    "NIfTI 2-D, oblique": lambda f: write_nifti(f / "x.nii", qform=OBLIQUE, codes=(1, 0), axes=2),
    "NIfTI slice, coronal": lambda f: write_nifti(f / "x.nii", sform=CORONAL, codes=(0, 1)),
    "NIfTI slice, sagittal": lambda f: write_nifti(f / "x.nii", qform=SAGITTAL, codes=(1, 0)),
    "NIfTI slice, left-handed qform": lambda f: write_nifti(f / "x.nii", qform=LEFT_HANDED, codes=(1, 0)),
    "NIfTI slice, left-handed sform": lambda f: write_nifti(f / "x.nii", sform=LEFT_HANDED, codes=(0, 1)),
    "NIfTI 2-D, left-handed": lambda f: write_nifti(f / "x.nii", sform=LEFT_HANDED, codes=(0, 1), axes=2),
    "NIfTI slice, far away": lambda f: write_nifti(
        f / "x.nii", sform=placed(-9876.5, 4321.25, 1e4, OBLIQUE), codes=(0, 1)
    ),
    "NIfTI slice, nearly right-angled": lambda f: write_nifti(f / "x.nii", sform=NEARLY_RIGHT_ANGLED, codes=(0, 1)),
    "NIfTI slice, sform of another size": lambda f: write_nifti(
        f / "x.nii", sform=AXIAL @ np.diag([1.7, 1.7, 1.7, 1]), codes=(0, 1)
    ),
    "NIfTI slice, int16": lambda f: write_nifti(f / "x.nii", SIGNED, qform=QFORM, codes=(1, 0)),
    "NIfTI slice, float32": lambda f: write_nifti(f / "x.nii.gz", picture("float32"), qform=QFORM, codes=(1, 0)),
    "NIfTI slice, slope": lambda f: write_nifti(f / "x.nii", SIGNED, qform=QFORM, codes=(1, 0), slope=(2.0, -5.0)),
    "NIfTI slice, big-endian": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0), byte_order=">"),
    "NIfTI of four axes": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0), axes=4),
    "NIfTI slice, micrometres": lambda f: write_nifti(
        f / "x.nii", qform=np.diag([-200.0, -100.0, 1000.0, 1.0]), codes=(1, 0), zooms=(200.0, 100.0), unit="micron"
    ),
    "NIfTI slice, unit unknown": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0), unit="unknown"),
    "NIfTI slice, RGB24": lambda f: write_rgb24(f / "x.nii.gz", COLOUR, (0.2, 0.1)),
}

# Slicer cannot load these.
REFUSED: dict[str, Writer] = {
    "NIfTI slice, sheared": lambda f: write_nifti(f / "x.nii", sform=SHEARED, codes=(0, 1)),
    "NIfTI 2-D, sheared": lambda f: write_nifti(f / "x.nii", sform=SHEARED, codes=(0, 1), axes=2),
    "NIfTI 2-D, coronal": lambda f: write_nifti(f / "x.nii", sform=CORONAL, codes=(0, 1), axes=2),
    "NIfTI 2-D, sagittal": lambda f: write_nifti(f / "x.nii", sform=SAGITTAL, codes=(0, 1), axes=2),
    "NIfTI-2": lambda f: write_nifti(f / "x.nii", qform=QFORM, codes=(1, 0), version=nibabel.Nifti2Image),
}

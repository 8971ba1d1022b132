"""Radiographs as DICOM files of every kind that the datastore and the viewers must take, or leave alone."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalIntraOralXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

SOP_CLASSES = {
    "DX": DigitalXRayImageStorageForPresentation,
    "PX": DigitalXRayImageStorageForPresentation,
    "IO": DigitalIntraOralXRayImageStorageForPresentation,
    "CR": ComputedRadiographyImageStorage,
    "RG": ComputedRadiographyImageStorage,
    "OT": SecondaryCaptureImageStorage,
    "CT": CTImageStorage,
}


def save_radiograph(
    path: Path,
    pixels: np.ndarray,
    *,
    modality: str = "DX",
    spacing: tuple[float, float] | None = (0.2, 0.2),
    inverted: bool = False,
    jpeg2000: bool = False,
    patient: str = "",
    study: str = "",
    series: str = "",
    number: int = 1,
    **more: Any,
) -> FileDataset:
    """Write a radiograph without position or orientation, as most have none.

    Args:
        path: where.
        pixels: (H, W), uint8 or uint16, bright = dense.
        modality: one of :data:`SOP_CLASSES`.
        spacing: ``PixelSpacing``, rows first.
        inverted: MONOCHROME1, the same picture.
        jpeg2000: compressed without loss.
        patient, study, series, number: identifiers; new ones where empty.
        more: other attributes.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = JPEG2000Lossless if jpeg2000 else ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SOP_CLASSES[modality]
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study or generate_uid(), series or generate_uid()
    dataset.PatientID = patient or path.stem
    dataset.PatientName, dataset.Modality = f"Test^{dataset.PatientID}", modality
    dataset.StudyDate, dataset.StudyTime = "20240501", "101112"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    bits = 8 * pixels.dtype.itemsize
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits, bits - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (bits - 1), 2**bits
    if spacing is not None:
        dataset.PixelSpacing = list(spacing)
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    stored = np.iinfo(pixels.dtype).max - pixels if inverted else pixels
    if jpeg2000:
        file = io.BytesIO()
        Image.fromarray(stored).save(file, "JPEG2000", irreversible=False, no_jp2=True)
        dataset.PixelData = encapsulate([file.getvalue()])
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.save_as(path, write_like_original=False)
    return dataset


def with_cross(pixels: np.ndarray, x: int, y: int) -> np.ndarray:
    """The same picture, darker, with a bright cross whose centre is the pixel (x, y)."""
    crossed = pixels // 2
    brightest = np.iinfo(pixels.dtype).max
    crossed[y - 6 : y + 7, x] = brightest
    crossed[y, x - 6 : x + 7] = brightest
    return crossed

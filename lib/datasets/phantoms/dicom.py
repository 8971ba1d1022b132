"""A phantom as the DICOM file that a digital X-ray unit would send."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from lib.datasets.phantoms.phantom import Phantom

MAGNIFICATION = 1.1  # of the patient on the detector
DATE, TIME = "20240102", "090000"  # fixed, so that the same phantom gives the same file

_VIEWS: dict[str, dict[str, object]] = {
    "cephalometric_19": {
        "BodyPartExamined": "SKULL",
        "ViewPosition": "RL",
        "PatientOrientation": ["A", "F"],
        "ImageLaterality": "U",
        "StudyDescription": "Lateral cephalogram",
    },
    "hand_37": {
        "BodyPartExamined": "HAND",
        "ViewPosition": "PA",
        "PatientOrientation": ["R", "D"],
        "ImageLaterality": "L",
        "StudyDescription": "Hand",
    },
    "spine_68": {
        "BodyPartExamined": "SPINE",
        "ViewPosition": "AP",
        "PatientOrientation": ["L", "F"],
        "ImageLaterality": "U",
        "StudyDescription": "Whole spine",
    },
}


def write_dicom_dx(path: Path, phantom: Phantom) -> None:
    """Write a phantom as a Digital X-Ray image for presentation, MONOCHROME2, uncompressed.

    ``PixelSpacing`` is the phantom's, calibrated to the patient; ``ImagerPixelSpacing`` is that of the detector, larger
    by :data:`MAGNIFICATION`. All identifiers follow from kind and seed: the same phantom gives the same file.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = _uid(phantom, "instance")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    _describe_study(dataset, phantom)
    _describe_image(dataset, phantom)
    dataset.PixelData = _little_endian_bytes(phantom)
    dataset.save_as(path, write_like_original=False)


def phantom_patient(kind: str, seed: int) -> str:
    """The PatientID of a phantom's DICOM file."""
    return f"PHANTOM-{kind}-{seed:04d}"


def _describe_study(dataset: Dataset, phantom: Phantom) -> None:
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = _uid(phantom, "instance")
    dataset.StudyInstanceUID = _uid(phantom, "study")
    dataset.SeriesInstanceUID = _uid(phantom, "series")
    dataset.PatientID = phantom_patient(phantom.kind, phantom.seed)
    dataset.PatientName = f"Phantom^{phantom.kind} {phantom.seed:04d}"
    dataset.PatientBirthDate, dataset.PatientSex = "20000101", "O"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = dataset.AcquisitionDate = DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = dataset.AcquisitionTime = TIME
    dataset.StudyID = dataset.AccessionNumber = f"P{phantom.seed:04d}"
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.Modality, dataset.PresentationIntentType = "DX", "FOR PRESENTATION"
    dataset.Manufacturer = "FARNet phantoms"
    for keyword, value in _VIEWS[phantom.kind].items():
        setattr(dataset, keyword, value)


def _describe_image(dataset: Dataset, phantom: Phantom) -> None:
    spacing = phantom.pixel_spacing
    if spacing.x is None or spacing.y is None:
        raise ValueError("A phantom without pixel spacing cannot be written as DX, which requires one.")
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = phantom.pixels.shape
    dataset.BitsAllocated = 8 * phantom.pixels.dtype.itemsize
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = phantom.bits, phantom.bits - 1, 0
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (phantom.bits - 1), 2**phantom.bits
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"
    dataset.DetectorType = "SYNTHETIC"
    dataset.PixelSpacing = _decimals(spacing.y, spacing.x)
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.ImagerPixelSpacing = _decimals(spacing.y * MAGNIFICATION, spacing.x * MAGNIFICATION)
    dataset.EstimatedRadiographicMagnificationFactor = f"{MAGNIFICATION:.2f}"


def _decimals(*values: float) -> list[str]:
    """Numbers in the at most 16 characters of a DICOM decimal string."""
    return [f"{value:.10f}" for value in values]


def _little_endian_bytes(phantom: Phantom) -> bytes:
    stored = np.ascontiguousarray(phantom.pixels, dtype=phantom.pixels.dtype.newbyteorder("<")).tobytes()
    return stored + b"\0" * (len(stored) % 2)


def _uid(phantom: Phantom, what: str) -> str:
    height, width = phantom.pixels.shape
    return str(
        generate_uid(
            entropy_srcs=["farnet-phantom", phantom.kind, str(phantom.seed), f"{height}x{width}x{phantom.bits}", what]
        )
    )

"""DICOM: what the file is by pydicom, where it lies and its pixels by ITK (GDCM)."""

from __future__ import annotations

from pathlib import Path

import pydicom

from lib.radiographs.identity import Identity
from lib.radiographs.itk_file import read_itk_header, read_itk_pixels
from lib.radiographs.radiograph import RadiographError, RadiographHeader
from lib.radiographs.spacing import PixelSpacing, SpacingSource
from lib.radiographs.values import Pixels, luminance

IMAGE_IO = "GDCMImageIO"
LARGE = 4096  # bytes; what is longer is not read along with the header
# Projections; film digitisers and secondary capture say OT or nothing.
MODALITIES = frozenset({"CR", "DX", "RG", "PX", "IO", "MG", "RF", "XA", "OT", "SC", ""})


def read_dicom_header(path: Path) -> RadiographHeader:
    """Size, place and spacing; see :func:`read_header <lib.radiographs.reader.read_header>` for the errors."""
    dataset = pydicom.dcmread(path, defer_size=LARGE)
    modality = str(dataset.get("Modality") or "").strip().upper()
    if not (dataset.get("Rows") and dataset.get("Columns")):
        raise RadiographError(f"{path.name} is a DICOM file without an image (modality {modality[:16]!r}).")
    if modality not in MODALITIES:
        raise RadiographError(f"{path.name} has modality {modality[:16]!r}, which is not that of a radiograph.")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise RadiographError(f"{path.name} holds {frames} frames; a radiograph is one.")
    if "PixelData" not in dataset:  # pydicom drops it where the end is missing; ITK may take gigabytes looking for it
        raise RadiographError(f"{path.name} has no pixels, or is cut off within them.")
    itk = read_itk_header(path, IMAGE_IO)
    width, height = itk.size[:2]
    return RadiographHeader(path, height, width, itk.geometry, _pixel_spacing(dataset), "DICOM")


def read_dicom_pixels(path: Path) -> Pixels:
    """(H, W) values, the modality's slope and intercept applied.

    MONOCHROME1 comes inverted by GDCM, so that bright = dense, and YBR or palette colours come as RGB.
    """
    pixels = read_itk_pixels(path, IMAGE_IO)
    return pixels if pixels.ndim == 2 else luminance(pixels)


def read_dicom_identity(path: Path) -> Identity:
    """Patient and study, as far as the file says."""
    tags = ["PatientID", "IssuerOfPatientID", "StudyInstanceUID"]
    dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    return Identity.of(*(dataset.get(tag) for tag in tags))


def _pixel_spacing(dataset: pydicom.Dataset) -> PixelSpacing:
    """The first usable of ``PixelSpacing``, ``ImagerPixelSpacing``, ``NominalScannedPixelSpacing``.

    ``PixelSpacing`` equal to one of the others is not calibrated to the patient (DICOM PS3.3, 10.7.1.1) and is called
    by that one's name. Usable is what :meth:`PixelSpacing.if_plausible` accepts: a dummy of 1.0, as some converters
    write, is not.
    """
    found = [
        _stated(dataset, source)
        for source in (
            SpacingSource.PIXEL_SPACING,
            SpacingSource.IMAGER_PIXEL_SPACING,
            SpacingSource.NOMINAL_SCANNED_PIXEL_SPACING,
        )
    ]
    first = next((spacing for spacing in found if spacing.known), PixelSpacing.unknown())
    same = [spacing for spacing in found[1:] if spacing.known and (spacing.x, spacing.y) == (first.x, first.y)]
    return same[0] if same else first


def _stated(dataset: pydicom.Dataset, source: SpacingSource) -> PixelSpacing:
    """One of the three elements, named by ``source``; its first number is the distance of rows, which is y."""
    try:
        y, x = (float(value) for value in dataset[str(source)].value)
    except (KeyError, TypeError, ValueError):  # absent, empty, one number, no numbers
        return PixelSpacing.unknown()
    return PixelSpacing.if_plausible(x, y, source)

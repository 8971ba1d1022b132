"""DICOM: what the file is by pydicom, where it lies and its pixels by ITK (GDCM).

Grey values that the file holds as they are, which is the rule where nothing is compressed, are taken as they are; GDCM
gives the same, and takes ten times as long.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lib.radiographs.identity import Identity
from lib.radiographs.itk_file import read_itk_header, read_itk_pixels
from lib.radiographs.radiograph import RadiographError, RadiographHeader
from lib.radiographs.spacing import PixelSpacing, SpacingSource
from lib.radiographs.values import Pixels, luminance

IMAGE_IO = "GDCMImageIO"
LARGE = 4096  # bytes; what is longer is not read along with the header
# Projections; film digitisers and secondary capture say OT or nothing.
MODALITIES = frozenset({"CR", "DX", "RG", "PX", "IO", "MG", "RF", "XA", "OT", "SC", ""})
_PLAIN = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})
_NUMBERS = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_UNSCALED = {"RescaleSlope": 1, "RescaleIntercept": 0, "NumberOfFrames": 1}
_SEQUENCES = ("ModalityLUTSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_DESCRIBING = (*_NUMBERS, *_UNSCALED, *_SEQUENCES, "PhotometricInterpretation", "PixelData")
"""What decides how pixels are stored, and they themselves; what the sequences say is left to GDCM."""


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
    if _too_short(dataset):  # GDCM fills the rest with what happens to be in memory
        raise RadiographError(f"{path.name} is cut off: it has fewer pixels than its rows and columns say.")
    itk = read_itk_header(path, IMAGE_IO)
    width, height = itk.size[:2]
    return RadiographHeader(path, height, width, itk.geometry, _pixel_spacing(dataset), "DICOM")


def read_dicom_pixels(path: Path) -> Pixels:
    """(H, W) values, the modality's slope and intercept applied.

    MONOCHROME1 comes inverted by GDCM, so that bright = dense, and YBR or palette colours come as RGB.
    """
    with suppress(Exception):  # an element that pydicom cannot make sense of may be none of GDCM's concern
        stored = _as_stored(pydicom.dcmread(path, specific_tags=list(_DESCRIBING)))
        if stored is not None:
            return stored
    pixels = read_itk_pixels(path, IMAGE_IO)
    return pixels if pixels.ndim == 2 else luminance(pixels)


def read_dicom_identity(path: Path) -> Identity:
    """Patient and study, as far as the file says."""
    tags = ["PatientID", "IssuerOfPatientID", "StudyInstanceUID"]
    dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    return Identity.of(*(dataset.get(tag) for tag in tags))


def _too_short(dataset: pydicom.Dataset) -> bool:
    """Whether grey values that are stored one after the other end too early."""
    meta = getattr(dataset, "file_meta", {})
    rows, columns, samples, allocated = (dataset.get(name) for name in _NUMBERS[:4])
    if meta.get("TransferSyntaxUID") not in _PLAIN or samples != 1 or allocated not in (8, 16):
        return False
    element = dataset.get_item("PixelData")
    stored = element.length if isinstance(element, RawDataElement) else len(element.value or b"")
    return bool(stored < rows * columns * allocated // 8)


def _as_stored(dataset: pydicom.Dataset) -> Pixels | None:
    """The pixels of a dataset with :data:`_DESCRIBING`; None where more is to be done than to read them."""
    numbers = [dataset.get(keyword) for keyword in _NUMBERS]
    values, meta = dataset.get("PixelData"), dataset.file_meta
    if meta.get("TransferSyntaxUID") not in _PLAIN or any(keyword in dataset for keyword in _SEQUENCES):
        return None
    if not all(isinstance(number, int) for number in numbers) or not isinstance(values, bytes):
        return None
    rows, columns, samples, allocated, stored, high, signed = numbers
    if samples != 1 or allocated not in (8, 16) or not 8 <= stored <= allocated or high != stored - 1:
        return None
    if any(dataset.get(keyword) not in (None, usual) for keyword, usual in _UNSCALED.items()):
        return None
    length = rows * columns * allocated // 8
    if signed not in (0, 1) or len(values) != length + length % 2:
        return None
    pixels = np.frombuffer(values, f"<{'ui'[signed]}{allocated // 8}", rows * columns).reshape(rows, columns)
    return _bright_is_dense(pixels, (1 << stored) - 1, dataset.get("PhotometricInterpretation"))


def _bright_is_dense(pixels: Pixels, limit: int, kind: str | None) -> Pixels | None:
    """Values of 0 to the limit, inverted where 0 is white; None for others, mostly with an overlay in upper bits."""
    whole = limit == np.iinfo(f"u{pixels.itemsize}").max
    if pixels.dtype.kind == "i":
        return pixels if whole and kind == "MONOCHROME2" else None
    if kind not in ("MONOCHROME1", "MONOCHROME2") or not (whole or pixels.max() <= limit):
        return None
    return pixels if kind == "MONOCHROME2" else pixels.dtype.type(limit) - pixels


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

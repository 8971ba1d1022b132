"""A radiograph as the rest of the project sees it, and the error for files that are none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lib.radiographs.geometry import Geometry
from lib.radiographs.spacing import PixelSpacing


class RadiographError(ValueError):
    """A file that cannot be used as a radiograph; one sentence that names the file and the reason."""


@dataclass(frozen=True, slots=True)
class RadiographHeader:
    """What is known of a radiograph without decoding its pixels.

    Args:
        path: the file.
        height: rows.
        width: columns.
        geometry: where Slicer puts the pixels, see :class:`Geometry`.
        pixel_spacing: millimetres on the patient with their source.
        format: ``"PNG"``, ``"JPEG"``, ``"BMP"``, ``"TIFF"``, ``"NIfTI"`` or ``"DICOM"``.
    """

    path: Path
    height: int
    width: int
    geometry: Geometry
    pixel_spacing: PixelSpacing
    format: str


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    Args:
        pixels: (H, W) grey values as stored, bright = dense (MONOCHROME1 is inverted, colour becomes luminance);
            uint8, uint16, int16, int32 or float32, finite.
        header: its header.
    """

    pixels: npt.NDArray[Any]
    header: RadiographHeader

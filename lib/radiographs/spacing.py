"""Millimetres on the patient: a pixel spacing never goes without the source that vouches for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

# Dots per inch that programs write for a screen, not for a radiograph, among them 96 at 125, 150 and 200 percent.
SCREEN_DPI = (72.0, 90.0, 96.0, 120.0, 144.0, 192.0)
# Intraoral sensors have 0.015 mm; a whole leg shown in 256 rows has 4 mm.
PLAUSIBLE_MM = (0.005, 5.0)


class SpacingSource(StrEnum):
    """Who says how large a pixel is."""

    PIXEL_SPACING = "PixelSpacing"
    IMAGER_PIXEL_SPACING = "ImagerPixelSpacing"
    NOMINAL_SCANNED_PIXEL_SPACING = "NominalScannedPixelSpacing"
    FILE_RESOLUTION = "file resolution"
    NIFTI_HEADER = "NIfTI header"
    LANDMARK_SET_RULE = "landmark set rule"
    USER = "user"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PixelSpacing:
    """Size of a pixel in millimetres and its source.

    Args:
        x: millimetres from one column to the next; None where unknown.
        y: millimetres from one row to the next; None where unknown.
        source: ``PixelSpacing`` is calibrated to the patient; ``ImagerPixelSpacing`` is measured at the detector,
            where anatomy is magnified; a file resolution (dpi) is whatever the scanner or exporting program wrote.
    """

    x: float | None
    y: float | None
    source: SpacingSource

    def __post_init__(self) -> None:
        known = self.x is not None and self.y is not None
        if known != (self.source is not SpacingSource.UNKNOWN):
            raise ValueError("A pixel spacing has two numbers and a source, or neither.")
        for value in (self.x, self.y):
            if value is not None and not 0.0 < value < 100.0:
                raise ValueError(f"A pixel spacing of {value} mm is not between 0 and 100 mm.")

    @classmethod
    def unknown(cls) -> PixelSpacing:
        """No millimetres: results stay in pixels."""
        return cls(None, None, SpacingSource.UNKNOWN)

    @classmethod
    def if_plausible(cls, x: float, y: float, source: SpacingSource) -> PixelSpacing:
        """The spacing that a file states, or unknown where it can be no statement about the radiograph.

        Not taken: values that are not finite or outside 0.005 to 5 mm; exactly 1 x 1 mm, which stands for "not known"
        in DICOM made by converters and in every NIfTI that 3D Slicer saves of a PNG; and, from a file's resolution or
        a NIfTI (which inherits it), the dots per inch of a screen.
        """
        low, high = PLAUSIBLE_MM
        plausible = all(low <= value <= high for value in (x, y))
        dummy = math.isclose(x, 1.0, rel_tol=1e-6) and math.isclose(y, 1.0, rel_tol=1e-6)
        by_program = source in (SpacingSource.FILE_RESOLUTION, SpacingSource.NIFTI_HEADER)
        if not plausible or dummy or (by_program and (_is_screen(x) or _is_screen(y))):
            return cls.unknown()
        return cls(x, y, source)

    @property
    def known(self) -> bool:
        """Whether lengths can be given in millimetres."""
        return self.source is not SpacingSource.UNKNOWN

    def as_dict(self) -> dict[str, float | str | None]:
        """``{"x": mm, "y": mm, "source": text}``, the form in results and label files."""
        return {"x": self.x, "y": self.y, "source": str(self.source)}

    @classmethod
    def from_dict(cls, content: object) -> PixelSpacing:
        """The inverse of :meth:`as_dict`; ``ValueError`` with one sentence for anything else."""
        if not isinstance(content, dict) or set(content) != {"x", "y", "source"}:
            raise ValueError("A pixel spacing is written as {x, y, source}.")
        try:
            x, y = (None if content[axis] is None else float(content[axis]) for axis in "xy")
            return cls(x, y, SpacingSource(content["source"]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Not a pixel spacing: {error}") from error


def _is_screen(millimetres: float) -> bool:
    # PNG and BMP store whole pixels per metre: 72 dpi comes as 72.009.
    return any(abs(25.4 / millimetres - dpi) < 0.05 for dpi in SCREEN_DPI)

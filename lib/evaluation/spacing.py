"""Where the millimetres of an error come from."""

from __future__ import annotations

import math

from lib.evaluation.metrics import RELATIVE_TOLERANCE, TOLERANCE_MM
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs.spacing import PixelSpacing, SpacingSource

#: Two landmarks so close that a pixel would be larger than this are an error of the annotation, not a scale.
_LARGEST_PIXEL_MM = 10.0


def millimetres(truth: Landmarks, landmark_set: LandmarkSet, file_spacing: PixelSpacing) -> PixelSpacing:
    """The pixel spacing to measure errors with.

    What the file or the user states comes first. Otherwise the set's rule is applied to the annotation, never to the
    prediction: in hand radiographs the wrist is 50 mm wide by convention. Otherwise it stays unknown.

    Args:
        truth: annotated landmarks in pixels of the file as stored.
        landmark_set: the set they belong to.
        file_spacing: the radiograph's own pixel spacing.
    """
    rule = landmark_set.millimetres
    if file_spacing.known or rule.between is None or rule.length_mm is None:
        return file_spacing
    points = truth.ordered(landmark_set.names).points()
    start, end = (points[landmark_set.index(name)] for name in rule.between)
    length_px = math.dist(start, end)
    if not length_px > rule.length_mm / _LARGEST_PIXEL_MM:  # also where it is NaN: one of the two is not annotated
        return PixelSpacing.unknown()
    size = rule.length_mm / length_px
    return PixelSpacing(size, size, SpacingSource.LANDMARK_SET_RULE)


def tolerance_px(height: int, width: int, spacing: PixelSpacing) -> float:
    """What counts as right in an image, in its pixels: 2 mm, or a share of the diagonal where no mm are known.

    Along the axis whose pixels are larger, so that it is never more than is tolerated.
    """
    if spacing.x is None or spacing.y is None:
        return RELATIVE_TOLERANCE * math.hypot(height, width)
    return TOLERANCE_MM / max(spacing.x, spacing.y)

"""The three Cobb angles of a spine from the corners of its vertebrae, as the AASCE 2019 challenge defines them.

A surgeon measures a curve of the spine between its two most tilted vertebrae (Cobb, 1948). The challenge (Wang et al.,
Medical Image Analysis 72, 2021) turned that into a rule that leaves nothing to choose. It was published as the MATLAB
script of the data set's authors, whose angles ``angles.csv`` holds, and is written anew here. The tilt of a vertebra is
the line from the middle of its left side to the middle of its right side.

1. The *major* angle is the largest between any two vertebrae, its ends.
2. The spine is *S-shaped* where the middles of its endplates lie on both sides of the straight line from the first to
   the last.
3. Otherwise the other two angles reach from the major curve's upper end to the first vertebra, and from its lower end
   to the last.
4. Of an S-shaped spine they are the largest angle between the upper end and any vertebra above it, and between the
   lower end and any vertebra below it. But where the major curve lies in the lower half of the *image*, the third is,
   instead of a curve below, the largest angle between the end just found above and any vertebra above that one.

The challenge calls the three, in this order, PT, MT and TL/L (proximal thoracic, main thoracic, thoracolumbar or
lumbar); only the order is meant: the first is always the major one, wherever it lies. And because of the last rule the
third angle depends on where the image was cut.

Ports of the script to Python that are in circulation look at the upper endplates of the two ends for rule 4; the
script, which counts from 1, looks at the lower ones, and so does this. On the challenge's 481 training labels that
makes the difference between 469 and all of them within 0.01 degrees of ``angles.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.measurements.angles import FloatArray, angle_between_directions

#: Nearer to the straight line than this share of its length, an endplate lies on no side of it: it is rounding.
_ON_THE_LINE = 1e-9


@dataclass(frozen=True, slots=True)
class CobbAngle:
    """One angle.

    Args:
        degrees: 0 to 180.
        upper: index of its upper end among the vertebrae, from 0 at the top.
        lower: index of its lower end; the same where there is no vertebra beyond.
    """

    degrees: float
    upper: int
    lower: int


class CobbAngles(NamedTuple):
    """The three angles, in the order of the challenge's ``angles.csv``; the second may be smaller than the third."""

    major: CobbAngle
    second: CobbAngle
    third: CobbAngle

    @property
    def degrees(self) -> tuple[float, float, float]:
        """The three in degrees."""
        return self.major.degrees, self.second.degrees, self.third.degrees


def cobb_angles(corners: npt.ArrayLike, image_height: float) -> CobbAngles | None:
    """Measure a spine.

    Args:
        corners: (4 * V, 2) ``(x, y)`` in pixels, square ones: the corners of V vertebrae from top to bottom, of each
            top left, top right, bottom left, bottom right, as in the landmark set ``spine_68``, where V is 17.
        image_height: of the radiograph, in the same pixels.

    Returns:
        None where a corner is not known (NaN) or a vertebra has no width: each angle takes all vertebrae.

    Raises:
        ValueError: not the corners of two vertebrae or more.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) % 4 or len(points) < 8:
        raise ValueError(f"Cobb angles are measured from four corners (x, y) a vertebra, not from {points.shape}.")
    vertebrae = points.reshape(-1, 2, 2, 2)  # vertebra, top or bottom, left or right, coordinate
    tilts = vertebrae[:, :, 1].mean(axis=1) - vertebrae[:, :, 0].mean(axis=1)
    angles = angle_between_directions(tilts[:, np.newaxis], tilts)
    if np.isnan(angles).any():
        return None
    endplates = vertebrae.mean(axis=2)  # vertebra, top or bottom, coordinate
    last = len(tilts) - 1
    upper, lower = (int(index) for index in np.unravel_index(np.argmax(angles), angles.shape))
    if not _is_s_shaped(endplates.reshape(-1, 2)):
        above, third = (0, upper), (lower, last)
    else:
        above = _largest_above(angles, upper)
        in_upper_half = endplates[upper, 1, 1] + endplates[lower, 1, 1] < image_height
        third = _largest_below(angles, lower) if in_upper_half else _largest_above(angles, above[0])
    major, second, other = (CobbAngle(float(angles[ends]), *ends) for ends in ((upper, lower), above, third))
    return CobbAngles(major, second, other)


def _is_s_shaped(middles: FloatArray) -> bool:
    """Whether the (2 * V, 2) middles of the endplates lie on both sides of the line from the first to the last."""
    chord = middles[-1] - middles[0]
    x, y = np.moveaxis(middles[1:-2] - middles[0], -1, 0)  # the challenge leaves out the last but one
    side = chord[0] * y - chord[1] * x
    rounding = _ON_THE_LINE * float(chord @ chord)
    return bool((side > rounding).any() and (side < -rounding).any())


def _largest_above(angles: FloatArray, end: int) -> tuple[int, int]:
    """The ends of the largest angle between a vertebra and those above it."""
    return int(np.argmax(angles[end, : end + 1])), end


def _largest_below(angles: FloatArray, end: int) -> tuple[int, int]:
    """The ends of the largest angle between a vertebra and those below it."""
    return end, end + int(np.argmax(angles[end, end:]))

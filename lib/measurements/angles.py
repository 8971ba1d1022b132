"""Angles between directions and lines in the plane of the radiograph.

They need no millimetres, as long as the pixels are square: shifting, turning and scaling an image changes none of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def angle_between_directions(one: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """The angle by which one arrow is turned against another, whichever way round.

    From sine and cosine together: near 0 and 180 degrees the arccosine of the cosine alone loses half its digits.

    Args:
        one: (..., 2) directions ``(x, y)`` of any length.
        other: (..., 2), the same; the two are broadcast.

    Returns:
        (...) degrees, 0 to 180; NaN where a direction has no length or is not known.
    """
    (x1, y1), (x2, y2) = (np.moveaxis(np.asarray(vectors, dtype=np.float64), -1, 0) for vectors in (one, other))
    sine, cosine = np.abs(x1 * y2 - y1 * x2), x1 * x2 + y1 * y2
    angles: FloatArray = np.where((sine == 0) & (cosine == 0), np.nan, np.degrees(np.arctan2(sine, cosine)))
    return angles


def angle_between_lines(one: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """The smaller of the two angles at which lines cross, see :func:`angle_between_directions`; degrees, 0 to 90."""
    angles = angle_between_directions(one, other)
    smaller: FloatArray = np.minimum(angles, 180.0 - angles)
    return smaller

"""Lays one shape over another by shifting, turning and scaling it, whatever a minority of its points does.

Points are complex numbers, ``x + iy``: a similarity without reflection is then ``a * points + b``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

LARGEST_TURN = math.radians(45)
"""A shape is not turned farther than this: radiographs lie more or less as those the model was learned from."""

_STEPS = 6
_SOFT = 2.0  # in standard deviations: a residual of that size weighs half


@dataclass(frozen=True, slots=True)
class Similarity:
    """``factor * points + shift`` on complex points; the factor's angle is the turn, its size the scale."""

    factor: complex
    shift: complex

    def apply(self, points: ComplexArray) -> ComplexArray:
        """Move points."""
        return points * self.factor + self.shift

    def undo(self, points: ComplexArray) -> ComplexArray:
        """Move them back."""
        return (points - self.shift) / self.factor


def robust_similarity(points: ComplexArray, target: ComplexArray, spread: FloatArray) -> Similarity | None:
    """The similarity that lays most of the points over the target.

    It starts from the medians over all pairs of points of how much farther apart they are and how they are turned,
    which up to 29 % of points anywhere at all do not spoil, and goes on by weights that fall with the residual.

    Args:
        points: (K,) where K points of the shape lie.
        target: (K,) where they should.
        spread: (K,) standard deviations of the target's points, in its units.

    Returns:
        None where fewer than two points lie apart.
    """
    one, other = _pairs(len(points))
    apart, wanted = points[one] - points[other], target[one] - target[other]
    usable = (np.abs(apart) > 0) & (np.abs(wanted) > 0)
    if not usable.any():
        return None
    ratio = wanted[usable] / apart[usable]
    factor = _limited(np.exp(np.median(np.log(np.abs(ratio)))) * np.exp(1j * np.median(np.angle(ratio))))
    moved = target - factor * points
    shift = complex(np.median(moved.real), np.median(moved.imag))
    for _ in range(_STEPS):
        away = np.abs(factor * points + shift - target) / (spread * _SOFT)
        weights = 1.0 / (spread**2 * (1.0 + away**2) ** 2)
        weights /= weights.sum()
        centre, aim = weights @ points, weights @ target
        length = float(weights @ np.abs(points - centre) ** 2)
        product = complex((weights * (points - centre).conj()) @ (target - aim))
        if length <= 0 or product == 0:
            break
        factor = _limited(product / length)
        shift = complex(aim - factor * centre)
    return Similarity(complex(factor), shift)


@cache
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Two indices of each pair of so many points."""
    return np.triu_indices(count, 1)


def _limited(factor: complex) -> complex:
    """The factor, turned no farther than :data:`LARGEST_TURN`."""
    angle = float(np.angle(factor))
    return factor if abs(angle) <= LARGEST_TURN else abs(factor) * np.exp(1j * math.copysign(LARGEST_TURN, angle))


def as_complex(points: FloatArray) -> ComplexArray:
    """(..., 2) coordinates as (...) complex numbers."""
    return points[..., 0] + 1j * points[..., 1]


def as_pairs(points: ComplexArray) -> FloatArray:
    """(...) complex numbers as (..., 2) coordinates."""
    return np.stack([points.real, points.imag], axis=-1)

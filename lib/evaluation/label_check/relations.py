"""What lies left of what and above what in all labels but those with a fault, learned from the labels themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST_LABELS = 20
FIRM = 6.0
"""A relation holds whoever the patient is if its distance is so many times its spread over patients."""
_HOLDING = 0.95
_MOST_LABELS = 2000  # of more, evenly chosen ones say the same
_LEAST_SPREAD = 1e-3
_MAD = 1.4826  # times the median absolute deviation is the standard deviation


@dataclass(frozen=True, slots=True)
class Broken:
    """A relation that a label breaks.

    Args:
        first, second: indices of landmarks; the first should be left of the second, or above it.
        axis: 0 for left, 1 for above.
        excess: how far it is from the usual distance, in units of what makes a relation firm; above 1.
        holds, seen: in how many labels it holds, and of how many.
    """

    first: int
    second: int
    axis: int
    excess: float
    holds: int
    seen: int


@dataclass(frozen=True, slots=True, eq=False)
class Relations:
    """K firm relations: landmark ``first`` lies left of ``second`` (axis 0) or above it (axis 1).

    Args:
        first, second, axis: (K,).
        typical, spread: (K,) of the distance along the axis, in sizes of the shape.
        holds, seen: (K,) in how many labels, and of how many.
    """

    first: IntArray
    second: IntArray
    axis: IntArray
    typical: FloatArray
    spread: FloatArray
    holds: IntArray
    seen: IntArray

    @classmethod
    def learn(cls, shapes: FloatArray) -> Relations:
        """Learn from (M, N, 2) labels, some of which may be wrong; NaN where a landmark is not annotated.

        A relation must hold in most labels, and its usual distance must be many times what it varies by, so that no
        patient's anatomy turns it round. Both are medians: a minority of wrong labels does not change them.
        """
        chosen = (
            shapes[:: 1 + (len(shapes) - 1) // _MOST_LABELS] / _sizes(shapes)[:: 1 + (len(shapes) - 1) // _MOST_LABELS]
        )
        landmarks = shapes.shape[1]
        found: list[tuple[npt.NDArray[Any], ...]] = []
        for first in range(landmarks - 1):
            apart = chosen[:, first + 1 :] - chosen[:, first : first + 1]  # (M, rest, 2)
            seen = (~np.isnan(apart)).sum(axis=0)
            enough = seen >= FEWEST_LABELS
            apart = np.where(enough, apart, 0.0)
            typical = np.nanmedian(apart, axis=0)
            spread = np.maximum(_MAD * np.nanmedian(np.abs(apart - typical), axis=0), _LEAST_SPREAD)
            holds = (apart * np.sign(typical) > 0).sum(axis=0)
            firm = enough & (np.abs(typical) >= FIRM * spread) & (holds >= _HOLDING * seen)
            rest, axis = np.nonzero(firm)
            one, other = np.full(len(rest), first), rest + first + 1
            turned = typical[rest, axis] < 0
            ends = np.where(turned, other, one), np.where(turned, one, other)
            values = (np.abs(typical), spread, holds, seen)
            found.append((*ends, axis, *(value[rest, axis] for value in values)))
        if not found:
            return cls(*(np.empty(0, dtype) for dtype in (int, int, int, float, float, int, int)))
        return cls(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def broken(self, points: FloatArray) -> list[Broken]:
        """The relations that a label's (N, 2) points break, the worst first."""
        if not len(self.first):
            return []
        points = points / _sizes(points[None])[0]
        apart = points[self.second, self.axis] - points[self.first, self.axis]
        excess = (self.typical - apart) / self.spread / FIRM
        rows = np.flatnonzero(apart <= 0)
        table = (self.first, self.second, self.axis, excess, self.holds, self.seen)
        return sorted((Broken(*(column[row].item() for column in table)) for row in rows), key=lambda one: -one.excess)


def culprits(broken: list[Broken]) -> list[int]:
    """The fewest landmarks, about, without which no relation would be broken; both where it may be either."""
    left, named = list(broken), list[int]()
    while left:
        counts = Counter(index for one in left for index in (one.first, one.second))
        most = max(counts.values())
        named += [index for index, number in counts.items() if number == most] if most == 1 else []
        worst = max(counts, key=lambda index: counts[index])
        if most > 1:
            named.append(worst)
        left = [] if most == 1 else [one for one in left if worst not in (one.first, one.second)]
    return sorted(named)


def _sizes(shapes: FloatArray) -> FloatArray:
    """(M, 1, 1) root mean square of the points' distances from their middle."""
    away = shapes - np.nanmean(shapes, axis=1, keepdims=True)
    square = np.nanmean((away**2).sum(axis=2), axis=1)
    sizes: FloatArray = np.maximum(np.sqrt(square), 1e-9)[:, None, None]
    return sizes

"""A straight line from features to the logarithm of the error, with an offset for each landmark, and then bent.

The line alone makes too little of the difference between a landmark that is found and one that is not: where it
expects little, errors were larger than it says, and so they were where it expects most.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from lib.confidence.features import FEATURES

FloatArray = npt.NDArray[np.float64]

FLOOR = 2e-4
"""Share of the image's diagonal: errors below it are as good as none, and their logarithm would weigh too much."""
_PRIOR = 8.0
"""So many measurements would have to speak for a slope of 1 before half of it is believed."""
_LARGEST = 100.0
_PRIOR_LANDMARK = 4.0
"""The same for a landmark's offset from the others."""
_PER_KNOT = 150
_MOST_KNOTS = 10
"""The bend has a knot for so many measurements, and at most so many; with less than two it stays straight."""
_APART = 1e-6
_FLATTEST = 0.1
"""What the line calls larger is larger: the bend never rises less than this."""


class ErrorModel(BaseModel):
    """What error a landmark is expected to have, as a share of the image's diagonal, up to a common factor.

    Attributes:
        centre, spread: of the F features among those that it was fitted to.
        slopes: F of standardised features.
        offsets: of the N landmarks.
        intercept: logarithm of an ordinary landmark's error.
        knots: logarithms of what the line says, ascending, and of the median error where it says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    intercept: float
    knots: tuple[tuple[float, float], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if {len(self.centre), len(self.spread), len(self.slopes)} != {len(FEATURES)}:
            raise ValueError(f"it is not for {len(FEATURES)} features")
        bend = [number for knot in self.knots for number in knot]
        numbers = (*self.centre, *self.spread, *self.slopes, *self.offsets, self.intercept, *bend)
        if not all(math.isfinite(number) and abs(number) < _LARGEST for number in numbers) or min(self.spread) <= 0:
            raise ValueError("its numbers are no errors")
        if any(after[0] <= before[0] or after[1] <= before[1] for before, after in pairwise(self.knots)):
            raise ValueError("its bend does not rise")
        return self

    @classmethod
    def fit(cls, features: FloatArray, errors: FloatArray, knots: int | None = None) -> Self:
        """Fit by ridge regression.

        Args:
            features: (M, N, F).
            errors: (M, N) shares of the diagonal, NaN where a landmark is not annotated.
            knots: of the bend; None: as many as :func:`knots_for` allows.
        """
        known = ~np.isnan(errors)
        number_of_knots = knots_for(int(known.sum())) if knots is None else knots
        flat, landmark = features[known], np.nonzero(known)[1]
        centre, spread = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-6)
        wanted = np.log(np.maximum(errors[known], FLOOR))
        intercept = float(wanted.mean())
        design = np.concatenate([(flat - centre) / spread, np.eye(errors.shape[1])[landmark]], axis=1)
        number = flat.shape[1]
        prior = np.repeat([_PRIOR, _PRIOR_LANDMARK], [number, errors.shape[1]])
        found = np.linalg.solve(design.T @ design + np.diag(prior), design.T @ (wanted - intercept))
        straight = cls(
            centre=tuple(centre.tolist()),
            spread=tuple(spread.tolist()),
            slopes=tuple(found[:number].tolist()),
            offsets=tuple(found[number:].tolist()),
            intercept=intercept,
        )
        return straight.model_copy(update={"knots": _knots(straight._line(features)[known], wanted, number_of_knots)})

    def __call__(self, features: FloatArray) -> FloatArray:
        """(..., N, F) features to (..., N) errors."""
        line = self._line(features)
        if self.knots:
            said, found = np.asarray(self.knots).T
            rise = np.diff(found) / np.diff(said)
            below, above = np.minimum(line - said[0], 0.0), np.maximum(line - said[-1], 0.0)
            line = np.interp(line, said, found) + min(rise[0], 1.0) * below + min(rise[-1], 1.0) * above
        error: FloatArray = np.exp(line)
        return error

    def _line(self, features: FloatArray) -> FloatArray:
        standard = ((features - self.centre) / self.spread).clip(-6.0, 6.0)  # no wild guesses where nothing was seen
        line: FloatArray = self.intercept + standard @ np.asarray(self.slopes) + np.asarray(self.offsets)
        return line


def knots_for(measurements: int) -> int:
    """How many knots so many measurements allow."""
    return min(measurements // _PER_KNOT, _MOST_KNOTS)


def _knots(line: FloatArray, errors: FloatArray, number: int) -> tuple[tuple[float, float], ...]:
    """Of (n,) logarithms: what the line says on average in parts of equal number, and the median error there."""
    if number <= 1:
        return ()
    knots: list[tuple[float, float]] = []
    for part in np.array_split(np.argsort(line, kind="stable"), number):
        said, found = float(line[part].mean()), float(np.median(errors[part]))
        if not knots:
            knots.append((said, found))
        elif said > knots[-1][0] + _APART:
            knots.append((said, max(found, knots[-1][1] + _FLATTEST * (said - knots[-1][0]))))
    return tuple(knots) if len(knots) > 1 else ()

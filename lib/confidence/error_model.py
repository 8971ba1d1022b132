"""A straight line from features to the logarithm of the error, with an offset for each landmark."""

from __future__ import annotations

import math
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


class ErrorModel(BaseModel):
    """What error a landmark is expected to have, as a share of the image's diagonal, up to a common factor.

    Attributes:
        centre, spread: of the F features among those that it was fitted to.
        slopes: F of standardised features.
        offsets: of the N landmarks.
        intercept: logarithm of an ordinary landmark's error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    intercept: float

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if {len(self.centre), len(self.spread), len(self.slopes)} != {len(FEATURES)}:
            raise ValueError(f"it is not for {len(FEATURES)} features")
        numbers = (*self.centre, *self.spread, *self.slopes, *self.offsets, self.intercept)
        if not all(math.isfinite(number) and abs(number) < _LARGEST for number in numbers) or min(self.spread) <= 0:
            raise ValueError("its numbers are no errors")
        return self

    @classmethod
    def fit(cls, features: FloatArray, errors: FloatArray) -> Self:
        """Fit by ridge regression.

        Args:
            features: (M, N, F).
            errors: (M, N) shares of the diagonal, NaN where a landmark is not annotated.
        """
        known = ~np.isnan(errors)
        flat, landmark = features[known], np.nonzero(known)[1]
        centre, spread = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-6)
        wanted = np.log(np.maximum(errors[known], FLOOR))
        intercept = float(wanted.mean())
        design = np.concatenate([(flat - centre) / spread, np.eye(errors.shape[1])[landmark]], axis=1)
        number = flat.shape[1]
        prior = np.repeat([_PRIOR, _PRIOR_LANDMARK], [number, errors.shape[1]])
        found = np.linalg.solve(design.T @ design + np.diag(prior), design.T @ (wanted - intercept))
        return cls(
            centre=tuple(centre.tolist()),
            spread=tuple(spread.tolist()),
            slopes=tuple(found[:number].tolist()),
            offsets=tuple(found[number:].tolist()),
            intercept=intercept,
        )

    def __call__(self, features: FloatArray) -> FloatArray:
        """(..., N, F) features to (..., N) errors."""
        standard = ((features - self.centre) / self.spread).clip(-6.0, 6.0)  # no wild guesses where nothing was seen
        error: FloatArray = np.exp(self.intercept + standard @ np.asarray(self.slopes) + np.asarray(self.offsets))
        return error

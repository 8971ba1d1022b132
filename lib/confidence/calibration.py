"""From held-out errors to a promise: within this radius lie nine of ten landmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.confidence.conformal import fewest_groups, group_weights, grouped_quantile
from lib.confidence.ellipse import Shapes, mean_shapes, normalised, shape_norm
from lib.confidence.error_model import ErrorModel

FloatArray = npt.NDArray[np.float64]

COVERAGE = 0.9
FEWEST_PATIENTS = 12
"""Nine would do for the promise, but the radius would then be that of the largest error, and of no use."""
CHECK_SHARE = 0.2
"""Of ordinary landmarks so many carry the flag "check this one": those with the largest errors to be expected."""
_FOLDS = 5
_ABSURD = 1e6
_LEVELS = np.linspace(0.0, 1.0, 51)


class TooFewError(ValueError):
    """Too few held-out patients for a promise; one sentence that says how many are needed."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutCase:
    """A labelled image that the model has not learnt from.

    Args:
        group: its patient; images of one are not independent.
        features: (N, F), see :func:`~lib.confidence.features.feature_table`.
        shapes: (N, 2, 2) covariances of the heat maps in square pixels of the file, x first; only their form counts.
        errors: (N, 2) prediction minus label as shares of the file's diagonal; NaN where not annotated.
        distance: of the predicted shape, see :class:`~lib.shapes.ShapeJudgement`; NaN where no shape is known.
    """

    group: str
    features: FloatArray
    shapes: FloatArray
    errors: FloatArray
    distance: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What is to be expected of the landmarks of one image; lengths are shares of the file's diagonal.

    Args:
        error: (N,) the radial error to be expected.
        radius: (N,) of the circle in which nine of ten lie.
        shapes: (N, 2, 2) so that the ellipse ``d' shapes^-1 d <= 1`` covers nine of ten.
        check: (N,) whether a person should look.
    """

    error: FloatArray
    radius: FloatArray
    shapes: FloatArray
    check: npt.NDArray[np.bool_]


class Calibration(BaseModel):
    """How a model's evidence translates into errors.

    Lengths are shares of the file's diagonal, so that files of other sizes have errors of the same kind. The radius is
    split-conformal on errors relative to what is expected, cross-fitted: each patient's errors are compared with what
    was expected without them.

    Attributes:
        errors: features to error, up to a factor.
        shapes: of each landmark's usual errors: xx, xy, yy with determinant 1.
        radius, ellipse: times the expected error, for :data:`COVERAGE`.
        mean: times the expected error is the mean error.
        ratios: quantiles of error over expected error at 0, 2, ..., 100 %.
        check_above: expected errors from here on are to be checked.
        patients, images: what it was fitted to.
        seen: of each landmark, how many labels; nothing is promised of one that had none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    errors: ErrorModel
    shapes: tuple[tuple[float, float, float], ...]
    radius: float
    ellipse: float
    mean: float
    ratios: tuple[float, ...]
    check_above: float
    patients: Annotated[int, Field(ge=1)]
    images: int
    seen: tuple[int, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = (self.radius, self.ellipse, self.mean, self.check_above)
        if not all(math.isfinite(number) and 0 < number < _ABSURD for number in numbers):
            raise ValueError("its factors are not all positive")
        if len(self.ratios) != len(_LEVELS) or not np.isfinite(self.ratios).all() or np.diff(self.ratios).min() < 0:
            raise ValueError("its quantiles do not rise")
        if {len(self.shapes), len(self.seen)} != {len(self.errors.offsets)}:
            raise ValueError("its tables have other lengths")
        if np.linalg.eigvalsh(Shapes.full(self.shapes)).min() <= 0:
            raise ValueError("its ellipses are none")
        return self

    @classmethod
    def fit(cls, cases: Sequence[HeldOutCase]) -> Self:
        """Calibrate on held-out images.

        Raises:
            TooFewError: fewer patients than the coverage needs.
        """
        usable = [case for case in cases if not np.isnan(case.errors).all()]
        groups = [case.group for case in usable]
        number = len(set(groups))
        if number < max(FEWEST_PATIENTS, fewest_groups(COVERAGE)):
            raise TooFewError(
                f"a radius that covers {COVERAGE:.0%} takes labels of {FEWEST_PATIENTS} patients that the model has "
                f"not learnt from; there {'is' if number == 1 else 'are'} {number}."
            )
        features, maps, errors = (np.stack([getattr(case, key) for case in usable]) for key in _TABLES)
        expected, form = _cross_fitted(features, maps, errors, groups)
        radial = np.linalg.norm(errors, axis=-1)
        known = ~np.isnan(radial)
        of_each = np.repeat(groups, known.sum(axis=1)).tolist()
        ratios = (radial / expected)[known]
        weights = group_weights(of_each)
        whole, shapes = ErrorModel.fit(features, radial), mean_shapes(errors)
        return cls(
            errors=whole,
            shapes=shapes,
            radius=grouped_quantile(ratios, of_each, COVERAGE),
            ellipse=grouped_quantile((shape_norm(errors, form) / expected)[known], of_each, COVERAGE),
            mean=float(np.sum(weights * ratios)),
            ratios=tuple(_weighted_quantiles(ratios, weights).tolist()),
            check_above=float(np.quantile(expected[known], 1.0 - CHECK_SHARE)),
            patients=number,
            seen=tuple(known.sum(axis=0).tolist()),
            images=len(usable),
        )

    def expect(self, features: FloatArray, maps: FloatArray) -> Expectation:
        """What is to be expected of one image.

        Args:
            features: (N, F).
            maps: (N, 2, 2) as in :class:`HeldOutCase`.
        """
        scale = self.errors(features)
        form = normalised(Shapes.full(self.shapes), maps)
        return Expectation(
            error=scale * self.mean,
            radius=scale * self.radius,
            shapes=form * (scale * self.ellipse)[:, None, None] ** 2,
            check=scale > self.check_above,
        )

    def chance_within(self, features: FloatArray, distance: FloatArray) -> FloatArray:
        """(N,) how likely each landmark lies within (N,) distances, shares of the diagonal; 0 to 1.

        Never quite 1: of one more patient than there were nothing is known.
        """
        chance: FloatArray = np.interp(distance / self.errors(features), self.ratios, _LEVELS)
        return chance * (self.patients / (self.patients + 1))


_TABLES = ("features", "shapes", "errors")


def _cross_fitted(
    features: FloatArray, maps: FloatArray, errors: FloatArray, groups: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """What was expected of each image by those of other patients: errors (M, N) and forms (M, N, 2, 2)."""
    names = {name: number for number, name in enumerate(sorted(set(groups)))}
    fold = np.array([names[name] % min(_FOLDS, len(names)) for name in groups])
    radial = np.linalg.norm(errors, axis=-1)
    expected, form = np.empty_like(radial), np.empty_like(maps)
    for number in range(fold.max() + 1):
        apart, others = fold == number, fold != number
        expected[apart] = ErrorModel.fit(features[others], radial[others])(features[apart])
        form[apart] = normalised(Shapes.full(mean_shapes(errors[others])), maps[apart])
    return expected, form


def _weighted_quantiles(values: FloatArray, weights: FloatArray) -> FloatArray:
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) - 0.5 * weights[order]
    quantiles: FloatArray = np.interp(_LEVELS, reached, values[order])
    quantiles[0] = 0.0  # nobody can be sure to be off by at least something
    return np.maximum.accumulate(quantiles + 1e-9 * np.arange(len(quantiles)))

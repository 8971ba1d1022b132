"""From held-out errors to a promise: within this radius lie nine of ten landmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.confidence.conformal import Witnesses, fewest_groups
from lib.confidence.ellipse import Shapes, mean_shapes, normalised, shape_norm
from lib.confidence.error_model import ErrorModel, knots_for

FloatArray = npt.NDArray[np.float64]

COVERAGE = 0.9
FEWEST_PATIENTS = 12
"""Nine would do for the promise, but the radius would then be that of the largest error, and of no use."""
CHECK_SHARE = 0.2
"""Of ordinary landmarks so many carry the flag "check this one": those with the largest errors to be expected."""
_FOLDS = 5
_ABSURD = 1e6
_NO_ERROR = 1e-7
_TINY = 1e-3
"""No landmark is found a thousand times better than evidence says, even if every label was accepted as predicted."""
_LEVELS = np.linspace(0.0, 1.0, 51)


class NoPromiseError(ValueError):
    """Held-out labels that allow no promise; one sentence that says what is needed."""


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
    was expected without them. Each landmark has factors of its own, see :class:`~lib.confidence.conformal.Witnesses`.

    Attributes:
        errors: features to error, up to a factor.
        shapes: of each landmark's usual errors: xx, xy, yy with determinant 1.
        radius, ellipse: of each landmark, times the expected error, for :data:`COVERAGE`.
        mean: of each landmark, times the expected error is the mean error.
        ratios: of each landmark, quantiles of error over expected error at 0, 2, ..., 100 %.
        check_above: mean errors from here on are to be checked.
        patients, images: what it was fitted to.
        seen: of each landmark, how many labels; nothing is promised of one that had none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    errors: ErrorModel
    shapes: tuple[tuple[float, float, float], ...]
    radius: tuple[float, ...]
    ellipse: tuple[float, ...]
    mean: tuple[float, ...]
    ratios: tuple[tuple[float, ...], ...]
    check_above: float
    patients: Annotated[int, Field(ge=1)]
    images: int
    seen: tuple[int, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = (*self.radius, *self.ellipse, *self.mean, self.check_above)
        if not all(math.isfinite(number) and 0 < number < _ABSURD for number in numbers):
            raise ValueError("its factors are not all positive")
        tables = (self.shapes, self.seen, self.radius, self.ellipse, self.mean, self.ratios)
        if {len(table) for table in tables} != {len(self.errors.offsets)}:
            raise ValueError("its tables have other lengths")
        if {len(row) for row in self.ratios} != {len(_LEVELS)} or not _rise(np.asarray(self.ratios)):
            raise ValueError("its quantiles do not rise")
        if np.linalg.eigvalsh(Shapes.full(self.shapes)).min() <= 0:
            raise ValueError("its ellipses are none")
        return self

    @classmethod
    def fit(cls, cases: Sequence[HeldOutCase]) -> Self:
        """Calibrate on held-out images.

        Raises:
            NoPromiseError: fewer patients than the coverage needs, or most labels are the predictions themselves.
        """
        usable = [case for case in cases if not np.isnan(case.errors).all()]
        groups = [case.group for case in usable]
        number = len(set(groups))
        if number < max(FEWEST_PATIENTS, fewest_groups(COVERAGE)):
            raise NoPromiseError(
                f"a radius that covers {COVERAGE:.0%} takes labels of {FEWEST_PATIENTS} patients that the model has "
                f"not learnt from; there {'is' if number == 1 else 'are'} {number}."
            )
        features, maps, errors = (np.stack([getattr(case, key) for case in usable]) for key in _TABLES)
        radial = np.linalg.norm(errors, axis=-1)
        known = ~np.isnan(radial)
        if np.median(radial[known]) < _NO_ERROR:
            raise NoPromiseError(
                "most labels lie exactly where the model predicts: they are its own, accepted as they are, and tell "
                "nothing of its errors."
            )
        expected, form, knots = _cross_fitted(features, maps, errors, groups)
        circles = Witnesses.of_columns(radial / expected, groups)
        ellipses = Witnesses.of_columns(shape_norm(errors, form) / expected, groups)
        mean = np.array([max(circle.mean(), _TINY) for circle in circles])
        return cls(
            errors=ErrorModel.fit(features, radial, knots),
            shapes=mean_shapes(errors),
            radius=tuple(max(circle.quantile(COVERAGE), _TINY) for circle in circles),
            ellipse=tuple(max(ellipse.quantile(COVERAGE), _TINY) for ellipse in ellipses),
            mean=tuple(mean.tolist()),
            ratios=tuple(_rising(circle.quantiles(_LEVELS)) for circle in circles),
            check_above=float(np.quantile((expected * mean)[known], 1.0 - CHECK_SHARE)),
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
        error = scale * self.mean
        form = normalised(Shapes.full(self.shapes), maps)
        return Expectation(
            error=error,
            radius=scale * self.radius,
            shapes=form * (scale * self.ellipse)[:, None, None] ** 2,
            check=error > self.check_above,
        )

    def chance_within(self, features: FloatArray, distance: FloatArray) -> FloatArray:
        """(N,) how likely each landmark lies within (N,) distances, shares of the diagonal; 0 to 1.

        Never quite 1: of one more patient than there were nothing is known.
        """
        relative = distance / self.errors(features)
        chance = [np.interp(value, row, _LEVELS) for value, row in zip(relative, self.ratios, strict=True)]
        return np.asarray(chance, dtype=np.float64) * (self.patients / (self.patients + 1))


_TABLES = ("features", "shapes", "errors")


def _cross_fitted(
    features: FloatArray, maps: FloatArray, errors: FloatArray, groups: Sequence[str]
) -> tuple[FloatArray, FloatArray, int]:
    """What was expected of each image by those of other patients: errors (M, N) and forms (M, N, 2, 2).

    And the number of knots of each error model, which must be the same for the one that is fitted to all.
    """
    names = {name: number for number, name in enumerate(sorted(set(groups)))}
    fold = np.array([names[name] % min(_FOLDS, len(names)) for name in groups])
    radial = np.linalg.norm(errors, axis=-1)
    known = (~np.isnan(radial)).sum(axis=1)
    knots = knots_for(min(int(known[fold != number].sum()) for number in range(fold.max() + 1)))
    expected, form = np.empty_like(radial), np.empty_like(maps)
    for number in range(fold.max() + 1):
        apart, others = fold == number, fold != number
        expected[apart] = ErrorModel.fit(features[others], radial[others], knots)(features[apart])
        form[apart] = normalised(Shapes.full(mean_shapes(errors[others])), maps[apart])
    return expected, form, knots


def _rising(quantiles: FloatArray) -> tuple[float, ...]:
    quantiles[0] = 0.0  # nobody can be sure to be off by at least something
    rising: FloatArray = np.maximum.accumulate(quantiles + 1e-9 * np.arange(len(quantiles)))
    return tuple(rising.tolist())


def _rise(rows: FloatArray) -> bool:
    return bool(np.isfinite(rows).all() and np.diff(rows, axis=1).min() >= 0)

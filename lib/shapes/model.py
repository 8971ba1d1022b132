"""A shape model: what it is made of, how it is stored, and how it judges a shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lib.shapes.align import Similarity, as_complex, as_pairs, robust_similarity
from lib.shapes.exchange import Groups, exchange, exchanged_points, exchanged_runs
from lib.shapes.factors import Factors
from lib.shapes.gaussian import FEWEST, Told, believable, joined, squared_length, told_by
from lib.shapes.learn import Learned, freedom_limit, learn, parts_of
from lib.shapes.relations import Relations

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FEWEST_SHAPES = 8
_ALMOST, _CLEARLY = 1.5, 3.0  # a mirrored shape is also plausible that is almost, and clearly more than as it is
_BETTER = 1.5  # how much more plausible an exchange must make a shape
_LEFT_TO_RIGHT = np.array([-1.0, 1.0])


class ShapeError(ValueError):
    """Shapes that nothing can be learned from, or a model that cannot be read; one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class ShapeJudgement:
    """How plausible a shape is.

    Args:
        distance: of the whole shape; about 1 % of good shapes that were not learned from exceed 1. NaN where fewer than
            three landmarks are known.
        landmarks: (N,) of each landmark from where the others say it lies, in the same unit; NaN where not known. About
            1 % of good shapes have any above 1.
        expected: (N, 2) pixels, where the others say it lies, whether it is known or not.
        spread: (N,) pixels, one standard deviation of a coordinate of that.
        mirrored: left to right, as in a mirror, the shape would be plausible, and as it is, it is not.
        swapped: groups of landmarks, by index, each of which lies where the next one should, the last where the first.
    """

    distance: float
    landmarks: FloatArray
    expected: FloatArray
    spread: FloatArray
    mirrored: bool
    swapped: Groups


@dataclass(frozen=True, slots=True, eq=False)
class ShapeModel:
    """Where the landmarks of a set lie to one another, whatever the place, the size and (to 45°) the turn.

    Args:
        count: N, landmarks of the set.
        covered: (L,) indices of those that enough shapes had.
        learned: what was learned of these.
    """

    count: int
    covered: npt.NDArray[np.intp]
    learned: Learned
    _inverse: FloatArray = field(init=False, repr=False)
    _relations: Relations = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_inverse", self.learned.factors.inverse())
        object.__setattr__(self, "_relations", Relations.of(self.learned.factors, self.learned.widening))

    @classmethod
    def fit(cls, shapes: npt.ArrayLike) -> Self:
        """Learn from labels, of which some may be wrong.

        Args:
            shapes: (M, N, 2) ``(x, y)`` in pixels, NaN where a landmark is not annotated; images of any size.

        Raises:
            ShapeError: too few shapes or landmarks, or no array of this form.
        """
        given, covered, usable = _prepared(shapes)
        return cls(given.shape[1], covered, learn(given[usable][:, covered])[0])

    @property
    def shapes(self) -> int:
        """How many shapes it was learned from."""
        return self.learned.count

    def judge(self, points: npt.ArrayLike) -> ShapeJudgement:
        """Say how plausible a shape is.

        Args:
            points: (N, 2) ``(x, y)`` in pixels, NaN where a landmark is not known.
        """
        shape = self._checked(points)
        laid = self._lay(shape[self.covered])
        if laid is None:
            nothing = np.full(self.count, np.nan)
            return ShapeJudgement(np.nan, nothing, np.full((self.count, 2), np.nan), nothing.copy(), False, ())
        mirror = self._lay(shape[self.covered] * _LEFT_TO_RIGHT) if laid.distance > 1 else None
        return ShapeJudgement(
            laid.distance,
            self._spread_out(laid.told.distance / laid.limits),
            self._spread_out(laid.expected(self.learned.factors.mean)),
            self._spread_out(laid.deviations(self.learned.widening)),
            mirrored=mirror is not None and mirror.distance <= max(1.0, min(_ALMOST, laid.distance / _CLEARLY)),
            swapped=self._swapped(shape[self.covered], laid) if laid.distance > 1 else (),
        )

    def expected(self, points: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """``expected`` and ``spread`` as :meth:`judge` has them, without judging; all NaN where there is no shape."""
        laid = self._lay(self._checked(points)[self.covered])
        if laid is None:
            return np.full((self.count, 2), np.nan), np.full(self.count, np.nan)
        places = laid.expected(self.learned.factors.mean)
        return self._spread_out(places), self._spread_out(laid.deviations(self.learned.widening))

    def relations(self, points: npt.ArrayLike) -> Relations | None:
        """How far apart landmarks that tell most of one another lie in an image, in its pixels.

        Args:
            points: (N, 2) ``(x, y)`` in pixels, NaN where a landmark is not known; those that most agree with say how
                large shapes are in this image, and how they are turned.

        Returns:
            None where too few are known to say that.
        """
        shape = self._checked(points)[self.covered]
        known = np.isfinite(shape).all(axis=1)
        pose = self._pose(shape, known) if known.sum() >= FEWEST else None
        if pose is None:
            return None
        back = 1.0 / pose.factor
        turn = np.array([[back.real, -back.imag], [back.imag, back.real]])
        return self._relations.moved(turn).renamed(self.covered)

    def _checked(self, points: npt.ArrayLike) -> FloatArray:
        shape = np.asarray(points, dtype=np.float64)
        if shape.shape != (self.count, 2):
            raise ShapeError(f"The model judges shapes of {self.count} landmarks, not an array of {shape.shape}.")
        return shape

    def _pose(self, shape: FloatArray, known: BoolArray) -> Similarity | None:
        learned = self.learned
        target = as_complex(learned.factors.mean[known])
        return robust_similarity(as_complex(shape[known]), target, learned.spread[known])

    def _swapped(self, shape: FloatArray, laid: _Laid) -> Groups:
        mean = self.learned.factors.mean
        points = laid.away + mean
        found = exchanged_points(points, laid.told.expected + mean, laid.told, laid.limits)
        remains = self._distance(exchange(shape, found)) if found else laid.distance
        if remains > 1:
            runs = exchanged_runs(points, mean, joined(self._inverse, ~np.isnan(points[:, 0])))
            if self._distance(exchange(shape, runs)) < min(1.0, remains / _BETTER):
                found = runs
        return tuple(tuple(int(self.covered[index]) for index in group) for group in found)

    def _distance(self, shape: FloatArray) -> float:
        laid = self._lay(shape)
        return np.inf if laid is None else laid.distance

    def _lay(self, shape: FloatArray) -> _Laid | None:
        known = np.isfinite(shape).all(axis=1)
        if known.sum() < FEWEST:
            return None
        learned, mean = self.learned, self.learned.factors.mean
        pose = self._pose(shape, known)
        if pose is None:
            return None
        away = np.full(shape.shape, np.nan)
        away[known] = as_pairs(pose.apply(as_complex(shape[known]))) - mean[known]
        limits = learned.widening * learned.limit
        kept = believable(self._inverse, away, known, limits)
        told = told_by(self._inverse, away, kept)
        length = squared_length(joined(self._inverse, known), away) / (freedom_limit(int(known.sum())) * learned.excess)
        worst = float(np.nanmax(told.distance / limits))
        return _Laid(pose, away, told, limits, max(float(np.sqrt(max(length, 0.0))), worst))

    def _spread_out(self, values: FloatArray) -> FloatArray:
        full = np.full((self.count, *values.shape[1:]), np.nan)
        full[self.covered] = values
        return full

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, with five significant digits."""
        learned, factors = self.learned, self.learned.factors
        return {
            "count": self.count,
            "covered": self.covered.tolist(),
            "shapes": learned.count,
            "mean": _rounded(factors.mean),
            "loadings": _rounded(factors.loadings),
            "noise": _rounded(factors.noise),
            "spread": _rounded(learned.spread),
            "widening": _rounded(learned.widening),
            "limit": _rounded(learned.limit),
            "excess": _rounded(learned.excess),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The model that :meth:`as_dict` stored.

        Raises:
            ShapeError: something else was stored.
        """
        try:
            covered = np.array(stored["covered"], dtype=np.intp)
            size = len(covered)
            factors = Factors(
                np.array(stored["mean"], dtype=np.float64).reshape(size, 2),
                np.array(stored["loadings"], dtype=np.float64).reshape(size, 2, -1) if size else np.zeros((0, 2, 0)),
                np.array(stored["noise"], dtype=np.float64).reshape(size),
            )
            spread, widening = (np.array(stored[key], dtype=np.float64).reshape(size) for key in ("spread", "widening"))
            cutoffs = float(stored["limit"]), float(stored["excess"])
            return cls(int(stored["count"]), covered, Learned(factors, spread, widening, *cutoffs, stored["shapes"]))
        except (KeyError, TypeError, ValueError, np.linalg.LinAlgError) as error:
            raise ShapeError(f"This is no stored shape model: {error}.") from error


@dataclass(frozen=True, slots=True)
class _Laid:
    """A shape laid over the mean, and what its landmarks say of one another."""

    pose: Similarity
    away: FloatArray
    told: Told
    limits: FloatArray
    distance: float

    def expected(self, mean: FloatArray) -> FloatArray:
        """(L, 2) pixels."""
        return as_pairs(self.pose.undo(as_complex(self.told.expected + mean)))

    def deviations(self, widening: FloatArray) -> FloatArray:
        """(L,) pixels."""
        trace = np.trace(self.told.covariance, axis1=1, axis2=2)
        result: FloatArray = np.sqrt(trace / 2) * widening / abs(self.pose.factor)
        return result


def judge_by_others(shapes: npt.ArrayLike) -> list[ShapeJudgement]:
    """Judge labels, each by a model that was learned from others.

    Args:
        shapes: as :meth:`ShapeModel.fit` takes them.

    Raises:
        ShapeError: too few shapes or landmarks, or no array of this form.
    """
    given, covered, usable = _prepared(shapes)
    whole, others = learn(given[usable][:, covered])
    models = [ShapeModel(given.shape[1], covered, learned) for learned in others]
    chosen = dict(zip(np.flatnonzero(usable).tolist(), parts_of(int(usable.sum())).tolist(), strict=True))
    of_all = ShapeModel(given.shape[1], covered, whole)
    return [(models[chosen[row]] if row in chosen else of_all).judge(shape) for row, shape in enumerate(given)]


def _prepared(shapes: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.intp], BoolArray]:
    """(M, N, 2) shapes with NaN where a place is not known, landmarks that enough have, and (M,) which are shapes."""
    given = np.asarray(shapes, dtype=np.float64)
    if given.ndim != 3 or given.shape[2] != 2:
        raise ShapeError(f"Shapes are an array of (M, N, 2), not of {given.shape}.")
    given = np.where(np.isfinite(given).all(axis=2, keepdims=True), given, np.nan)
    count = sum(_is_shape(shape) for shape in given)
    if count < FEWEST_SHAPES:
        raise ShapeError(f"There are {count} labels to learn the shape from; {FEWEST_SHAPES} are needed.")
    covered = np.flatnonzero((~np.isnan(given[..., 0])).sum(axis=0) >= FEWEST_SHAPES)
    usable = np.array([_is_shape(shape) for shape in given[:, covered]], dtype=np.bool_)
    if len(covered) < FEWEST or usable.sum() < FEWEST_SHAPES:
        raise ShapeError(f"A shape needs {FEWEST} landmarks that {FEWEST_SHAPES} labels have.")
    return given, covered, usable


def _is_shape(points: FloatArray) -> bool:
    """Whether three of (N, 2) points are known, and lie on more than one place."""
    known = points[~np.isnan(points[:, 0])]
    return len(known) >= FEWEST and bool(np.ptp(known, axis=0).max() > 0)


def _rounded(values: Any) -> Any:
    """Numbers, or nested lists of them, with five significant digits."""
    if isinstance(values, np.ndarray):
        return [_rounded(value) for value in values]
    return float(f"{values:.5g}")

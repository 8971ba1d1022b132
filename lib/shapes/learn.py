"""Learns a shape model from labels of which some may be wrong, and where its cutoffs lie.

Everything that is said of a label here is said by factors that were learned from others: the labels are dealt into
parts, and each part is judged by what was learned from the rest. Points that contradict the rest of their shape, and
shapes that have many of them, are left out of the next round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from lib.shapes.factors import Factors, fit_factors
from lib.shapes.gaussian import believable, joined, squared_length, told_by_others
from lib.shapes.reference import align_all, first_mean

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_PARTS, _CHOOSING = 5, 2  # parts, and those by which the number of factors is chosen
_ROUNDS = 3
_FAR_OUT = 5.0  # standard deviations from the mean, for the first round
_USABLE = 0.7
"""Share of a shape's points that must be believable for the others to be learned from."""
_FACTORS = (0, 1, 2, 3, 5, 8, 12, 17, 24, 34)
_FALSE_ALARMS = 0.005
"""Of each of the two cutoffs, of landmarks and of whole shapes, so that both together make about 1 %."""
_CERTAIN = 1.5  # times a cutoff: bad beyond doubt
_TYPICAL = float(np.sqrt(stats.chi2.ppf(0.5, 2)))
_SHARED = 20
"""Shapes that a landmark's own error needs to count as much as that of all landmarks."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Factors and cutoffs.

    Args:
        factors: learned from all usable shapes.
        spread: (N,) standard deviation of each landmark's coordinates about the mean.
        widening: (N,) how much larger distances of landmarks of shapes not learned from are than the factors say.
        limit: widened distance of a landmark from where the others say it lies that good labels rarely exceed.
        excess: how many times the expected squared distance of the whole shape good labels rarely exceed.
        count: how many shapes were learned from.
    """

    factors: Factors
    spread: FloatArray
    widening: FloatArray
    limit: float
    excess: float
    count: int


def learn(shapes: FloatArray) -> tuple[Learned, list[Learned]]:
    """Learn from labels.

    Args:
        shapes: (M, N, 2) pixels, NaN where a landmark is not annotated; M is 8 or more, N 3 or more.

    Returns:
        What was learned from all, and for each of :func:`parts_of` these shapes what was learned from the other parts.
    """
    annotated = ~np.isnan(shapes).any(axis=2)
    mean, spread = first_mean(shapes)
    parts = parts_of(len(shapes))
    aligned = align_all(shapes, mean, spread)
    lengths = np.linalg.norm(aligned - mean, axis=2)
    kept = annotated & (np.nan_to_num(lengths) <= _FAR_OUT * spread)
    count = None
    for _ in range(_ROUNDS):
        usable = kept.sum(axis=1) >= _USABLE * annotated.sum(axis=1)
        cleaned = np.where(kept[..., None], aligned, np.nan)
        count = _best_count(cleaned, usable, parts) if count is None else count
        folds = [fit_factors(cleaned[usable & (parts != part)], count) for part in range(_PARTS)]
        judged = _Judged.by_others(aligned, annotated, folds, parts)
        widening, limit, excess = judged.cutoffs(usable)
        kept = _believable(aligned, annotated, widening * limit, folds, parts)
        usable = kept.sum(axis=1) >= _USABLE * annotated.sum(axis=1)
        factors = fit_factors(np.where(kept[..., None], aligned, np.nan)[usable], count)
        spread = np.sqrt((factors.loadings**2).sum(axis=2).mean(axis=1) + factors.noise)
        aligned = align_all(shapes, factors.mean, spread)
    learned = Learned(factors, spread, widening, limit, excess, int(usable.sum()))
    return learned, [replace(learned, factors=fold) for fold in folds]


def parts_of(count: int) -> IntArray:
    """The part of each of some shapes, 0 and up."""
    return np.arange(count) % _PARTS


@dataclass(frozen=True, slots=True)
class _Judged:
    """(M, N) distances of landmarks and (M,) mean squared lengths of shapes, by factors learned from other shapes."""

    distances: FloatArray
    lengths: FloatArray

    @classmethod
    def by_others(cls, aligned: FloatArray, annotated: BoolArray, folds: list[Factors], parts: IntArray) -> _Judged:
        distances, lengths = np.full(annotated.shape, np.nan), np.full(len(aligned), np.nan)
        inverses = [fold.inverse() for fold in folds]
        for row, (shape, known) in enumerate(zip(aligned, annotated, strict=True)):
            if known.sum() >= 3 and not np.isnan(shape[known]).any():
                inverse = joined(inverses[parts[row]], known)
                away = shape - folds[parts[row]].mean
                distances[row] = told_by_others(inverse, away, known).distance
                lengths[row] = squared_length(inverse, away) / freedom_limit(int(known.sum()))
        return cls(distances, lengths)

    def cutoffs(self, usable: BoolArray) -> tuple[FloatArray, float, float]:
        """``widening``, ``limit`` and ``excess`` as :class:`Learned` has them."""
        own = np.nanmedian(self.distances, axis=0)
        seen = (~np.isnan(self.distances)).sum(axis=0)
        shared = float(np.nanmedian(self.distances))
        widening = (np.where(seen, own, shared) * seen + shared * _SHARED) / (seen + _SHARED) / _TYPICAL
        good = usable & ~np.isnan(self.lengths)
        worst = np.nanmax(self.distances[good] / widening, axis=1)
        return widening, _rarely_exceeded(worst), _rarely_exceeded(self.lengths[good])


@cache
def freedom_limit(points: int) -> float:
    """What 1 % of Gaussian shapes exceed with their squared length; alignment takes four of the numbers."""
    return float(stats.chi2.ppf(0.99, max(2 * points - 4, 1)))


def _rarely_exceeded(values: FloatArray) -> float:
    """What good labels rarely exceed.

    Values of bad labels are among these, so that the largest say nothing: the others, from the median to a quantile
    that only good ones reach, are continued on a logarithmic scale, and what is bad for certain is left out of the next
    step. If more of those that are left exceed that than should, the cutoff is higher.
    """
    logs = np.log(np.maximum(values, 1e-9))
    for share in (0.7, 0.85, 0.95):
        middle, upper = np.quantile(logs, [0.5, share])
        deviation = (upper - middle) / stats.norm.ppf(share)
        count = len(logs)
        steps = stats.t.ppf(1 - _FALSE_ALARMS, count - 1) * np.sqrt(1 + 1 / count)
        cutoff = middle + steps * deviation
        logs = logs[logs <= cutoff + np.log(_CERTAIN)]
    return float(np.exp(max(cutoff, np.quantile(logs, 1 - _FALSE_ALARMS))))


def _best_count(cleaned: FloatArray, usable: BoolArray, parts: IntArray) -> int:
    """How many factors describe shapes best that they were not learned from; two that are worse end the search."""
    most = min((usable.sum() * (_PARTS - 1) // _PARTS) // 2, cleaned.shape[1] - 2)
    costs: list[float] = []
    for count in (count for count in _FACTORS if count <= most):
        surprises = []
        for part in range(_CHOOSING):
            factors = fit_factors(cleaned[usable & (parts != part)], count)
            surprises += _surprise(factors, cleaned[usable & (parts == part)])
        costs.append(float(np.median(surprises)))
        if len(costs) > 2 and min(costs[-2:]) > min(costs):
            break
    return _FACTORS[int(np.argmin(costs))]


def _surprise(factors: Factors, shapes: FloatArray) -> list[float]:
    """Negative logarithm of the probability of each shape, a landmark, without constants."""
    full = factors.inverse()
    costs = []
    for shape in shapes:
        known = ~np.isnan(shape).any(axis=1)
        if known.sum() < 3:
            continue
        inverse = joined(full, known)
        flat = np.repeat(known, 2)
        size = len(flat)
        _, weight = np.linalg.slogdet(inverse.reshape(size, size)[np.ix_(flat, flat)])
        costs.append((squared_length(inverse, shape - factors.mean) - weight) / known.sum())
    return costs


def _believable(
    aligned: FloatArray, annotated: BoolArray, limits: FloatArray, folds: list[Factors], parts: IntArray
) -> BoolArray:
    kept: BoolArray = annotated & ~np.isnan(aligned).any(axis=2)
    inverses = [fold.inverse() for fold in folds]
    for row, shape in enumerate(aligned):
        if kept[row].sum() >= 3:
            part = parts[row]
            kept[row] = believable(inverses[part], shape - folds[part].mean, kept[row], limits)
    return kept

"""Factor analysis of shapes: a few ways in which they vary, and for each landmark what is left.

The pose that alignment leaves undecided is given to every model as ways of varying of its own, so that what is
expected of a landmark takes the pose from the other landmarks alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from lib.shapes.gaussian import precision

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

POSE_SPREAD = 0.05
"""Standard deviation of the pose left undecided, in sizes of the mean shape: far more than alignment leaves."""
_LEAST_NOISE = 1e-3
"""Standard deviation below which no landmark's noise falls, in sizes of the mean shape: places are read from pixels."""
_LEAST_SHARE = 0.01  # of its variance, that a landmark's noise never falls below
_TURNS, _SETTLED, _IMPUTATIONS = 8, 0.02, 2


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Shapes of N landmarks as mean, Q factors and noise; in sizes of the mean shape.

    Args:
        mean: (N, 2).
        loadings: (N, 2, Q), without the pose.
        noise: (N,) variance of each landmark's coordinates.
    """

    mean: FloatArray
    loadings: FloatArray
    noise: FloatArray

    def inverse(self) -> FloatArray:
        """(N, 2, N, 2) inverse covariance, the pose undecided."""
        return precision(np.concatenate([self.loadings, pose_ways(self.mean)], axis=2), self.noise)


def pose_ways(mean: FloatArray) -> FloatArray:
    """(N, 2, 4) how a shape changes with its place, size and turn, as factors of :data:`POSE_SPREAD`."""
    x, y = mean[:, 0], mean[:, 1]
    one, none = np.ones_like(x), np.zeros_like(x)
    ways = np.stack([np.stack(pair, axis=-1) for pair in ((one, none), (none, one), (x, y), (-y, x))], axis=-1)
    lengths = np.sqrt((ways**2).sum(axis=(0, 1)) / len(mean))
    result: FloatArray = ways / lengths * POSE_SPREAD
    return result


def fit_factors(shapes: FloatArray, count: int) -> Factors:
    """Learn mean, factors and noise; landmarks that are not known are filled in with what the others say of them.

    Args:
        shapes: (M, N, 2) aligned, NaN where a landmark is not known.
        count: how many factors at most.
    """
    known = ~np.isnan(shapes).any(axis=2)
    seen = known.sum(axis=0)
    mean: FloatArray = np.nansum(shapes, axis=0) / np.maximum(seen, 1)[:, None]
    if known.all():
        return _of_complete(shapes, np.zeros((mean.size, mean.size)), count)
    total = np.nansum((shapes - mean) ** 2, axis=(0, 2)) / 2
    variance = np.where(seen, total / np.maximum(seen, 1), 1.0)  # one that is nowhere may be anywhere
    spare = np.diag(np.repeat((~known).mean(axis=0) * variance, 2))  # at first as widely as those that are known
    learned = _of_complete(np.where(known[..., None], shapes, mean), spare, count)
    for _ in range(_IMPUTATIONS):
        learned = _of_complete(*_fill(shapes, known, learned), count)
    return learned


def _of_complete(shapes: FloatArray, spare: FloatArray, count: int) -> Factors:
    """Factors of (M, N, 2) shapes without gaps; ``spare`` is (2N, 2N) covariance that filling them in took away."""
    mean: FloatArray = shapes.mean(axis=0)
    away = (shapes - mean).reshape(len(shapes), -1)
    freedom = mean.size / (mean.size - 4)  # alignment has taken four of the numbers of each shape
    covariance = (away.T @ away / max(len(away) - 1, 1) + spare) * freedom
    return Factors(mean, *_analysed(covariance, count))


def _analysed(covariance: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Loadings (N, 2, Q) and noise (N,) by Lawley's iteration on the (2N, 2N) covariance."""
    size = len(covariance)
    total = covariance.diagonal().reshape(-1, 2).mean(axis=1)
    floor = np.maximum(_LEAST_SHARE * total, _LEAST_NOISE**2)
    noise, loadings = np.maximum(total / 2, floor), np.zeros((size, 0))
    for _ in range(_TURNS if count else 0):
        root = np.sqrt(np.repeat(noise, 2))
        scaled = covariance / root[:, None] / root
        values, vectors = eigh(scaled, subset_by_index=(max(size - count, 0), size - 1), check_finite=False)
        chosen = values > 1.0
        loadings = root[:, None] * vectors[:, chosen] * np.sqrt(values[chosen] - 1.0)
        before, explained = noise, (loadings**2).sum(axis=1).reshape(-1, 2).mean(axis=1)
        noise = np.maximum(total - explained, floor)
        if np.abs(noise / before - 1.0).max() < _SETTLED:
            break
    return loadings.reshape(len(total), 2, -1), noise if count else np.maximum(total, floor)


def _fill(shapes: FloatArray, known: BoolArray, learned: Factors) -> tuple[FloatArray, FloatArray]:
    """What is not known as the factors expect it, and the (2N, 2N) mean covariance of these expectations."""
    size = learned.mean.size
    inverse = learned.inverse().reshape(size, size)
    filled, spare = shapes.copy(), np.zeros((size, size))
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        if pattern.all():
            continue
        members = np.flatnonzero(which == index)
        kept, gone = np.flatnonzero(np.repeat(pattern, 2)), np.flatnonzero(np.repeat(~pattern, 2))
        covariance = np.linalg.inv(inverse[np.ix_(gone, gone)])
        away = (shapes[members][:, pattern] - learned.mean[pattern]).reshape(len(members), -1)
        expected = -away @ inverse[np.ix_(gone, kept)].T @ covariance
        filled[np.ix_(members, ~pattern)] = learned.mean[~pattern] + expected.reshape(len(members), -1, 2)
        spare[np.ix_(gone, gone)] += covariance * len(members)
    return filled, spare / len(shapes)

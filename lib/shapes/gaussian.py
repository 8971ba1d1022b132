"""What some points of a shape say of the others where all are jointly Gaussian: expectations, distances, culprits.

With ``P`` the inverse covariance of the points there are, what the others say of point ``i`` has the covariance
``P_ii^-1``, and the point lies ``P_ii^-1 (P z)_i`` from it (Rue and Held, Gaussian Markov Random Fields, 2005,
theorem 2.3). Leaving a point out of the joint distribution is a step of elimination on ``P``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FEWEST = 3
"""Points that must remain, two of which say where the shape lies, how large and how turned it is."""


def precision(loadings: FloatArray, noise: FloatArray) -> FloatArray:
    """(N, 2, N, 2) inverse of ``loadings @ loadings.T + noise`` by Woodbury's identity.

    Args:
        loadings: (N, 2, Q) how the coordinates go with Q independent factors of variance 1.
        noise: (N,) variance of each landmark's coordinates beside that.
    """
    count, _, factors = loadings.shape
    flat = loadings.reshape(2 * count, factors)
    weighted = flat / np.repeat(noise, 2)[:, None]
    inner = np.linalg.inv(np.eye(factors) + flat.T @ weighted)
    inverse: FloatArray = np.diag(1.0 / np.repeat(noise, 2)) - weighted @ inner @ weighted.T
    return inverse.reshape(count, 2, count, 2)


def without(inverse: FloatArray, index: int) -> FloatArray:
    """The inverse covariance once a point is left out; its rows and columns become 0."""
    column = inverse[:, :, index]  # (N, 2, 2)
    step = column @ inverses(inverse[index, :, index])
    count = len(inverse)
    taken = step.reshape(2 * count, 2) @ column.reshape(2 * count, 2).T
    left: FloatArray = inverse - taken.reshape(inverse.shape)
    left[index], left[:, :, index] = 0.0, 0.0
    return left


def joined(inverse: FloatArray, keep: BoolArray) -> FloatArray:
    """The inverse covariance of the points to keep, 0 for the others."""
    if keep.all():
        return inverse
    count = len(keep)
    flat = inverse.reshape(2 * count, 2 * count)
    kept, dropped = np.flatnonzero(np.repeat(keep, 2)), np.flatnonzero(np.repeat(~keep, 2))
    across = flat[np.ix_(kept, dropped)]
    result = np.zeros_like(flat)
    gain = np.linalg.solve(flat[np.ix_(dropped, dropped)], across.T)
    result[np.ix_(kept, kept)] = flat[np.ix_(kept, kept)] - across @ gain
    return result.reshape(count, 2, count, 2)


@dataclass(frozen=True, slots=True)
class Told:
    """What others say of each of N points.

    Args:
        expected: (N, 2) from the mean, where they say it is.
        covariance: (N, 2, 2) of that.
        distance: (N,) how far it is from there in standard deviations; NaN where it is not known.
    """

    expected: FloatArray
    covariance: FloatArray
    distance: FloatArray


def told_by_others(inverse: FloatArray, shape: FloatArray, among: BoolArray) -> Told:
    """What the others of ``among`` say of each of them; NaN for the rest.

    Args:
        inverse: (N, 2, N, 2) of the points in ``among``, 0 elsewhere.
        shape: (N, 2) from the mean; rows that are not in ``among`` do not matter.
        among: (N,).
    """
    count = len(among)
    expected, covariance = np.full((count, 2), np.nan), np.full((count, 2, 2), np.nan)
    filled = np.where(among[:, None], shape, 0.0)
    pull = (inverse.reshape(2 * count, 2 * count) @ filled.ravel()).reshape(count, 2)
    own = np.einsum("iaib->iab", inverse)[among]
    covariance[among] = inverses(own)
    expected[among] = shape[among] - (covariance[among] @ pull[among][..., None])[..., 0]
    return Told(expected, covariance, distances(shape - expected, covariance))


def told_by(inverse: FloatArray, shape: FloatArray, kept: BoolArray) -> Told:
    """What the points in ``kept``, itself aside, say of each of all N points.

    Args:
        inverse: (N, 2, N, 2) of all points.
        shape: (N, 2) from the mean, NaN where a point is not known.
        kept: (N,) points that are believed.
    """
    told = told_by_others(joined(inverse, kept), shape, kept)
    if kept.all():
        return told
    count, others = len(kept), int((~kept).sum())
    flat = inverse.reshape(2 * count, 2 * count)
    rows, columns = np.flatnonzero(np.repeat(~kept, 2)), np.flatnonzero(np.repeat(kept, 2))
    covariance = np.linalg.inv(flat[np.ix_(rows, rows)])  # of the others, given those that are kept
    told.expected[~kept] = -(covariance @ (flat[np.ix_(rows, columns)] @ shape[kept].ravel())).reshape(-1, 2)
    told.covariance[~kept] = np.einsum("iaib->iab", covariance.reshape(others, 2, others, 2))
    return Told(told.expected, told.covariance, distances(shape - told.expected, told.covariance))


def believable(inverse: FloatArray, shape: FloatArray, known: BoolArray, limits: FloatArray) -> BoolArray:
    """The points that are left when those that contradict the others are set aside, the worst first.

    One that was set aside because of others comes back when it no longer contradicts those that are left.

    Args:
        inverse: (N, 2, N, 2) of all points.
        shape: (N, 2) from the mean, NaN where a point is not known.
        known: (N,).
        limits: (N,) distances above which a point contradicts.
    """
    kept = known.copy()
    fewest = max(FEWEST, int(np.ceil(known.sum() * 0.5)))
    left = joined(inverse, known)
    while kept.sum() > fewest:
        excess = np.where(kept, told_by_others(left, shape, kept).distance / limits, 0.0)
        worst = int(np.argmax(excess))
        if excess[worst] <= 1.0:
            break
        kept[worst] = False
        left = without(left, worst)
    while (aside := known & ~kept).any():
        excess = np.where(aside, told_by(inverse, shape, kept).distance / limits, np.inf)
        best = int(np.argmin(excess))
        if excess[best] > 1.0:
            break
        kept[best] = True
    return kept


def squared_length(inverse: FloatArray, shape: FloatArray) -> float:
    """Squared distance of the whole shape from the mean, in standard deviations."""
    filled = np.nan_to_num(shape).ravel()
    return float(filled @ inverse.reshape(len(filled), len(filled)) @ filled)


def distances(offset: FloatArray, covariance: FloatArray) -> FloatArray:
    """(...) lengths of (..., 2) offsets in standard deviations of (..., 2, 2) covariances; NaN stays NaN."""
    x, y = offset[..., 0], offset[..., 1]
    xx, xy, yy = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    squared = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)
    lengths: FloatArray = np.sqrt(np.maximum(squared, 0.0))
    return lengths


def inverses(matrices: FloatArray) -> FloatArray:
    """(..., 2, 2) inverses of symmetric matrices, written out: a library's own way takes several times as long."""
    xx, xy, yy = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    result = np.empty_like(matrices)
    result[..., 0, 0], result[..., 1, 1] = yy, xx
    result[..., 0, 1] = result[..., 1, 0] = -xy
    result /= (xx * yy - xy * xy)[..., None, None]
    return result

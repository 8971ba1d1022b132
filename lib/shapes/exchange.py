"""Finds landmarks that lie on one another's places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from lib.shapes.gaussian import Told, distances

FloatArray = npt.NDArray[np.float64]
Groups = tuple[tuple[int, ...], ...]
"""Landmarks by index, each of which lies where the next of its group should, the last where the first."""

_GOOD = 1.0
"""Of its cutoff: a landmark lies on a place that is nearer than this, and not on one that is farther."""
_GAIN = 3.0
"""How many times nearer the other place must be."""
_FAR = 10.0
_LONGEST_RUN = 8


def exchanged_points(points: FloatArray, places: FloatArray, told: Told, limits: FloatArray) -> Groups:
    """Landmarks that contradict the others where they are, and would not on the place of another such.

    Args:
        points: (N, 2) where they lie, NaN where a landmark is not known.
        places: (N, 2) where they should.
        told: what those that are believed say of each.
        limits: (N,) distances of landmarks that good labels rarely exceed.
    """
    wrong = np.flatnonzero(np.nan_to_num(told.distance / limits) > _GOOD)
    if len(wrong) < 2:
        return ()
    offsets = points[wrong][:, None] - places[wrong][None]
    spreads = np.broadcast_to(told.covariance[wrong][None], (*offsets.shape, 2))
    costs = distances(offsets, spreads) / limits[wrong]
    who, where = linear_sum_assignment(np.minimum(costs, _FAR))
    own, found = costs.diagonal(), costs[who, where]
    better = (who != where) & (found <= _GOOD) & (found * _GAIN <= own)
    follows = dict(zip(who[better].tolist(), where[better].tolist(), strict=True))
    return tuple(tuple(int(wrong[index]) for index in group) for group in _cycles(follows))


def exchanged_runs(points: FloatArray, mean: FloatArray, inverse: FloatArray) -> Groups:
    """The two neighbouring runs of landmarks of one length, such as two vertebrae, that are best exchanged.

    Landmarks of a run hold one another up, so that one by one they may not contradict the others.

    Args:
        points: (N, 2) where they lie, NaN where a landmark is not known.
        mean: (N, 2).
        inverse: (N, 2, N, 2) inverse covariance of those that are known, 0 elsewhere.
    """
    count = len(points)
    orders, groups = [], []
    for length in range(1, _LONGEST_RUN + 1):
        for start in range(count - 2 * length + 1):
            one, other = np.arange(start, start + length), np.arange(start + length, start + 2 * length)
            order = np.arange(count)
            order[one], order[other] = other, one
            orders.append(order)
            groups.append(tuple(zip(one.tolist(), other.tolist(), strict=True)))
    shapes = (points[np.array(orders)] - mean).reshape(len(orders), -1)
    whole = ~np.isnan(shapes[:, np.repeat(~np.isnan(points[:, 0]), 2)]).any(axis=1)  # an exchange with nothing is none
    shapes = np.nan_to_num(shapes)
    lengths = (shapes @ inverse.reshape(2 * count, 2 * count) * shapes).sum(axis=1)
    return groups[int(np.argmin(np.where(whole, lengths, np.inf)))] if whole.any() else ()


def exchange(points: FloatArray, groups: Groups) -> FloatArray:
    """The (N, 2) points with each landmark of a group put where it belongs."""
    result = points.copy()
    for group in groups:
        result[[*group[1:], group[0]]] = points[list(group)]
    return result


def _cycles(follows: dict[int, int]) -> list[tuple[int, ...]]:
    groups: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for start in follows:
        group = [start]
        while (following := follows.get(group[-1])) is not None and following not in group:
            group.append(following)
        if following == start and not seen & set(group):
            groups.append(tuple(group))
            seen |= set(group)
    return groups

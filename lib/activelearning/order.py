"""In which order radiographs are worth labelling: the strategies without server, files or network.

Each takes what is known of K candidates and of those labelled already, and gives an order of the candidates. The same
input and seed always give the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Order = npt.NDArray[np.intp]

UNSURE_SHARE = 0.5
"""Of the candidates: ``hybrid`` chooses among those that the model is least sure of."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What is known of K radiographs.

    Args:
        images: their K ids.
        unsureness: (K,) what the model's error is expected to be, in any unit that is the same for all.
        features: (K, C) by which they are told alike or not.
        labelled: (L, C) features of those that have a label or are being labelled now; L may be 0.
        disagreement: (K,) how far two predictions of each lie apart; None where nobody has asked for it.
    """

    images: Sequence[str]
    unsureness: FloatArray
    features: FloatArray
    labelled: FloatArray
    disagreement: FloatArray | None = None


def first(candidates: Candidates, seed: int, count: int) -> Order:  # noqa: ARG001
    """By id."""
    return np.argsort(np.asarray(candidates.images), kind="stable")[:count]


def shuffled(candidates: Candidates, seed: int, count: int) -> Order:
    """At random, but the same for the same seed, and whatever other candidates there are."""
    drawn = [hashlib.sha256(f"{seed} {image}".encode()).digest() for image in candidates.images]
    return np.array(sorted(range(len(drawn)), key=drawn.__getitem__)[:count], dtype=np.intp)


def least_sure(candidates: Candidates, seed: int, count: int) -> Order:
    """Where the largest errors are expected."""
    return _descending(candidates.unsureness, candidates, seed)[:count]


def most_diverse(candidates: Candidates, seed: int, count: int) -> Order:  # noqa: ARG001
    """One after the other that which is farthest from all labelled and all chosen so far.

    The core-set of Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR
    2018, by their greedy algorithm.
    """
    return _farthest(candidates, np.arange(len(candidates.images)), count)


def unsure_and_diverse(candidates: Candidates, seed: int, count: int) -> Order:
    """The most diverse among those that the model is least sure of, then the others in the same way."""
    by_unsureness = least_sure(candidates, seed, len(candidates.images))
    half = max(min(count, len(by_unsureness)), round(UNSURE_SHARE * len(by_unsureness)))
    chosen = _farthest(candidates, np.sort(by_unsureness[:half]), count)
    if len(chosen) == count:
        return chosen
    rest = np.setdiff1d(np.arange(len(candidates.images)), chosen)
    return np.concatenate([chosen, _farthest(candidates, rest, count - len(chosen), chosen)])


def most_disputed(candidates: Candidates, seed: int, count: int) -> Order:
    """Where two predictions lie farthest apart."""
    disputed = candidates.unsureness if candidates.disagreement is None else candidates.disagreement
    return _descending(disputed, candidates, seed)[:count]


ORDERS: dict[str, Callable[[Candidates, int, int], Order]] = {
    "hybrid": unsure_and_diverse,
    "uncertainty": least_sure,
    "diversity": most_diverse,
    "disagreement": most_disputed,
    "random": shuffled,
    "first": first,
}
"""By the name that viewers show; each gives indices of at most ``count`` candidates, the first to label first."""


def _descending(values: FloatArray, candidates: Candidates, seed: int) -> Order:
    """Largest first, unknown ones last; of equals in the order of :func:`shuffled`."""
    shuffle = shuffled(candidates, seed, len(candidates.images))
    known = np.where(np.isnan(values), -np.inf, values)[shuffle]
    result: Order = shuffle[np.argsort(-known, kind="stable")]
    return result


def _farthest(candidates: Candidates, allowed: Order, count: int, chosen: Order | None = None) -> Order:
    """Greedy k-centres among some of the candidates, on standardised features."""
    if not len(allowed):
        return allowed
    features, labelled = _standardised(candidates.features, candidates.labelled)
    seen = labelled if chosen is None else np.concatenate([labelled, features[chosen]])
    if not len(seen):  # nothing is labelled: the most ordinary one first
        start = int(np.argmin(np.linalg.norm(features[allowed] - features.mean(axis=0), axis=1)))
        return _grown(features, allowed, features[[allowed[start]]], [allowed[start]], count)
    return _grown(features, allowed, seen, [], count)


def _grown(features: FloatArray, allowed: Order, seen: FloatArray, picked: list[Any], count: int) -> Order:
    count = min(count, len(allowed))
    mine = features[allowed]
    nearest = _nearest(mine, seen)
    taken = np.isin(allowed, picked)
    while len(picked) < count:
        best = int(np.argmax(np.where(taken, -1.0, nearest)))
        picked.append(int(allowed[best]))
        taken[best] = True
        nearest = np.minimum(nearest, ((mine - mine[best]) ** 2).sum(axis=1))
    return np.array(picked[:count], dtype=np.intp)


def _nearest(features: FloatArray, seen: FloatArray) -> FloatArray:
    """(K,) squared distance of each of (K, C) features from the nearest of (L, C), by one product of matrices."""
    products = features @ seen.T
    squares = (features**2).sum(axis=1)[:, None] + (seen**2).sum(axis=1) - 2.0 * products
    nearest: FloatArray = np.maximum(squares, 0.0).min(axis=1)
    return nearest


def _standardised(features: FloatArray, labelled: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each feature with mean 0 and variance 1 over all images; constant ones stay 0."""
    together = np.concatenate([features, labelled.reshape(-1, features.shape[1])])
    centre, spread = together.mean(axis=0), together.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    return (features - centre) / spread, (labelled.reshape(-1, features.shape[1]) - centre) / spread

"""In which order radiographs are worth labelling: the strategies without server, files or network.

Each takes what is known of K candidates and of those labelled already, and gives an order of the candidates. The same
input and seed always give the same order.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Order = npt.NDArray[np.intp]

MOST = 2000
"""Of more candidates so many, drawn at random by the seed, stand for all in a covering: each would have to be compared
with each other one, which takes a fraction of a second for so many and hundreds of GB for 100,000."""
SAME = 1e-12
"""Squared distance of standardised features below which two are one."""
OF_EQUALS = 1e-6
"""Of candidates that stand for the same others as well, to this part, the one that counts most is taken."""


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
    return _sorted([drawn(seed, image) for image in candidates.images], count)


def least_sure(candidates: Candidates, seed: int, count: int) -> Order:
    """Where the largest errors are expected."""
    return _descending(candidates.unsureness, candidates, seed)[:count]


def most_diverse(candidates: Candidates, seed: int, count: int) -> Order:
    """One after the other that which stands best for those that no labelled one is like.

    Greedy facility location, as in Wei, Iyer and Bilmes, "Submodularity in data subset selection and active learning",
    ICML 2015: the sum of the distances of all candidates from the nearest labelled or chosen one shrinks most. Greedy
    k-centres (Sener and Savarese, ICLR 2018), which takes the farthest one, picks the odd ones and was worse than
    chance, see ``benchmarks/active_learning.md``.

    Of more than :data:`MOST` candidates, the first so many of :func:`shuffled` stand for all: they alone are chosen,
    and the sum is over them; the others follow in that order.
    """
    return _covering(candidates, np.ones(len(candidates.images)), seed, count)


def unsure_and_diverse(candidates: Candidates, seed: int, count: int) -> Order:
    """As :func:`most_diverse`, but each candidate counts as much as the model is unsure of it."""
    return _covering(candidates, np.nan_to_num(candidates.unsureness), seed, count)


def most_disputed(candidates: Candidates, seed: int, count: int) -> Order:
    """Where two predictions lie farthest apart."""
    disputed = candidates.unsureness if candidates.disagreement is None else candidates.disagreement
    return _descending(disputed, candidates, seed)[:count]


ORDERS: dict[str, Callable[[Candidates, int, int], Order]] = {
    "random": shuffled,
    "hybrid": unsure_and_diverse,
    "uncertainty": least_sure,
    "diversity": most_diverse,
    "disagreement": most_disputed,
    "first": first,
}
"""By the name that viewers show; each gives indices of at most ``count`` candidates, the first to label first."""


def drawn(seed: int, image: str) -> bytes:
    """The place of an image in :func:`shuffled`: the smallest one comes first."""
    return hashlib.sha256(f"{seed} {image}".encode()).digest()


def descending(value: float | None) -> float:
    """The place of a value where the largest comes first; unknown ones are last."""
    return np.inf if value is None or np.isnan(value) else -float(value)


def _descending(values: FloatArray, candidates: Candidates, seed: int) -> Order:
    """Largest first, unknown ones last; of equals in the order of :func:`shuffled`."""
    places = ((descending(value), drawn(seed, image)) for value, image in zip(values, candidates.images, strict=True))
    return _sorted(list(places), len(values))


def _sorted(places: Sequence[Any], count: int) -> Order:
    return np.array(sorted(range(len(places)), key=places.__getitem__)[:count], dtype=np.intp)


def _covering(candidates: Candidates, weights: FloatArray, seed: int, count: int) -> Order:
    """Greedy facility location, on the part of the candidates that stands for all."""
    everybody = len(candidates.images)
    if everybody <= MOST:
        return _covered(candidates, weights, count)
    order = shuffled(candidates, seed, everybody)
    part, others = order[:MOST], order[MOST:]
    images = [candidates.images[index] for index in part]
    few = Candidates(images, candidates.unsureness[part], candidates.features[part], candidates.labelled)
    whole: Order = np.concatenate([part[_covered(few, weights[part], count)], others])
    return whole[:count]


def _covered(candidates: Candidates, weights: FloatArray, count: int) -> Order:
    """Greedy facility location on standardised features, candidates counting by weights."""
    if not len(candidates.images):
        return np.empty(0, dtype=np.intp)
    by_name = first(candidates, 0, len(candidates.images))  # so that sums do not hang on the order of the candidates
    most = weights.max()
    shares = weights[by_name] / most if most > 0 else np.ones(len(by_name))
    features, labelled = _standardised(candidates.features[by_name], candidates.labelled)
    apart = _distances(features, features)
    nearest = np.full(len(by_name), apart.max())
    if len(labelled):
        nearest = _distances(features, labelled).min(axis=1)

    def gain(index: int) -> float:
        gained = float(shares @ np.maximum(nearest - apart[index], 0.0)) * (1.0 + OF_EQUALS * float(shares[index]))
        return round(gained, 9)  # of two that are nearest to each other, each gains the same

    heap = [(-gain(index), index) for index in range(len(by_name))]
    heapq.heapify(heap)
    picked: list[int] = []
    while heap and len(picked) < count:
        best = heapq.heappop(heap)[1]
        now = -gain(best), best  # what was known of it is an upper bound: gains only shrink
        if heap and now > heap[0]:
            heapq.heappush(heap, now)
            continue
        picked.append(best)
        nearest = np.minimum(nearest, apart[best])
    result: Order = by_name[picked]
    return result


def _distances(features: FloatArray, others: FloatArray) -> FloatArray:
    """(K, L) distances of (K, C) features from (L, C) others, by one product of matrices."""
    products = features @ others.T
    products *= 2.0
    squares: FloatArray = np.add.outer((features**2).sum(axis=1), (others**2).sum(axis=1))
    squares -= products
    squares[squares < SAME] = 0.0  # rounding, whose root would decide between equals
    return np.sqrt(squares, out=squares)


def _standardised(features: FloatArray, labelled: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each feature with mean 0 and variance 1 over all images; constant ones stay 0."""
    together = np.concatenate([features, labelled.reshape(-1, features.shape[1])])
    centre, spread = together.mean(axis=0), together.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    return (features - centre) / spread, (labelled.reshape(-1, features.shape[1]) - centre) / spread

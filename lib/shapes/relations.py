"""Which landmarks tell most of one another's places, and how far apart these lie: a tree over the landmarks.

Of all trees that join the landmarks it is the one along which displacements are known best, as that which pictorial
structures learn from labels (Felzenszwalb and Huttenlocher, International Journal of Computer Vision 61, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from lib.shapes.factors import Factors, pose_ways

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Relations:
    """A tree over K landmarks, and where each lies as seen from its parent there; the first has none.

    Args:
        landmarks: (K,) indices of the landmarks, each after its parent.
        parents: (K,) places of their parents in ``landmarks``; 0 for the first.
        offsets: (K, 2) expected ``(x, y)`` from the parent; 0 for the first.
        covariances: (K, 2, 2) of these; 0 for the first.
    """

    landmarks: IndexArray
    parents: IndexArray
    offsets: FloatArray
    covariances: FloatArray

    @classmethod
    def of(cls, factors: Factors, widening: FloatArray) -> Self:
        """What factors say, in sizes of the mean shape, the pose undecided.

        Args:
            factors: of L landmarks.
            widening: (L,) how many times wider than they say shapes vary that were not learned from.
        """
        pairs = _displacements(factors) * (widening[:, None] * widening)[..., None, None]
        costs = np.log(np.linalg.det(pairs + np.eye(2) * np.eye(len(pairs))[..., None, None]))  # no pair with itself
        costs = np.triu(costs - costs.min() + 1.0, 1)  # of one sign: a cost of 0 is no edge
        order, before = breadth_first_order(minimum_spanning_tree(costs), 0, directed=False)
        parents = np.r_[order[0], before[order[1:]]]
        offsets = factors.mean[order] - factors.mean[parents]
        return cls(order.astype(np.intp), np.argsort(order)[parents], offsets, pairs[order, parents])

    def moved(self, matrix: npt.ArrayLike) -> Self:
        """The same after a (2, 2) matrix has moved the landmarks, wherever to."""
        by = np.asarray(matrix, dtype=np.float64)
        return type(self)(self.landmarks, self.parents, self.offsets @ by.T, by @ self.covariances @ by.T)

    def renamed(self, indices: IndexArray) -> Self:
        """The same with the landmarks' indices in a larger set."""
        return type(self)(indices[self.landmarks], self.parents, self.offsets, self.covariances)


def _displacements(factors: Factors) -> FloatArray:
    """(L, L, 2, 2) covariance of each pair's displacement; 0 of a landmark from itself."""
    loadings = np.concatenate([factors.loadings, pose_ways(factors.mean)], axis=2)
    apart = loadings[:, None] - loadings
    noise = factors.noise[:, None] + factors.noise
    np.fill_diagonal(noise, 0.0)
    covariances: FloatArray = apart @ apart.swapaxes(-1, -2) + noise[..., None, None] * np.eye(2)
    return covariances

"""Split-conformal quantiles for measurements that come in groups: all landmarks of one patient are one witness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SHARED = 20.0
"""So many groups does the whole table count for beside a column's own: of 0, 5, 10, 20, 40 and only the whole table
that with which the coverage of each landmark was nearest to 90 %, for hands and cephalograms and 15 to 90 patients.
"""


def fewest_groups(coverage: float) -> int:
    """How many groups there must be before :meth:`Witnesses.quantile` is finite."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class Witnesses:
    """The measurements of one column of a table, and those of all columns, which say something of it too.

    Each group of the column weighs 1, shared by its measurements, and all columns together weigh :data:`SHARED`: a
    column with few groups is judged like the others, one with many by its own.

    Args:
        values: (n,) ascending.
        weights: (n,) of each.
        groups: how many there are in the table.
    """

    values: FloatArray
    weights: FloatArray
    groups: int

    @classmethod
    def of_columns(cls, table: FloatArray, groups: Sequence[str]) -> list[Self]:
        """For each column of an (M, N) table, NaN where nothing was measured; ``groups`` are those of the M rows."""
        names = np.asarray(groups)
        known = ~np.isnan(table)
        shared = table[known], SHARED * group_weights(np.broadcast_to(names[:, None], table.shape)[known].tolist())
        made = []
        for column, there in zip(table.T, known.T, strict=True):
            own = group_weights(names[there].tolist()) * len(set(names[there]))
            values, weights = np.concatenate([column[there], shared[0]]), np.concatenate([own, shared[1]])
            order = np.argsort(values, kind="stable")
            made.append(cls(values[order], weights[order], len(set(names[known.any(axis=1)]))))
        return made

    def quantile(self, coverage: float) -> float:
        """The value below which a new measurement of the column, of a new group, lies with probability ``coverage``.

        The group that is yet to come, of which nothing is known, weighs as much as one of those that are there: Lee,
        Barber and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342 (HCP), which this is
        for a table of one column. With several, the promise holds for the table, and for a column about: its large
        errors are not paid for by the others, but one with few measurements of its own is judged by all.

        Returns:
            Infinity with fewer groups than :func:`fewest_groups`.
        """
        reached = np.cumsum(self.weights) / self.weights.sum() * (self.groups / (self.groups + 1))
        enough = np.flatnonzero(reached >= coverage - 1e-12)
        return float(self.values[enough[0]]) if len(enough) else math.inf

    def mean(self) -> float:
        """By weight."""
        return float(self.values @ self.weights / self.weights.sum())

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """At several levels, by linear interpolation."""
        reached = (np.cumsum(self.weights) - 0.5 * self.weights) / self.weights.sum()
        quantiles: FloatArray = np.interp(levels, reached, self.values)
        return quantiles


def group_weights(groups: Sequence[str]) -> FloatArray:
    """(n,) weights with sum 1 by which each group counts alike."""
    _, index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weights: FloatArray = 1.0 / (counts[index] * len(counts))
    return weights

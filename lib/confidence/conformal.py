"""Split-conformal quantiles for measurements that come in groups: all landmarks of one patient are one witness."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def fewest_groups(coverage: float) -> int:
    """How many groups there must be before :func:`grouped_quantile` is finite."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


def grouped_quantile(values: FloatArray, groups: Sequence[str], coverage: float) -> float:
    """The value below which a new measurement, of a group that is not among these, lies with probability ``coverage``.

    Each of the K groups weighs 1 / (K + 1), shared by its measurements, and as much weighs the group that is yet to
    come, of which nothing is known. Lee, Barber and Willett, "Distribution-free inference with hierarchical data",
    arXiv 2306.06342 (HCP).

    Args:
        values: (n,) without NaN.
        groups: the group of each.
        coverage: 0 to 1.

    Returns:
        Infinity with fewer groups than :func:`fewest_groups`.
    """
    if not len(values):
        return math.inf
    weights = group_weights(groups)
    order = np.argsort(values)
    number = len(set(groups))
    reached = np.cumsum(weights[order]) * number / (number + 1)
    enough = np.flatnonzero(reached >= coverage - 1e-12)
    return float(values[order][enough[0]]) if len(enough) else math.inf


def group_weights(groups: Sequence[str]) -> FloatArray:
    """(n,) weights with sum 1 by which each group counts alike."""
    _, index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weights: FloatArray = 1.0 / (counts[index] * len(counts))
    return weights

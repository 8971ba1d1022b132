"""Distances of landmarks from somewhere, against what is usual for that landmark in these images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

OUTSIDE = 3.0
"""Times the distance that nine of ten labels keep: farther is suspicious."""
_SHARED = 20  # images that a landmark's own distances need to count as much as those of all landmarks


def usual_distances(distances: FloatArray) -> FloatArray:
    """(N,) what nine of ten labels keep, a landmark, but at least what is tolerated.

    Args:
        distances: (M, N) of M labels in units of what is tolerated; NaN where not known.
    """
    seen = (~np.isnan(distances)).sum(axis=0)
    if not seen.any():
        return np.ones(distances.shape[1])
    shared = float(np.nanquantile(distances, 0.9))
    own = np.full(len(seen), shared)
    own[seen > 0] = np.nanquantile(distances[:, seen > 0], 0.9, axis=0)
    usual: FloatArray = np.maximum((own * seen + shared * _SHARED) / (seen + _SHARED), 1.0)
    return usual

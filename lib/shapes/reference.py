"""The first guess of a mean shape, and laying all shapes over a mean."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lib.shapes.align import as_complex, as_pairs, robust_similarity

FloatArray = npt.NDArray[np.float64]

_REFERENCES, _COMPARED = 5, 40
_TYPICAL = 1.1774  # median length of a Gaussian vector of two coordinates of variance 1
_LEAST_SPREAD = 1e-3


def align_all(shapes: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Each of (M, N, 2) shapes laid over the (N, 2) mean, by the points that both have.

    Returns:
        (M, N, 2), NaN where a landmark is not annotated, and for shapes that cannot be laid.
    """
    aligned = np.full(shapes.shape, np.nan)
    target, seen = as_complex(mean), ~np.isnan(mean).any(axis=1)
    for row, shape in enumerate(as_complex(shapes)):
        known = ~np.isnan(shape)
        both = known & seen
        pose = robust_similarity(shape[both], target[both], spread[both])
        if pose is not None:
            aligned[row, known] = as_pairs(pose.apply(shape[known]))
    return aligned


def first_mean(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, 2) medians of the shapes, of size 1 about 0, and (N,) how widely each landmark is spread about them.

    All are laid over one that has most landmarks, of a few such the one that the others fit best.
    """
    even = np.full(shapes.shape[1], 0.1)
    complete = np.argsort(np.isnan(shapes).any(axis=2).sum(axis=1), kind="stable")
    best, mean = np.inf, shapes[complete[0]]
    some = shapes[complete[:_COMPARED]]
    for row in complete[:: max(1, len(some) // _REFERENCES)][:_REFERENCES]:
        reference = _of_size_one(shapes[row])
        misfit = float(np.nanmedian(np.linalg.norm(align_all(some, reference, even) - reference, axis=2)))
        if misfit < best:
            best, mean = misfit, reference
    for _ in range(3):
        aligned = align_all(shapes, mean, even)
        mean = _of_size_one(np.nanmedian(aligned, axis=0))
    lengths = np.linalg.norm(align_all(shapes, mean, even) - mean, axis=2)
    return mean, np.maximum(np.nanmedian(lengths, axis=0) / _TYPICAL, _LEAST_SPREAD)


def _of_size_one(shape: FloatArray) -> FloatArray:
    """The shape about 0, the root mean square of its distances from there 1."""
    away = shape - np.nanmean(shape, axis=0)
    result: FloatArray = away / max(float(np.sqrt(np.nanmean((away**2).sum(axis=1)))), 1e-9)
    return result

"""In which direction errors go: along a jaw's edge farther than across it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Triples = tuple[tuple[float, float, float], ...]

_PRIOR = 6.0
"""A landmark's errors count against so many that go in all directions alike."""
_LONGEST = 4.0
"""No ellipse is longer than so many times its width: a few errors in a row are no law."""


class Shapes:
    """Symmetric matrices as three numbers each, xx, xy, yy."""

    @staticmethod
    def full(triples: Triples) -> FloatArray:
        """(N, 2, 2)."""
        xx, xy, yy = np.asarray(triples, dtype=np.float64).T
        return np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)

    @staticmethod
    def triples(matrices: FloatArray) -> Triples:
        """Of (N, 2, 2)."""
        return tuple((float(m[0, 0]), float(m[0, 1]), float(m[1, 1])) for m in matrices)


def mean_shapes(errors: FloatArray) -> Triples:
    """The form of each landmark's errors, determinant 1.

    Args:
        errors: (M, N, 2), NaN where not annotated.
    """
    lengths = np.linalg.norm(errors, axis=-1)
    known = ~np.isnan(lengths)
    usual = np.array(
        [np.median(column[there]) if there.any() else 1.0 for column, there in zip(lengths.T, known.T, strict=True)]
    )
    usual = np.maximum(usual, 1e-12)[:, None]
    shortened = np.minimum(1.0, 2.0 * usual / np.maximum(lengths.T, 1e-12)).T  # one far off must not decide alone
    scaled = np.nan_to_num(errors / usual * shortened[..., None])
    total = np.einsum("mni,mnj->nij", scaled, scaled)
    return Shapes.triples(_unit(total + _PRIOR * np.eye(2) / 2.0))


def normalised(usual: FloatArray, maps: FloatArray) -> FloatArray:
    """What the landmarks' usual errors and this image's heat maps say together: (..., N, 2, 2), determinant 1."""

    def share(matrices: FloatArray) -> FloatArray:
        trace: FloatArray = np.trace(matrices, axis1=-2, axis2=-1)[..., None, None]
        shares: FloatArray = matrices / np.maximum(trace, 1e-12)
        return shares

    return _unit(share(usual) + share(maps))


def shape_norm(errors: FloatArray, form: FloatArray) -> FloatArray:
    """Length of (..., 2) errors as a (..., 2, 2) form of determinant 1 measures it."""
    solved = np.linalg.solve(form, np.nan_to_num(errors)[..., None])[..., 0]
    squared: FloatArray = (np.nan_to_num(errors) * solved).sum(axis=-1)
    return np.where(np.isnan(errors).any(axis=-1), np.nan, np.sqrt(np.maximum(squared, 0.0)))


def axes(shape: FloatArray) -> tuple[float, float, float]:
    """Semi-axes of ``d' shape^-1 d <= 1``, the longer first, and the longer one's angle from x towards y in degrees."""
    values, vectors = np.linalg.eigh(shape)
    across, along = np.sqrt(np.maximum(values, 0.0))
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    return float(along), float(across), (angle + 90.0) % 180.0 - 90.0


def _unit(matrices: FloatArray) -> FloatArray:
    """The same form with determinant 1, no longer than :data:`_LONGEST` times its width."""
    values, vectors = np.linalg.eigh(matrices)
    small, large = np.maximum(values[..., 0], 1e-12), np.maximum(values[..., 1], 1e-12)
    ratio = np.minimum(large / small, _LONGEST**2)
    scaled = np.stack([1.0 / np.sqrt(ratio), np.sqrt(ratio)], axis=-1)
    unit: FloatArray = (vectors * scaled[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return unit

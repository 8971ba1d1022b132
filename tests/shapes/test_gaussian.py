"""Formulas that are written out give what a library computes."""

import numpy as np
import pytest

from lib.shapes.gaussian import distances, inverses


def made_covariances(shape, seed):
    """Positive definite, from almost round to a hundred times as long as wide, of sizes that differ widely."""
    random = np.random.default_rng(seed)
    angle, length, ratio = random.uniform(0, np.pi, shape), 10 ** random.uniform(-4, 4, shape), random.random(shape)
    axis = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    across = np.stack([-axis[..., 1], axis[..., 0]], axis=-1)
    wide = 10 ** (-4 * ratio)
    outer = (
        axis[..., :, None] * axis[..., None, :] + wide[..., None, None] * across[..., :, None] * across[..., None, :]
    )
    return outer * length[..., None, None]


@pytest.mark.parametrize("shape", [(), (19,), (5, 7)])
def test_inverses(shape):
    covariances = made_covariances(shape, 1)

    np.testing.assert_allclose(
        inverses(covariances) @ covariances, np.broadcast_to(np.eye(2), (*shape, 2, 2)), atol=1e-9
    )


def test_distances():
    covariances = made_covariances((50, 4), 2)
    offsets = np.random.default_rng(3).normal(size=(50, 4, 2))
    offsets[3, 1], offsets[7, 0, 1] = np.nan, np.nan

    found = distances(offsets, covariances)

    wanted = np.sqrt(np.einsum("...a,...ab,...b->...", offsets, np.linalg.inv(covariances), offsets))
    np.testing.assert_allclose(found, wanted, rtol=1e-8)
    assert np.flatnonzero(np.isnan(found)).tolist() == [13, 28]

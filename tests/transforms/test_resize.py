"""Resizing gives what torch's own does."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from lib.transforms.resize import resize

SIZES = [
    ((2400, 1935), (800, 640)),
    ((480, 400), (480, 400)),
    ((333, 1200), (800, 640)),
    ((16, 17), (384, 320)),
    ((100, 777), (99, 800)),
    ((1000, 16), (1, 16)),
    ((16, 16), (16, 1)),
]


@pytest.mark.parametrize(("from_size", "to_size"), SIZES)
def test_as_torch_resizes(from_size, to_size):
    image = np.random.default_rng(0).uniform(0, 1, from_size).astype(np.float32)

    resized = resize(image, to_size)

    expected = functional.interpolate(torch.from_numpy(image)[None, None], to_size, mode="bilinear", antialias=True)
    assert resized.dtype == np.float32
    assert resized.flags.c_contiguous
    np.testing.assert_allclose(resized, expected[0, 0].numpy(), atol=1e-4)  # torch rounds places to 24 bits


@pytest.mark.parametrize(("from_size", "to_size"), SIZES)
def test_an_even_image_stays_even(from_size, to_size):
    resized = resize(np.full(from_size, 4095, np.float32), to_size)

    np.testing.assert_allclose(resized, np.full(to_size, 4095, np.float32), rtol=1e-6)


@pytest.mark.parametrize(("from_size", "to_size"), SIZES)
def test_a_mirrored_image_becomes_the_mirrored_one(from_size, to_size):
    """Nothing is shifted: pixel centres are mapped."""
    image = np.random.default_rng(1).uniform(0, 1, from_size).astype(np.float32)

    np.testing.assert_allclose(resize(image[::-1, ::-1], to_size), resize(image, to_size)[::-1, ::-1], atol=1e-6)

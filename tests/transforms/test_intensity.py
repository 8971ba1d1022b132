"""Random grey values: in range, repeatable, and the anatomy stays visible."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.transforms import RandIntensityd
from lib.transforms.intensity import gaussian_blur, ramp, separable_blur

OFF = {"gamma": 1.0, "fade": 0.0, "clip": 0.0, "falloff": 0.0, "blur": 0.0, "sharpen": 0.0, "noise": 0.0}


def varied(image, seed, **strengths):
    transform = RandIntensityd(**strengths)
    transform.set_random_state(seed)
    return transform({"image": image})["image"]


def steps() -> torch.Tensor:
    """A wedge of 65 grey values from left to right."""
    return torch.linspace(0, 1, 65).expand(1, 64, 65)


def test_intensities_stay_in_range_and_repeat():
    image = torch.rand(1, 64, 48)
    before = image.clone()
    for seed in range(8):
        result = varied(image, seed, prob=1.0)
        assert result.shape == image.shape
        assert result.dtype == torch.float32
        assert result.min() >= 0
        assert result.max() <= 1
        assert not torch.equal(result, image)
        assert torch.equal(varied(image, seed, prob=1.0), result)
    assert torch.equal(image, before)


def test_without_chance_or_strength_nothing_changes():
    image, uniform = torch.rand(1, 64, 48), torch.full((1, 64, 48), 0.3)
    for seed in range(5):
        assert torch.equal(varied(image, seed, prob=0.0), image)
        assert torch.allclose(varied(uniform, seed, **OFF, prob=1.0), uniform)


@given(st.integers(0, 10_000))
def test_grey_values_keep_their_order_and_most_of_them_their_difference(seed):
    curve = varied(steps(), seed, prob=1.0, blur=0, sharpen=0, noise=0, falloff=0)[0, 32]
    assert (curve.diff() >= 0).all()
    lost = (curve.diff() < 1e-4).float().mean()
    assert lost < 0.2  # the dark skin of a radiograph stays a grey value of its own
    assert curve.max() - curve.min() > 0.45


@pytest.mark.parametrize(
    ("strength", "centre"),
    [({"gamma": 1.5}, (0.5**1.5, 0.5 ** (1 / 1.5))), ({"fade": 0.25, "clip": 0.03}, (0.36, 0.64))],
)
def test_strengths_are_limits_that_are_nearly_reached(strength, centre):
    grey = torch.full((1, 8, 8), 0.5)
    off = {**OFF, "prob": 1.0, "blur": 0.3}
    values = [float(varied(grey, seed, **off | strength)[0, 4, 4]) for seed in range(400)]
    low, high = centre
    assert low - 1e-6 <= min(values) < low + 0.02
    assert high - 0.02 < max(values) <= high + 1e-6


def test_falloff_darkens_one_side_and_leaves_black_and_the_other_side():
    for seed in range(6):
        result = varied(torch.ones(1, 33, 65), seed, **{**OFF, "falloff": 0.3, "prob": 1.0})[0]
        corners = torch.stack([result[0, 0], result[0, -1], result[-1, 0], result[-1, -1]])
        assert corners.max() == pytest.approx(1.0, abs=1e-4)  # a trace of blur
        assert 0.7 - 1e-5 <= corners.min() < 1
    assert varied(torch.zeros(1, 33, 65), 3, **{**OFF, "falloff": 0.3, "prob": 1.0}).max() == 0


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_ramp_goes_from_0_to_1_in_its_direction(degrees):
    plane = ramp(torch.zeros(1, 40, 60), math.radians(degrees))[0]
    assert plane.shape == (40, 60)
    assert plane.min() == pytest.approx(0, abs=1e-6)
    assert plane.max() == pytest.approx(1, abs=1e-6)
    rises_right, rises_down = float(plane[0, -1] - plane[0, 0]), float(plane[-1, 0] - plane[0, 0])
    turned = math.degrees(math.atan2(rises_down, rises_right)) - degrees
    assert (turned + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


def test_edges_become_softer_in_some_images_and_sharper_in_others_but_stay_where_they_are():
    edge = torch.zeros(1, 32, 64)
    edge[..., 32:] = 0.6
    edge = gaussian_blur(edge + 0.2, 1.5)
    steepest = float(edge[0, 16].diff().max())
    softer = sharper = 0
    for seed in range(40):
        row = varied(edge, seed, **{**OFF, "blur": 1.2, "sharpen": 1.0, "prob": 1.0})[0, 16]
        assert row.diff().argmax() == 31
        softer += float(row.diff().max()) < 0.98 * steepest
        sharper += float(row.diff().max()) > 1.02 * steepest
    assert softer > 8
    assert sharper > 8


@pytest.mark.parametrize("sigma", [0.3, 0.85, 1.2, 2.0])
@pytest.mark.parametrize("size", [(64, 48), (33, 70)])
def test_the_blur_of_a_gpu_is_that_of_the_cpu(sigma, size):
    image = torch.rand(1, *size)
    torch.testing.assert_close(separable_blur(image, sigma), gaussian_blur(image, sigma), rtol=0, atol=1e-6)


def test_blurring_keeps_the_mean_and_widens_a_point_by_sigma():
    image = torch.zeros(1, 41, 41)
    image[0, 20, 20] = 1
    blurred = gaussian_blur(image, 1.2)[0]
    assert blurred.dtype == torch.float32
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    variance = float((blurred.sum(0) * (torch.arange(41) - 20.0) ** 2).sum())
    assert np.sqrt(variance) == pytest.approx(1.2, rel=0.03)  # cut off at three sigma
    assert torch.allclose(gaussian_blur(torch.full((1, 30, 30), 0.4), 2.0), torch.tensor(0.4))

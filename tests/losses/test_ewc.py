"""EWC against a formula written out, and its borders."""

import math

import numpy as np
import pytest
import torch

from lib.heatmaps import HeatmapCodec
from lib.losses import EWCLoss
from lib.trainers.objective import CoarseToFineLoss, Objective


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 5, 4, generator=generator), torch.rand(2, 3, 5, 4, generator=generator)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 40.0])
def test_equals_the_formula(maps, alpha):
    prediction, target = maps
    expected = np.mean(alpha ** target.numpy() * (target.numpy() - prediction.numpy()) ** 2)
    assert EWCLoss(alpha)(prediction, target).item() == pytest.approx(expected, rel=1e-5)


def test_alpha_1_is_the_mean_squared_error(maps):
    assert EWCLoss(alpha=1.0)(*maps).item() == pytest.approx(torch.nn.functional.mse_loss(*maps).item(), rel=1e-6)


def test_weight_at_the_peak_is_alpha():
    peak, off = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    assert EWCLoss(40.0)(off, peak).item() == pytest.approx(40.0)
    assert EWCLoss(40.0)(peak, off).item() == pytest.approx(1.0)


def test_weights_at_distances_from_the_landmark():
    codec = HeatmapCodec(10.0)
    target = codec.encode(torch.tensor([[[50.0, 50.0]]]), (101, 101))
    weight = EWCLoss(40.0, reduction="none")(target + 1, target)[0, 0]
    for cells, expected in ((0, 40.0), (5, 25.9), (10, 9.4), (15, 3.3), (20, 1.65), (30, 1.04)):
        assert weight[50, 50 + cells].item() == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("alpha", [0.5, math.nan, math.inf])
def test_wrong_alpha(alpha):
    with pytest.raises(ValueError, match="alpha should be at least 1"):
        EWCLoss(alpha)


def test_coarse_to_fine_adds_both_maps_and_is_0_for_perfect_ones():
    codec = HeatmapCodec(3.0)
    points = torch.tensor([[[10.2, 20.7], [math.nan, math.nan]]])
    fine, coarse = codec.encode(points, (64, 48)), codec.with_stride(2).encode(points, (64, 48))
    objective = CoarseToFineLoss(codec)
    assert objective((fine, coarse), points).item() == pytest.approx(0.0, abs=1e-9)
    assert objective((fine, coarse + 1), points).item() > objective((fine, coarse + 0.5), points).item() > 0
    doubled = CoarseToFineLoss(codec, objective=Objective(coarse_weight=2.0))
    assert doubled((fine, coarse + 1), points).item() == pytest.approx(2 * objective((fine, coarse + 1), points).item())

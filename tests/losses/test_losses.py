"""One tester for every loss, and the losses that EWC is compared with against numbers worked out by hand."""

import math

import pytest
import torch

from lib.losses import LOSSES, AdaptiveWingLoss, L1Loss, SmoothL1Loss


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 5, 4, generator=generator), torch.rand(2, 3, 5, 4, generator=generator)


def at(loss, prediction, target):
    """Value and slope of a loss at one prediction."""
    drawn = torch.full((1, 1, 1, 1), prediction, dtype=torch.float64, requires_grad=True)
    value = loss(drawn, torch.full_like(drawn, target))
    value.backward()
    return value.item(), drawn.grad.item()


@pytest.mark.parametrize("name", LOSSES)
class TestEveryLoss:
    """What holds for one loss holds for all."""

    def test_reductions(self, name, maps):
        each = LOSSES[name](reduction="none")(*maps)
        assert each.shape == maps[0].shape
        assert (each > 0).all()
        assert LOSSES[name](reduction="sum")(*maps).item() == pytest.approx(each.sum().item(), rel=1e-5)
        assert LOSSES[name]()(*maps).item() == pytest.approx(each.mean().item(), rel=1e-5)

    def test_a_perfect_map_costs_nothing_and_pulls_nowhere(self, name, maps):
        prediction = maps[1].clone().requires_grad_()
        loss = LOSSES[name]()(prediction, maps[1])
        loss.backward()
        assert loss == 0
        assert not prediction.grad.any()

    def test_a_step_down_the_gradient_is_nearer(self, name, maps):
        prediction, target = maps[0].clone().requires_grad_(), maps[1]
        LOSSES[name](reduction="sum")(prediction, target).backward()
        assert torch.equal(prediction.grad.sign(), (prediction - target).sign())
        assert torch.isfinite(prediction.grad).all()

    @pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
    def test_the_slope_is_that_of_the_value(self, name, target):
        for prediction in (-2.0, -0.4, 0.15, 0.45, 0.9, 3.0):
            loss = LOSSES[name]()
            (below, _), (_, slope), (above, _) = (at(loss, prediction + step, target) for step in (-1e-6, 0.0, 1e-6))
            assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)

    def test_a_masked_landmark_neither_counts_nor_leaks(self, name, maps):
        prediction, target = (map_.clone() for map_ in maps)
        mask = torch.tensor([[True, False, True], [True, True, False]])
        target[~mask] = math.nan
        prediction.requires_grad_()
        loss = LOSSES[name]()(prediction, target, mask)
        loss.backward()
        expected = LOSSES[name](reduction="none")(*maps)[mask].mean()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        assert torch.isfinite(prediction.grad).all()
        assert not prediction.grad[~mask].any()
        assert prediction.grad[mask].all()

    def test_without_reduction_a_masked_map_is_0_and_the_others_as_without_mask(self, name, maps):
        mask = torch.tensor([[True, False, True], [True, True, False]])
        each = LOSSES[name](reduction="none")(*maps, mask)
        assert torch.equal(each[mask], LOSSES[name](reduction="none")(*maps)[mask])
        assert not each[~mask].any()

    def test_nothing_annotated_is_0(self, name, maps):
        prediction = maps[0].clone().requires_grad_()
        loss = LOSSES[name]()(prediction, maps[1], torch.zeros(2, 3, dtype=torch.bool))
        loss.backward()
        assert loss.item() == 0
        assert not prediction.grad.any()

    def test_wrong_reduction_and_shapes(self, name, maps):
        with pytest.raises(ValueError, match="reduction should be 'mean', 'sum' or 'none', got 'median'"):
            LOSSES[name](reduction="median")
        with pytest.raises(ValueError, match="differ in shape"):
            LOSSES[name]()(maps[0], maps[1][:1])
        with pytest.raises(ValueError, match=r"should have shape \(2, 3\)"):
            LOSSES[name]()(*maps, mask=torch.ones(2, 2))


def test_mse_is_torchs(maps):
    assert LOSSES["mse"]()(*maps).item() == pytest.approx(torch.nn.functional.mse_loss(*maps).item(), rel=1e-6)


def test_l1_and_smooth_l1():
    assert at(L1Loss(), 0.25, 1.0) == pytest.approx((0.75, -1.0))
    assert at(SmoothL1Loss(), 0.25, 1.0) == pytest.approx((0.75**2 / 2, -0.75))
    assert at(SmoothL1Loss(), 2.5, 0.0) == pytest.approx((2.0, 1.0))


@pytest.mark.parametrize(
    ("target", "prediction", "value"),
    [
        (1.0, 0.9, 1.070100),  # 14 ln(1 + 0.1^1.1)
        (0.0, 0.1, 0.110767),  # 14 ln(1 + 0.1^2.1)
        (0.5, 0.8, 1.903953),  # 14 ln(1 + 0.3^1.6)
        (1.0, 0.2, 8.299813),  # A d - C, at a peak
        (0.0, 1.0, 8.495946),  # A d - C, in the background
        (0.5, -0.5, 9.547547),  # A d - C, half way up
    ],
)
def test_adaptive_wing_by_hand(target, prediction, value):
    """With the source's A and C, of p = alpha - y and r = theta / epsilon:

    A = omega p r^(p - 1) / (epsilon (1 + r^p)) and C = theta A - omega ln(1 + r^p).
    """
    assert at(AdaptiveWingLoss(), prediction, target)[0] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("numbers", [{}, {"alpha": 3.0, "omega": 5.0, "epsilon": 0.25, "theta": 0.125}])
def test_adaptive_wing_is_continuous_at_theta_with_its_slope(target, numbers):
    loss = AdaptiveWingLoss(**numbers)
    inside, outside = (at(loss, target + loss.theta + step, target) for step in (-1e-9, 1e-9))
    assert inside == pytest.approx(outside, rel=1e-6)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"alpha": 2.0}, "alpha should be above 2, got 2.0"),
        ({"omega": 0.0}, "omega should be above 0, got 0.0"),
        ({"epsilon": math.inf}, "epsilon should be above 0, got inf"),
        ({"theta": math.nan}, "theta should be above 0, got nan"),
    ],
)
def test_adaptive_wing_refuses(numbers, sentence):
    with pytest.raises(ValueError, match=sentence):
        AdaptiveWingLoss(**numbers)

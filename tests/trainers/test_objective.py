"""What is minimised: fine and coarse maps of the annotated landmarks, and nothing else."""

import numpy as np
import pytest
import torch

from lib.heatmaps import HeatmapCodec
from lib.losses import LOSSES, EWCLoss
from lib.trainers.objective import MAX_WEIGHT, CoarseToFineLoss, Objective, landmark_weights, target_windows

SIZE = (64, 96)
CODEC = HeatmapCodec(sigma=3.0)
NAN = float("nan")


@pytest.fixture
def points():
    return torch.tensor([[[10.2, 20.7], [60.0, 31.5], [95.5, 0.0]], [[5.0, 6.0], [7.0, 8.0], [90.1, 60.9]]])


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 3, 64, 96), (2, 3, 32, 48)]
    return [torch.rand(shape, generator=generator).requires_grad_() for shape in shapes]


def test_exact_maps_cost_nothing(points):
    exact = CODEC.encode(points, SIZE), CODEC.with_stride(2).encode(points, SIZE)
    assert 0 <= CoarseToFineLoss(CODEC)(exact, points) < 1e-24


@pytest.mark.parametrize("decoder", ["subpixel", "released"])
@pytest.mark.parametrize("stride", [1, 2])
def test_targets_are_0_outside_their_windows(decoder, stride):
    """Near and at every border, half a cell and more beyond it, and for what is not annotated."""
    codec = HeatmapCodec(1.5, stride, decoder)
    places = torch.tensor([-40.0, -0.5, 0.0, 3.3, 47.6, 63.0, 95.5, 140.0, NAN])
    points = torch.cartesian_prod(places, places)[None]
    windows = target_windows(codec, points, SIZE, points.device)
    drawn = torch.zeros(1, len(points[0]), SIZE[0] // stride, SIZE[1] // stride)
    drawn.flatten()[windows.places(drawn)] = windows.values
    assert windows.values.shape[-2:] < drawn.shape[-2:]
    torch.testing.assert_close(drawn, codec.encode(points, SIZE), rtol=1e-5, atol=3e-11)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", ["ewc", "mse"])
@pytest.mark.parametrize("sigma", [1.0, 3.0, 40.0])
def test_the_paper_s_loss_and_its_gradient_against_the_formula(points, maps, sigma, name, channels_last):
    points[1, 2] = NAN
    maps[0].data[0, 0, 5, 6] = 90.0
    weights, alpha = torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64), {"ewc": 40.0, "mse": 1.0}[name]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    drawn = [one.detach().clone(memory_format=layout).requires_grad_() for one in maps]
    exact = [one.detach().double().requires_grad_() for one in maps]
    expected = 0.0
    for one, stride, factor in zip(exact, (1, 2), (1.0, 0.3), strict=True):
        target = HeatmapCodec(sigma, stride).encode(points, SIZE).double()
        losses = (alpha**target * (target - one) ** 2).mean((-2, -1)) * points.isfinite().all(-1)
        expected = expected + factor * (losses * weights).mean()
    loss = CoarseToFineLoss(HeatmapCodec(sigma), weights.tolist(), Objective(name, 0.3))(drawn, points)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    loss.backward()
    expected.backward()
    for one, other in zip(drawn, exact, strict=True):
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=1e-5, atol=1e-10)


def test_the_sum_of_fine_and_coarse(points, maps):
    fine, coarse = (
        EWCLoss(alpha=40.0)(drawn, CODEC.with_stride(stride).encode(points, SIZE))
        for drawn, stride in zip(maps, (1, 2), strict=True)
    )
    torch.testing.assert_close(CoarseToFineLoss(CODEC)(maps, points), fine + coarse)
    torch.testing.assert_close(
        CoarseToFineLoss(CODEC, objective=Objective(coarse_weight=0.25))(maps, points), fine + 0.25 * coarse
    )
    assert fine != coarse


@pytest.mark.parametrize("loss", LOSSES)
def test_any_loss_and_without_coarse_maps(points, maps, loss):
    fine, coarse = (
        LOSSES[loss]()(drawn, CODEC.with_stride(stride).encode(points, SIZE))
        for drawn, stride in zip(maps, (1, 2), strict=True)
    )
    torch.testing.assert_close(CoarseToFineLoss(CODEC, objective=Objective(loss))(maps, points), fine + coarse)
    alone = CoarseToFineLoss(CODEC, objective=Objective(loss, 0.0))(maps, points)
    torch.testing.assert_close(alone, fine)
    alone.backward()
    assert maps[1].grad is None


def test_what_is_not_annotated_does_not_train(points, maps):
    points[0, 1] = points[1, 2, 0] = NAN
    CoarseToFineLoss(CODEC)(maps, points).backward()
    for drawn in maps:
        trained = drawn.grad.flatten(2).abs().sum(-1) > 0
        assert trained.tolist() == [[True, False, True], [True, True, False]]
        assert torch.isfinite(drawn.grad).all()


def test_a_batch_without_annotation_is_no_error(points, maps):
    loss = CoarseToFineLoss(CODEC)(maps, torch.full_like(points, NAN))
    loss.backward()
    assert loss == 0
    assert all((drawn.grad == 0).all() for drawn in maps)


def test_half_precision_maps_are_compared_in_full(points, maps):
    halves = [drawn.detach().half() for drawn in maps]
    expected = CoarseToFineLoss(CODEC)([half.float() for half in halves], points)
    assert CoarseToFineLoss(CODEC)(halves, points) == expected


def test_an_annotation_counts_the_same_in_a_sparse_image_as_in_a_full_one(points, maps):
    """The gradient at the only landmark of an image is that of one among three."""
    full, sparse = (maps[0].detach().clone().requires_grad_() for _ in range(2))
    loss = CoarseToFineLoss(CODEC, objective=Objective(coarse_weight=0.0))
    loss([full, maps[1]], points).backward()
    points[0, 1:] = NAN
    loss([sparse, maps[1]], points).backward()
    torch.testing.assert_close(sparse.grad[0, 0], full.grad[0, 0])
    torch.testing.assert_close(sparse.grad[1], full.grad[1])
    assert (sparse.grad[0, 1:] == 0).all()


def test_weights_of_landmarks(points, maps):
    plain = CoarseToFineLoss(CODEC)
    weighted = CoarseToFineLoss(CODEC, weights=[1.0, 2.0, 0.0])
    parts = []
    for landmark in range(3):
        alone = torch.full_like(points, NAN)
        alone[:, landmark] = points[:, landmark]
        parts.append(plain(maps, alone))
    torch.testing.assert_close(plain(maps, points), sum(parts))
    torch.testing.assert_close(weighted(maps, points), parts[0] + 2 * parts[1])
    points[0, 1] = NAN
    assert torch.isfinite(weighted(maps, points))


def test_rare_landmarks_weigh_more():
    label = np.zeros((4, 2), dtype=np.float32)
    labels = [label.copy() for _ in range(12)]
    for number, points in enumerate(labels):
        points[1] = NAN if number % 2 else 0.0  # in half of the images
        points[2] = NAN if number else 0.0  # in one of twelve
        points[3] = NAN
    assert landmark_weights(labels) == (1.0, 2.0, MAX_WEIGHT, 1.0)

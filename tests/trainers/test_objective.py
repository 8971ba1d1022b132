"""What is minimised: fine and coarse maps of the annotated landmarks, and nothing else."""

import pytest
import torch

from lib.heatmaps import HeatmapCodec
from lib.losses import EWCLoss
from lib.trainers.objective import CoarseToFineLoss

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
    assert CoarseToFineLoss(CODEC)(exact, points) == 0


def test_the_sum_of_fine_and_coarse(points, maps):
    fine, coarse = (
        EWCLoss(alpha=40.0)(drawn, CODEC.with_stride(stride).encode(points, SIZE))
        for drawn, stride in zip(maps, (1, 2), strict=True)
    )
    torch.testing.assert_close(CoarseToFineLoss(CODEC)(maps, points), fine + coarse)
    torch.testing.assert_close(CoarseToFineLoss(CODEC, coarse_weight=0.25)(maps, points), fine + 0.25 * coarse)
    assert fine != coarse


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

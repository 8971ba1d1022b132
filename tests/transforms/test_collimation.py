"""Collimation: a border near the edges, and landmarks under it are not annotated any more."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.transforms import RandCollimationd
from lib.transforms.collimation import PENUMBRA, Window, collimate

SIZE = (128, 96)


def every_pixel() -> torch.Tensor:
    """(H * W, 2) points on all pixel centres."""
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(96.0), indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], -1)


def collimated(image, points, seed, **options):
    transform = RandCollimationd(**{"prob": 1.0} | options)
    transform.set_random_state(seed)
    return transform({"image": image, "label": points})


def test_an_upright_window_ends_where_it_says():
    image = torch.full((1, *SIZE), 0.6)
    result = collimate(image, Window(SIZE, (10, 20, 30, 40), 0), grey=0.1)[0]
    inside = torch.zeros(SIZE, dtype=torch.bool)
    inside[30 : 128 - 40, 10 : 96 - 20] = True
    assert ((result > 0.35) == inside).all()
    assert (result[:29] == 0.1).all()
    assert (result[31:87, 11:75] == 0.6).all()


def test_edges_outside_the_image_leave_it_alone():
    image = torch.rand(1, *SIZE)
    assert torch.equal(collimate(image, Window(SIZE, (-2, -2, -2, -2), 0), grey=1.0), image)
    assert torch.equal(collimate(image, Window(SIZE, (-20, -20, -20, -20), 5), grey=1.0), image)


def test_a_window_turns_clockwise_on_the_screen_as_images_do():
    result = collimate(torch.ones(1, 101, 101), Window((101, 101), (-40, -40, 20, -40), 10), grey=0.0)[0]
    tops = (result > 0.5).float().argmax(dim=0)
    assert tops[0] < 20 < tops[-1]
    assert (tops[-1] - tops[0]).item() == pytest.approx(100 * 0.1763, abs=1.5)  # the tangent of 10 degrees


@pytest.mark.parametrize("seed", range(12))
def test_a_landmark_is_hidden_exactly_where_the_image_is(seed):
    points = every_pixel()
    data = collimated(torch.full((1, *SIZE), 0.5), points, seed, hidden=1.0)
    grey = data["image"].flatten()
    hidden = data["label"].isnan().any(dim=-1)
    assert 0 < hidden.sum() < 0.6 * len(points)
    border = (grey - 0.5).abs().max()
    covered = (grey - 0.5).abs() / border  # 0 in the light, 1 under the border, 0.5 on its edge
    assert (covered[hidden] > 0.5 - 1e-3).all()
    assert (covered[~hidden] < 0.5 + 1e-3).all()
    assert torch.equal(data["label"][~hidden], points[~hidden])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(0, 0.5), st.floats(0, 1))
def test_no_more_landmarks_are_hidden_than_allowed(seed, count, allowed, unannotated):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 2, generator=generator) * torch.tensor([95.0, 127.0])
    points[torch.rand(count, generator=generator) < unannotated] = float("nan")
    before = points.clone()
    label = collimated(torch.rand(1, *SIZE, generator=generator), points, seed, hidden=allowed)["label"]
    annotated = int(before.isfinite().all(dim=-1).sum())
    left = label.isfinite().all(dim=-1)
    assert annotated - int(left.sum()) <= allowed * annotated
    assert torch.equal(label[left], before[left])
    assert torch.equal(points.nan_to_num(-1), before.nan_to_num(-1))


def test_a_share_just_below_a_half_is_below_a_half():
    points = torch.tensor([[1.0, 1.0], [48.0, 64.0]])
    for seed in range(20):
        label = collimated(torch.rand(1, *SIZE), points, seed, hidden=math.nextafter(0.5, 0))["label"]
        assert torch.equal(label, points)


def test_landmarks_at_all_edges_get_a_smaller_border_or_none():
    points = every_pixel()
    points = points[((points < 3) | (points > torch.tensor([92.0, 124.0]))).any(dim=-1)]
    image = torch.full((1, *SIZE), 0.5)
    unchanged = 0
    for seed in range(40):
        data = collimated(image, points, seed)
        assert data["label"].isnan().any(dim=-1).sum() <= 0.1 * len(points)
        unchanged += torch.equal(data["image"], image)
    assert 0 < unchanged < 40


def test_a_single_landmark_is_never_hidden():
    point = torch.tensor([[1.0, 1.0]])
    for seed in range(30):
        assert torch.equal(collimated(torch.rand(1, *SIZE), point, seed)["label"], point)


def test_how_often_and_in_which_grey():
    image, middle = torch.full((1, *SIZE), 0.5), torch.tensor([[48.0, 64.0]])
    greys = []
    for seed in range(600):
        result = collimated(image, middle, seed, prob=0.5)["image"]
        if not torch.equal(result, image):
            greys.append(float(result.flatten()[(result.flatten() - 0.5).abs().argmax()]))
    assert 0.4 < len(greys) / 600 < 0.56
    black, dark, bright = (sum(low <= grey <= high for grey in greys) for low, high in ((0, 0), (1e-9, 0.3), (0.7, 1)))
    assert black > dark > 10
    assert black > 2 * bright > 20
    never = RandCollimationd(prob=0.0)
    assert torch.equal(never({"image": image, "label": middle})["image"], image)


def test_the_middle_of_the_image_always_stays():
    image = torch.rand(1, *SIZE)
    for seed in range(60):
        result = collimated(image, every_pixel(), seed, hidden=1.0)["image"]
        edge = 0.12 + 0.12  # the border and what its rotation adds at the corners
        top, left = round(edge * 128), round(edge * 96)
        assert torch.equal(result[:, top:-top, left:-left], image[:, top:-top, left:-left])


def test_the_edge_is_as_sharp_as_the_penumbra_says():
    result = collimate(torch.ones(1, *SIZE), Window(SIZE, (20.3, -9, -9, -9), 0), grey=0.0)[0, 64]
    partly = (result > 0) & (result < 1)
    assert partly.sum() == PENUMBRA
    assert float((1 - result).sum()) == pytest.approx(20.3, abs=1e-3)  # on average exactly there

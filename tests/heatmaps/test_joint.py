"""Landmarks chosen together: as an exhaustive search would, and never elsewhere than where the maps are clear."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lib.heatmaps import HeatmapCodec, JointChoice
from lib.heatmaps.joint import _UNRELATED, _WIDER, _beliefs, _spread

SIZE = (160, 96)
CODEC = HeatmapCodec(3.0)
STEP = np.array([0.0, 24.0])
COLUMN = np.array([48.0, 8.0]) + np.arange(7)[:, None] * STEP  # seven landmarks that look alike, one below the other


def chain(count=7, step=STEP, deviation=2.0, landmarks=None):
    """Each landmark's parent is the one above it."""
    covariances = np.tile(np.eye(2) * deviation**2, (count, 1, 1))
    indices = np.arange(count) if landmarks is None else np.array(landmarks)
    return SimpleNamespace(
        landmarks=indices,
        parents=np.maximum(np.arange(count) - 1, 0),
        offsets=np.tile(step, (count, 1)),
        covariances=covariances,
    )


def draw(*summits):
    """The (N, h, w) maps of N landmarks with summits of some ``(height, (N, 2) places)``."""
    maps = [height * CODEC.encode(torch.as_tensor(places, dtype=torch.float32), SIZE) for height, places in summits]
    return torch.stack(maps).amax(dim=0)


def chosen(maps, tree=None):
    choice = JointChoice(maps, CODEC)
    choice.choose_by(tree or chain())
    return choice.points.numpy()


def off(points, places=COLUMN):
    return np.linalg.norm(points - places, axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_beliefs_are_those_of_an_exhaustive_search(seed):
    random = np.random.default_rng(seed)
    height, width, stride = 4, 3, 2
    maps = random.uniform(0.01, 1.0, (4, height, width)).astype(np.float32)
    covariances = np.array([np.eye(2) * random.uniform(0.5, 4, 2) for _ in range(4)])
    offsets, parents = random.normal(0, 2, (4, 2)), np.array([0, 0, 0, 1])
    tree = SimpleNamespace(landmarks=np.arange(4), parents=parents, offsets=offsets, covariances=covariances)
    cells = list(itertools.product(range(height), range(width)))

    def likely(child, at, parent_at):
        away = np.array([at[1] - parent_at[1], at[0] - parent_at[0]]) - offsets[child] / stride
        deviation = np.sqrt(np.diag(covariances[child])) * _WIDER / stride
        return np.exp(-0.5 * ((away / deviation) ** 2).sum()) + _UNRELATED

    table = {(i, a, b): likely(i, cells[a], cells[b]) for i in (1, 2, 3) for a in range(12) for b in range(12)}
    wanted = np.zeros((4, height, width))
    for places in itertools.product(range(12), repeat=4):
        weight = np.prod([maps[i][cells[places[i]]] for i in range(4)])
        weight *= np.prod([table[i, places[i], places[parents[i]]] for i in (1, 2, 3)])
        for i in range(4):
            wanted[i][cells[places[i]]] += weight
    wanted /= wanted.max(axis=(1, 2), keepdims=True)
    assert _beliefs(maps, tree, stride) == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_what_is_next_to_impossible_counts_as_that():
    """Numbers below the smallest normal one, of which a wide map would have many, take ten times as long."""
    cells, offset, deviation = 200, np.array([7.3, -150.0]), np.array([0.5, 4.0])
    spread = _spread(cells, offset, deviation).numpy()

    axis = np.arange(cells)
    away = (axis[:, None] - axis - offset[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(spread, np.exp(-0.5 * away**2), rtol=1e-3, atol=2e-12)
    assert spread[spread != 0].min() > 1e-13
    assert (spread == 0).mean() > 0.5


def test_a_run_that_is_shifted_by_one():
    shifted = COLUMN.copy()
    shifted[2:5] += STEP  # 2, 3 and 4 on the places of 3, 4 and 5: each fits its neighbour
    maps = draw((0.9, shifted), (0.6, COLUMN))
    assert off(CODEC.decode(maps)[0].numpy()).max() > 20
    assert off(chosen(maps)).max() < 0.1


def test_two_landmarks_exchanged():
    exchanged = COLUMN[[0, 1, 3, 2, 4, 5, 6]]
    maps = draw((0.9, exchanged), (0.3, COLUMN))
    assert off(chosen(maps)).max() < 0.1


def test_a_summit_that_is_missing_is_placed_by_its_neighbours():
    maps = draw((0.9, COLUMN))
    maps[3] = 0.9 * CODEC.encode(torch.tensor([[20.0, 140.0]]), SIZE)[0]  # somewhere else, and nothing where it belongs
    points = chosen(maps)
    assert off(points)[3] < 3
    assert off(np.delete(points, 3, 0), np.delete(COLUMN, 3, 0)).max() < 0.1


def test_the_flank_of_another_summit_is_no_summit():
    maps = draw((0.9, COLUMN))
    maps[3] = 0.9 * CODEC.encode(torch.as_tensor(COLUMN[None, 3] + [0.0, 8.0], dtype=torch.float32), SIZE)[0]
    points = chosen(maps, chain(deviation=0.5))
    assert off(points)[3] < 3  # and not 4.5 off, at the rim of what is near


@pytest.mark.parametrize("deviation", [1.0, 4.0])
@pytest.mark.parametrize("seed", range(10))
def test_clear_maps_give_the_very_same_points(seed, deviation):
    generator = torch.Generator().manual_seed(seed)
    places = torch.as_tensor(COLUMN).float() + deviation * torch.randn(7, 2, generator=generator)
    maps = 0.2 + 0.8 * torch.rand(7, 1, 1, generator=generator)
    maps = maps * CODEC.encode(places, SIZE) + 0.02 * torch.rand(7, *SIZE, generator=generator)
    plain, _ = CODEC.decode(maps)
    choice = JointChoice(maps, CODEC)
    assert torch.equal(choice.points, plain)
    choice.choose_by(chain(deviation=deviation))
    choice.choose_as_expected(COLUMN, np.full((7, 2), deviation))
    assert torch.equal(choice.points, plain)


def test_landmarks_out_of_the_tree_stay():
    maps = draw((0.9, COLUMN[[1, 0, 2, 3, 4, 5, 6]]))
    points = chosen(maps, chain(5, landmarks=[2, 3, 4, 5, 6]))
    assert np.array_equal(points, CODEC.decode(maps)[0].numpy())


def test_a_single_landmark():
    maps = draw((0.9, COLUMN))
    assert np.array_equal(chosen(maps, chain(1)), CODEC.decode(maps)[0].numpy())


def test_what_all_others_say_brings_back_one_alone():
    astray = COLUMN.copy()
    astray[3] = [20.0, 130.0]
    choice = JointChoice(draw((0.9, astray), (0.4, COLUMN)), CODEC)
    expected = np.where(np.arange(7)[:, None] == 5, np.nan, COLUMN + 1.0)
    choice.choose_as_expected(expected, np.full((7, 2), 2.0))
    assert off(choice.points.numpy()).max() < 0.1


@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.0])
def test_any_sigma_and_odd_sizes(sigma):
    codec = HeatmapCodec(sigma)
    places = torch.tensor([[40.2, 20.0], [40.7, 60.0], [41.0, 100.3]])
    wrong = places[[1, 0, 2]]
    maps = torch.maximum(0.8 * codec.encode(wrong, (131, 83)), 0.6 * codec.encode(places, (131, 83)))
    choice = JointChoice(maps, codec)
    choice.choose_by(chain(3, np.array([0.0, 40.0])))
    assert (choice.points - places).norm(dim=1).max() < 0.3


def test_a_landmark_without_a_summit_is_placed_within_the_maps():
    choice = JointChoice(torch.zeros(3, 161, 93), HeatmapCodec(10.0))  # the last cells of the grid reach to 170 and 100
    choice.choose_as_expected(np.tile([100.0, 170.0], (3, 1)), np.full((3, 2), 1.0))
    assert (choice.points == torch.tensor([92.0, 160.0])).all()


def test_maps_with_gradients():
    maps = draw((0.9, COLUMN[[0, 1, 3, 2, 4, 5, 6]]), (0.3, COLUMN))
    assert np.array_equal(chosen(maps.clone().requires_grad_()), chosen(maps))


@pytest.mark.parametrize(("against", "expected"), [(0, False), (1, False), (2, True)])
def test_what_is_against_the_maps(against, expected):
    astray = COLUMN.copy()
    astray[:against] = [20.0, 140.0]
    choice = JointChoice(draw((0.9, astray)), CODEC)
    choice.choose_as_expected(COLUMN, np.full((7, 2), 2.0))
    assert off(choice.points.numpy()).max() < 3
    assert off(choice.alone.numpy(), astray).max() < 0.1
    assert choice.is_against_maps() is expected


def test_maps_that_are_no_numbers_or_empty_do_no_harm():
    for maps in (torch.full((7, *SIZE), torch.nan), torch.zeros(7, *SIZE)):
        assert chosen(maps).shape == (7, 2)

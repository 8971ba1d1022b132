"""Maps are read as they lie in memory; the numbers are those of reading them one by one, by torch's own means."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lib.heatmaps import FineMaps, HeatmapCodec, JointChoice, examine
from lib.heatmaps.evidence import _moments, _rival
from lib.heatmaps.fine import CELLS_A_SIGMA, block_sums
from lib.heatmaps.window import highest_cells, windows


def random_maps(seed, size=(64, 96), count=5):
    return torch.rand(count, *size, generator=torch.Generator().manual_seed(seed))


def channels_last(maps):
    """The same values in the order in which a network that works channels last leaves them."""
    return maps.permute(1, 2, 0).contiguous().permute(2, 0, 1)


def gaussians(codec, size=(64, 96), seed=0):
    places = torch.rand(5, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor(size[::-1])
    drawn = codec.encode(places, size)
    return drawn + 0.1 * random_maps(seed, tuple(drawn.shape[1:]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_the_highest_cell_is_the_first_by_rows(height, width, levels, seed, last):
    """Of few grey levels many cells are equally high."""
    maps = (random_maps(seed, (height, width), 3) * levels).floor()
    peak, cells = highest_cells(channels_last(maps) if last else maps)
    for each, value, (x, y) in zip(maps, peak.tolist(), cells.tolist(), strict=True):
        at = [(row, column) for row in range(height) for column in range(width) if each[row, column] == each.max()]
        assert value == each.max().item()
        assert (y, x) == at[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_maps_of_other_types_have_the_same_highest_cell(dtype):
    maps = gaussians(HeatmapCodec(5.0)).to(dtype)
    peak, cells = highest_cells(maps)
    wanted, places = highest_cells(maps.float())
    assert torch.equal(peak.float(), wanted)
    assert torch.equal(cells, places)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 12), st.booleans())
def test_sums_over_squares_also_where_they_reach_beyond(height, width, step, last):
    maps = random_maps(height * width, (height, width), 3)
    sums = block_sums(channels_last(maps) if last else maps, step)
    assert sums.shape == (3, math.ceil(height / step), math.ceil(width / step))
    padded = functional.pad(maps, (0, -width % step, 0, -height % step))
    wanted = functional.avg_pool2d(padded[None].double(), step, divisor_override=1)[0]
    assert torch.allclose(sums.double(), wanted, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 2.6, 3.0, 5.0, 10.0])
@pytest.mark.parametrize("size", [(64, 96), (67, 51), (3, 200)])
def test_means_are_those_of_pooling(sigma, size):
    maps, codec = random_maps(1, size), HeatmapCodec(sigma)
    fine = FineMaps(channels_last(maps), codec)
    for cells_a_sigma in CELLS_A_SIGMA:
        step = max(1, int(sigma / cells_a_sigma))
        means, reduced = fine.means(cells_a_sigma)
        wanted = functional.avg_pool2d(maps[None], step, ceil_mode=True, count_include_pad=False)[0]
        assert torch.allclose(means, wanted, rtol=1e-5)
        assert (reduced.stride, reduced.sigma) == (step, sigma / step)


@pytest.mark.parametrize("decoder", ["subpixel", "argmax", "released"])
@pytest.mark.parametrize("seed", range(4))
def test_the_layout_makes_no_difference(decoder, seed):
    codec = HeatmapCodec(5.0, decoder=decoder)
    fine, coarse = gaussians(codec, seed=seed), gaussians(codec.with_stride(2), seed=seed)
    plain = examine(fine, coarse, codec)
    other = examine(channels_last(fine), channels_last(coarse), codec)
    for name in plain.__slots__:
        assert torch.equal(getattr(plain, name), getattr(other, name)), name
    assert torch.equal(JointChoice(channels_last(fine), codec).alone, codec.decode(fine)[0])


@pytest.mark.parametrize("seed", range(6))
def test_the_fitted_summit_is_that_of_the_normal_equations_written_out(seed):
    codec = HeatmapCodec(4.0)
    maps = gaussians(codec, seed=seed)
    points, _ = codec.decode(maps)
    _, cells = highest_cells(maps)
    radius = 4
    around = windows(maps, cells, radius).double()
    steps = torch.arange(-radius, radius + 1).double()
    for found, cell, values in zip(points, cells, around, strict=True):
        relative = values / values.max()
        weight = torch.where(relative > 0.03, relative**2, 0.0).flatten()
        x, y = steps.repeat(9, 1).flatten(), steps[:, None].repeat(1, 9).flatten()
        design = torch.stack([torch.ones_like(x), x, y, x**2 + y**2], dim=1)
        root = weight.sqrt()[:, None]
        heights = torch.log(relative.clamp_min(1e-6)).flatten()[:, None]
        solved = torch.linalg.lstsq(root * design, root * heights).solution[:, 0]
        wanted = cell + (solved[1:3] / (-2 * solved[3])).clamp(-1.5, 1.5)
        assert torch.allclose(found.double(), wanted, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_moments_are_those_of_all_cells_one_by_one(seed):
    weights = random_maps(seed, (23, 31)) ** 4
    centre, covariance = _moments(weights)
    rows, columns = torch.meshgrid(torch.arange(23.0), torch.arange(31.0), indexing="ij")
    for each, found, spread in zip(weights, centre, covariance, strict=True):
        share = (each / each.sum()).double()
        mean = torch.stack([(share * columns).sum(), (share * rows).sum()])
        across, down = columns - mean[0], rows - mean[1]
        wanted = torch.stack([(share * a * b).sum() for a in (across, down) for b in (across, down)]).reshape(2, 2)
        assert torch.allclose(found.double(), mean, atol=1e-4)
        assert torch.allclose(spread.double(), wanted + torch.eye(2) / 12, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.5, 32.4), st.floats(-1.5, 24.4), st.floats(0.5, 12.0), st.integers(0, 99))
def test_a_rival_is_the_highest_of_all_cells_beyond_the_radius(x, y, radius, seed):
    maps = random_maps(seed, (24, 32), 2)
    cells = torch.tensor([[x, y], [y, x]])
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    wanted = [
        each[(columns - cell[0]) ** 2 + (rows - cell[1]) ** 2 > radius**2].max()
        for each, cell in zip(maps, cells, strict=True)
    ]
    assert torch.equal(_rival(maps, cells, radius), torch.stack(wanted))

"""What maps tell: ideal ones tell nothing bad, and each fault shows in its own number."""

import numpy as np
import pytest
import torch

from lib.heatmaps import HeatmapCodec, examine

SIZE = (96, 128)
PLACE = torch.tensor([[40.3, 50.6]])


def maps(codec, points=PLACE):
    return codec.encode(points, SIZE), codec.with_stride(2).encode(points, SIZE)


@pytest.mark.parametrize("sigma", [3.0, 5.0, 10.0])
def test_ideal_maps(sigma):
    codec = HeatmapCodec(sigma)
    seen = examine(*maps(codec), codec)
    assert torch.allclose(seen.points.float(), PLACE, atol=0.05)
    assert seen.peak.item() == pytest.approx(1, abs=0.02)
    assert seen.width.item() == pytest.approx(1, abs=0.1)
    assert seen.rival.item() < 0.05
    assert seen.disagreement.item() < 0.05
    assert seen.stray.item() < 0.1
    assert seen.unsureness.item() == pytest.approx(1, abs=0.15)
    along, across = torch.linalg.eigvalsh(seen.shape[0]).flip(0)
    assert along / across < 1.2


def test_a_low_map_has_a_low_peak_and_nothing_else():
    codec = HeatmapCodec(4.0)
    fine, coarse = maps(codec)
    seen, ideal = examine(0.3 * fine, coarse, codec), examine(fine, coarse, codec)
    assert seen.peak.item() == pytest.approx(0.3, abs=0.01)
    assert seen.width.item() == pytest.approx(ideal.width.item(), rel=1e-3)
    assert seen.unsureness.item() > 3 * ideal.unsureness.item()


def test_a_map_along_an_edge_is_wide_and_its_form_says_which_way():
    codec = HeatmapCodec(3.0)
    line = torch.stack([PLACE[0] + torch.tensor([step, 0.0]) for step in range(-9, 10, 3)])
    fine = codec.encode(line, SIZE).amax(dim=0, keepdim=True)
    seen = examine(fine, maps(codec)[1], codec)
    assert seen.width.item() > 1.4
    xx, yy = seen.shape[0, 0, 0].item(), seen.shape[0, 1, 1].item()
    assert xx > 3 * yy
    turned = examine(fine.transpose(1, 2), maps(codec)[1].transpose(1, 2), codec)
    assert turned.shape[0, 1, 1].item() == pytest.approx(xx, rel=0.05)


@pytest.mark.parametrize("height", [0.0, 0.4, 0.9])
def test_a_second_summit_is_a_rival(height):
    codec = HeatmapCodec(3.0)
    fine, coarse = maps(codec)
    other = height * codec.encode(torch.tensor([[100.0, 20.0]]), SIZE)
    seen = examine(torch.maximum(fine, other), coarse, codec)
    assert seen.rival.item() == pytest.approx(height, abs=0.05)
    if height:
        assert seen.stray.item() > 1


def test_coarse_and_fine_that_differ():
    codec = HeatmapCodec(4.0)
    _, coarse = maps(codec, PLACE + torch.tensor([[12.0, 0.0]]))
    seen = examine(maps(codec)[0], coarse, codec)
    assert seen.disagreement.item() == pytest.approx(3, abs=0.1)


def test_maps_without_anything_are_finite():
    codec = HeatmapCodec(3.0)
    zeros = torch.zeros(2, *SIZE)
    seen = examine(zeros, zeros[:, ::2, ::2], codec)
    for name in ("points", "peak", "width", "rival", "disagreement", "stray", "shape", "unsureness"):
        assert torch.isfinite(getattr(seen, name)).all(), name


@pytest.mark.parametrize("seed", range(5))
def test_whatever_a_network_draws_is_finite_and_within_bounds(seed):
    generator = torch.Generator().manual_seed(seed)
    codec = HeatmapCodec(2.5 + seed)
    seen = examine(torch.randn(4, *SIZE, generator=generator), torch.randn(4, 48, 64, generator=generator), codec)
    for name in ("points", "peak", "width", "rival", "disagreement", "stray", "shape"):
        assert torch.isfinite(getattr(seen, name)).all(), name
    assert ((seen.rival >= 0) & (seen.rival <= 1)).all()
    assert (np.linalg.eigvalsh(seen.shape.numpy()) > 0).all()


def test_maps_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"maps of shape \(N, h, w\)"):
        examine(torch.zeros(1, 3, 8, 8), torch.zeros(3, 4, 4), HeatmapCodec())
    with pytest.raises(ValueError, match=r"maps of shape \(N, h, w\)"):
        examine(torch.zeros(3, 8, 8), torch.zeros(2, 4, 4), HeatmapCodec())

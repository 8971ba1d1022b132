"""A convolution of up-sampled maps from the maps before, and up-sampling under mixed precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lib.networks.aggregation import MergeUp
from lib.networks.heads import Refinement
from lib.networks.phases import convolved_upsampled, phases, spread_of_phases
from lib.networks.upsampling import upsample


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    channels=st.integers(1, 3),
    maps=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_maps_and_gradients_are_those_of_the_convolution_as_it_is_written(size, channels, maps, seed):
    torch.manual_seed(seed)
    features = torch.randn(2, channels, *size, dtype=torch.float64)
    weight = torch.randn(maps, channels, 3, 3, dtype=torch.float64)
    shown = torch.randn(2, maps, 2 * size[0], 2 * size[1], dtype=torch.float64)
    found = []
    for as_written in (True, False):
        given_, kernel = features.clone().requires_grad_(), weight.clone().requires_grad_()
        if as_written:
            drawn = functional.conv2d(upsample(given_), kernel, padding=1)
        else:
            drawn = convolved_upsampled(given_, kernel, phases(kernel, spread_of_phases().double()))
        (drawn * shown).sum().backward()
        found.append((drawn.detach(), given_.grad, kernel.grad))
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def maps_and_gradients(module, given, draw):
    """What ``draw`` makes, and what a cubic loss of it gives back to what was given and to the weights."""
    module.zero_grad()
    for tensor in given:
        tensor.grad = None
    maps = draw()
    maps.pow(3).sum().backward()
    return [maps.detach(), *(tensor.grad for tensor in given), *(weight.grad.clone() for weight in module.parameters())]


@pytest.mark.parametrize("kernel", [1, 3])
def test_the_refinement_trains_as_it_is_written(kernel):
    torch.manual_seed(0)
    refinement = Refinement(6, 4, width=0.25, image_kernel=kernel).double().train()
    image = torch.randn(2, 3, 12, 8, dtype=torch.float64)
    aggregated = torch.randn(2, 6, 6, 4, dtype=torch.float64, requires_grad=True)
    coarse = torch.randn(2, 4, 6, 4, dtype=torch.float64, requires_grad=True)

    def as_written():
        parts = [upsample(aggregated), refinement.image_stem(image), upsample(coarse)]
        return torch.nn.Sequential.forward(refinement.head, torch.cat(parts, 1))

    expected = maps_and_gradients(refinement, (aggregated, coarse), as_written)
    found = maps_and_gradients(refinement, (aggregated, coarse), lambda: refinement(image, aggregated, coarse))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


def test_a_merge_trains_as_it_is_written():
    torch.manual_seed(0)
    merge = MergeUp(6, 5, 4).double().train()
    coarse = torch.randn(2, 6, 3, 4, dtype=torch.float64, requires_grad=True)
    fine = torch.randn(2, 5, 6, 8, dtype=torch.float64, requires_grad=True)
    expected = maps_and_gradients(merge, (coarse, fine), lambda: merge.mix(merge.fuse(upsample(coarse), fine)))
    found = maps_and_gradients(merge, (coarse, fine), lambda: merge(coarse, fine))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_nothing_of_the_refinement_but_image_and_maps_is_as_large_as_the_image():
    refinement = Refinement(64, 4).train()
    seen = []
    kept = torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: seen.append(tensor.shape) or tensor, lambda kept: kept
    )
    with kept:
        refinement(torch.rand(1, 3, 32, 32), torch.rand(1, 64, 16, 16, requires_grad=True), torch.rand(1, 4, 16, 16))
    assert max(shape[1] for shape in seen if tuple(shape[2:]) == (32, 32)) == 32  # of the image's own layers


def test_16_bits_stay_16_bits_under_mixed_precision():
    features = torch.randn(2, 3, 5, 4)
    expected = features.bfloat16().float().requires_grad_()
    shown = torch.randn(2, 3, 10, 8).bfloat16()
    upsample(expected).backward(shown.float())
    given_ = features.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        twice = upsample(given_)
    assert twice.dtype == torch.bfloat16
    torch.testing.assert_close(twice, upsample(expected).to(torch.bfloat16), rtol=0, atol=0)
    twice.backward(shown)
    torch.testing.assert_close(given_.grad, expected.grad.to(torch.bfloat16), rtol=0, atol=0)

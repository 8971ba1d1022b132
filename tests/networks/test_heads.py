"""Heads are trained as two convolutions and computed as one: the same maps, the same gradients."""

import pytest
import torch
from torch import nn

from lib.networks import FARNet, heads
from lib.networks.heads import LinearHead


def drawn_and_gradients(head, features, forward):
    head.zero_grad()
    given = features.clone().requires_grad_()
    maps = forward(given)
    maps.square().sum().backward()
    return maps.detach(), [given.grad, *(parameter.grad.clone() for parameter in head.parameters())]


def head_and_features(channels=21, landmarks=5):
    torch.manual_seed(0)
    return LinearHead(channels, landmarks).double(), torch.randn(2, channels, 9, 7, dtype=torch.float64)


def test_the_same_maps_and_gradients_borders_included():
    head, features = head_and_features()
    maps, gradients = drawn_and_gradients(head, features, head)
    expected, theirs = drawn_and_gradients(head, features, lambda given: nn.Sequential.forward(head, given))
    torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-12)
    for ours, their in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("channels", "landmarks", "convolutions"), [(115, 19, 1), (64, 19, 1), (64, 68, 1), (64, 80, 2)]
)
def test_one_convolution_where_it_is_less_work(channels, landmarks, convolutions):
    """A pixel and channel of the features cost 9 N multiplications, or 9 channels and N / channels of them."""
    head, features = head_and_features(channels, landmarks)
    made = []
    for layer in head:
        layer.register_forward_hook(lambda *_: made.append(1))
    assert head(features).shape == (2, landmarks, 9, 7)
    assert len(made) == (2 if convolutions == 2 else 0)


def test_channels_of_zeros_for_a_gpu_change_nothing(monkeypatch):
    head, features = head_and_features()
    maps, gradients = drawn_and_gradients(head, features, head)
    monkeypatch.setattr(heads, "missing_channels", lambda channels, _: -channels % 8)
    padded = lambda given: head(torch.cat([given, given.new_zeros(2, 3, 9, 7)], 1))  # noqa: E731
    same, theirs = drawn_and_gradients(head, features, padded)
    torch.testing.assert_close(same, maps, rtol=1e-12, atol=1e-12)
    for ours, their in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-10, atol=1e-11)


def test_a_network_with_channels_of_zeros_draws_the_same(monkeypatch):
    torch.manual_seed(0)
    network, image = FARNet("lite", 19, width=0.5), torch.rand(2, 1, 64, 32)
    fine, coarse = network(image)
    asked = []
    monkeypatch.setattr(heads, "missing_channels", lambda channels, _: asked.append(channels) or -channels % 8)
    padded_fine, padded_coarse = network(image)
    assert any(channels % 8 for channels in asked)
    torch.testing.assert_close(padded_fine, fine, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded_coarse, coarse, rtol=1e-4, atol=1e-5)


def test_under_mixed_precision_the_kernels_are_multiplied_in_full():
    head, features = head_and_features()
    head, features = head.float(), features.float()
    seen = []
    original = head._product

    def product(dtype):
        weight, bias = original(dtype)
        seen.append((weight.dtype, bias.dtype, weight))
        return weight, bias

    head._product = product
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = head(features)
    assert maps.dtype == torch.bfloat16
    assert seen[0][:2] == (torch.float32, torch.float32)
    exact = original(torch.float64)[0]
    torch.testing.assert_close(seen[0][2].double(), exact, rtol=1e-5, atol=1e-6)

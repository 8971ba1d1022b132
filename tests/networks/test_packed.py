"""A network packed for a processor: the same maps, in fewer passes."""

import copy

import pytest
import torch
from torch import nn

from lib.networks import FARNet
from lib.networks.aggregation import MergeUp
from lib.networks.fine_head import FineHead
from lib.networks.packed import STRIP_ROWS, Bounded, PackedConv, PackedMerge, merged, pack, packs
from lib.networks.rewrite import LateUpsampling, Scaled

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


def test_where_torch_has_onednn_weights_are_packed():
    assert packs()
    assert PackedConv(nn.Conv2d(4, 4, 3, padding=1))._weight.is_mkldnn


def test_an_order_for_another_size_of_maps_is_not_forced_on_1x1_kernels():
    assert not PackedConv(nn.Conv2d(4, 4, 1))._weight.is_mkldnn


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels).eval()
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.2, 3.0)
    nn.init.normal_(norm.weight)  # of both signs
    nn.init.normal_(norm.bias)
    return norm


def _settled(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.load_state_dict(_norm(module.num_features).state_dict())
    return network.eval()


def _close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return torch.allclose(found, wanted, rtol=1e-4, atol=1e-4 * max(1.0, wanted.abs().max().item()))


@torch.no_grad()
@pytest.mark.parametrize("encoder", ["lite", "efficientnet_b0", "se_resnet50", "resnet50"])
@pytest.mark.parametrize("image_statistics", [False, True])
def test_it_draws_the_same_maps(encoder, image_statistics):
    torch.manual_seed(0)
    network = _settled(FARNet(encoder, 3, width=0.25, image_statistics=image_statistics))
    packed = copy.deepcopy(network).fused()
    pack(packed)
    assert any(isinstance(module, PackedConv) for module in packed.modules())
    for size in ((64, 96), (128, 64)):  # more than a strip, and a whole number of strips
        image = torch.rand(2, 1, *size)
        for found, wanted in zip(packed.details(image), network.details(image), strict=True):
            assert (found - wanted).norm() < 1e-3 * wanted.norm() + 1e-5


@torch.no_grad()
def test_strips_are_drawn_only_where_a_row_depends_on_those_near_it():
    heads = []
    for image_statistics in (False, True):
        network = FARNet("lite", 2, image_statistics=image_statistics).fused()
        pack(network)
        heads.extend(module for module in network.modules() if isinstance(module, FineHead))
    assert [head.rows for head in heads] == [STRIP_ROWS, None]


@torch.no_grad()
def test_float64_is_left_as_it_is():
    network = FARNet("lite", 2).double().fused()
    pack(network)
    assert not any(isinstance(module, PackedConv) for module in network.modules())


@torch.no_grad()
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_normalisation_and_relu_become_a_bound_and_the_scale_the_convolutions(pool, bias):
    torch.manual_seed(0)
    norm = _norm(16)
    with torch.no_grad():
        norm.weight[:4] = torch.tensor([0.0, 0.0, 1e-38, -1e-38])
        norm.bias[:4] = torch.tensor([1.0, -1.0, -1.0, 1.0])
    pooling = [nn.AvgPool2d(2)] if pool else []
    layers = nn.Sequential(Scaled(norm), nn.ReLU(), *pooling, nn.Conv2d(16, 8, 1, bias=bias), nn.ReLU())
    features = 3 * torch.randn(2, 16, 6, 4)
    made = merged(copy.deepcopy(layers))
    assert [type(layer) for layer in made] == [Bounded, *[type(layer) for layer in pooling], PackedConv]
    assert _close(made(features), layers(features))


@torch.no_grad()
def test_a_normalisation_before_a_wider_kernel_stays_since_what_is_padded_is_not_shifted():
    torch.manual_seed(0)
    layers = nn.Sequential(Scaled(_norm(8)), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
    features = torch.randn(1, 8, 5, 5)
    made = merged(copy.deepcopy(layers))
    assert [type(layer) for layer in made] == [Scaled, nn.ReLU, PackedConv]
    assert _close(made(features), layers(features))


@torch.no_grad()
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(3, 5, (7, 3), padding=(3, 1)),
    ],
)
def test_a_packed_convolution_computes_the_same_on_any_layout(conv):
    features = torch.randn(2, conv.in_channels, 9, 8)
    for shown in (features, features.contiguous(memory_format=torch.channels_last), features[:, :, 1:7]):
        assert _close(PackedConv(conv)(shown), conv(shown))
        assert _close(PackedConv(conv, positive=True)(shown), conv(shown).relu())


@torch.no_grad()
def test_a_merge_adds_while_it_mixes():
    torch.manual_seed(0)
    late = LateUpsampling(_settled(MergeUp(6, 4, 8)))
    coarse, fine = torch.randn(2, 6, 5, 3), torch.randn(2, 4, 10, 6)
    assert _close(PackedMerge(late)(coarse, fine), late(coarse, fine))

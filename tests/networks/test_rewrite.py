"""The network with less arithmetic: the same maps, the same landmarks, and what it no longer computes."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib.checkpoints import load_trained
from lib.datasets.phantoms import make_phantom
from lib.networks import FARNet
from lib.networks.aggregation import MergeUp
from lib.networks.fine_head import FineHead
from lib.networks.folding import folded
from lib.networks.heads import LinearHead, Refinement
from lib.networks.rewrite import Aligned, BufferedDenseBlock, LateUpsampling, Scaled
from lib.transforms import FitToInputd, MapDecoder

DEMO = Path(__file__).parents[2] / "model" / "pretrained_farnet_demo.pt"


def _settled(network: nn.Module) -> nn.Module:
    """Batch statistics that are neither 0 nor 1."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.2, 3.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.eval().double()


@torch.no_grad()
@settings(max_examples=60, deadline=None)
@given(
    half=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3]),
    landmarks=st.integers(1, 4),
    batch=st.integers(1, 2),
    rows=st.sampled_from([None, 1, 2, 3, 16]),
    aligned=st.booleans(),
)
def test_the_finer_head_is_exact_on_every_size_borders_included(half, kernel, landmarks, batch, rows, aligned):
    height, width = half
    torch.manual_seed(height * 10 + width)
    refinement = _settled(Refinement(5, landmarks, width=0.25, image_kernel=kernel))
    image = torch.randn(batch, 3, 2 * height, 2 * width, dtype=torch.float64)
    aggregated = torch.randn(batch, 5, height, width, dtype=torch.float64)
    coarse = torch.randn(batch, landmarks, height, width, dtype=torch.float64)
    expected = refinement(image, aggregated, coarse)
    head = FineHead(refinement, aligned=aligned)
    head.rows = rows
    assert torch.allclose(head(image, aggregated, coarse), expected, atol=1e-12)


@torch.no_grad()
def test_added_channels_change_nothing():
    head = LinearHead(6, 3).double()
    features = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    aligned = Aligned(head.fused())
    assert aligned.conv.out_channels == 8
    assert torch.allclose(aligned(features), head(features), atol=1e-12)


@torch.no_grad()
def test_a_merge_mixes_before_it_up_samples():
    torch.manual_seed(0)
    merge = _settled(MergeUp(6, 4, 8))
    coarse, fine = torch.randn(2, 6, 5, 3, dtype=torch.float64), torch.randn(2, 4, 10, 6, dtype=torch.float64)
    late = LateUpsampling(merge)
    assert torch.allclose(late(coarse, fine), merge(coarse, fine), atol=1e-12)
    seen = []
    late.coarse.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-2:]))
    late(coarse, fine)
    assert seen == [(5, 3)]


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 3])
def test_a_dense_block_keeps_its_features_in_one_buffer(batch):
    torch.manual_seed(0)
    network = _settled(FARNet("lite", 2))
    block = network.encoder.stages[1].features_denseblock1
    features = torch.randn(batch, 16, 6, 10, dtype=torch.float64)
    expected = block(features.clone())
    found = BufferedDenseBlock(block)(features)
    assert torch.allclose(found, expected, atol=1e-12)
    assert torch.equal(found[:, :16], features)


@torch.no_grad()
def test_batch_normalisation_becomes_part_of_the_convolution_before_it():
    torch.manual_seed(0)
    layers = _settled(nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3)))
    features = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    made = folded(layers)
    assert [type(layer) for layer in made] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    assert torch.allclose(made(features), layers(features), atol=1e-12)


@torch.no_grad()
def test_batch_normalisation_is_one_product_and_one_sum():
    torch.manual_seed(0)
    norm = _settled(nn.BatchNorm2d(3))
    features = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    assert torch.allclose(Scaled(norm)(features), norm(features), atol=1e-12)


@torch.no_grad()
def test_a_network_for_16_bits_stores_no_variance():
    """Of inputs up to 1100, as the released code has them, the first layer's is above what 16 bits hold."""
    fused = FARNet("lite", 2, image_kernel=1, white=255.0).fused()
    assert not [name for name, _ in fused.named_buffers() if "running_var" in name]


def test_by_its_images_own_statistics_nothing_is_folded():
    fused = FARNet("lite", 2, image_statistics=True).fused()
    assert not any(isinstance(module, LateUpsampling | BufferedDenseBlock | Scaled) for module in fused.modules())


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
def test_the_landmarks_of_a_trained_network_stay_where_they_are(seed):
    trained = load_trained(DEMO)
    phantom = make_phantom("cephalometric_19", seed, (480, 387))
    image = FitToInputd(trained.card.input_size)({"image": torch.from_numpy(phantom.pixels.astype("float32"))[None]})
    decoder = MapDecoder(trained.card.codec(), trained.trust.shape_model)
    fused = trained.network.fused().to(memory_format=torch.channels_last)
    ours, theirs = (
        decoder.decode(network(image["image"][None])[0], (480, 387)) for network in (fused, trained.network)
    )
    assert (ours - theirs).norm(dim=-1).max() <= 0.01

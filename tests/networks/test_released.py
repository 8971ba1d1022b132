"""The released network's weights under our names, which were read in its code; that is no part of this project."""

import os
from pathlib import Path

import pytest
import torch

from benchmarks.reference import NoReferenceError, reference_network
from lib.networks import FARNet, WeightsError, load_released_weights
from lib.networks.released import released_names

KNOWN = {
    "features.conv0.weight": "encoder.stages.0.features_conv0.weight",
    "features.norm0.running_var": "encoder.stages.1.features_norm0.running_var",
    "features.denseblock2.denselayer12.conv2.weight": (
        "encoder.stages.2.features_denseblock2.denselayer12.layers.conv2.weight"
    ),
    "features.transition3.norm.bias": "encoder.stages.4.features_transition3.norm.bias",
    "features.norm5.num_batches_tracked": "encoder.stages.4.features_norm5.num_batches_tracked",
    "w1_conv11_0.conv11_0.weight": "refinement.image_stem.0.weight",
    "w1_conv11_0.norm11_0.running_mean": "refinement.image_stem.1.running_mean",
    "w1_conv33_01.conv11_1.bias": "aggregation.top.0.0.bias",
    "mid_conv11_1.norm11_4.weight": "aggregation.up1_level2.mix.1.weight",
    "wblock2.conv11.conv11_1.weight": "aggregation.down_level4.mix.0.weight",
    "wblock3.conv33.norm11_1.bias": "aggregation.down_level5.mix.0.1.bias",
    "w2_conv11_1.conv11_1.weight": "aggregation.down_level5.mix.1.0.weight",
    "w2_conv11_5.conv11_4.weight": "aggregation.up2_level1.mix.0.weight",
    "conv33_stride3.norm33_0.running_mean": "aggregation.down_level5.halve.1.running_mean",
    "conv_33_refine1.weight": "coarse_head.0.weight",
    "conv_11_last.bias": "refinement.head.1.bias",
}
UNUSED = ("wblock3.conv11.conv11_1.weight", "wblock1.conv33.norm11_1.bias", "conv_33_refine2.weight")


@pytest.fixture(scope="module")
def network() -> FARNet:
    return FARNet(image_kernel=1, white=255.0).eval()


def test_names_that_were_read_in_its_code(network):
    state = {name: torch.zeros(1) for name in (*KNOWN, *UNUSED)}
    assert {theirs: ours for ours, theirs in released_names(network, state).items()} == KNOWN


def test_another_state_dict_is_refused(network):
    with pytest.raises(WeightsError, match=r"no state dict of the released network: \d+ of \d+ weights are missing"):
        load_released_weights(network, {"conv1.weight": torch.zeros(1)})


def test_a_folder_without_the_released_code_is_refused(tmp_path):
    with pytest.raises(NoReferenceError, match=r"no checkout of the released FARNet: it has no model\.py"):
        reference_network(tmp_path)


@torch.no_grad()
def test_the_same_maps_as_the_released_network(network):
    folder = os.environ.get("FARNET_REFERENCE")
    if not folder:
        pytest.skip("set FARNET_REFERENCE to a checkout of the released implementation")
    torch.manual_seed(0)
    reference = reference_network(Path(folder))
    load_released_weights(network, reference.state_dict())
    image = torch.rand(1, 1, 96, 64)
    mean, std = (torch.tensor(part).reshape(1, 3, 1, 1) for part in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    theirs, theirs_coarse = reference((image * 255 - mean) / std)
    ours, ours_coarse, _ = network.details(image)
    assert torch.allclose(ours, theirs, atol=1e-5 * theirs.abs().max())
    assert torch.allclose(ours_coarse, theirs_coarse, atol=1e-5 * theirs_coarse.abs().max())

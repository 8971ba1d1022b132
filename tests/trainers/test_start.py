"""Where a run begins when a model of other landmarks has taught."""

from pathlib import Path

import pytest
import torch

from lib.checkpoints import ModelFileError, build_network, save_model
from lib.configs import choose_models
from lib.trainers.origin import Origin
from lib.trainers.start import start_of_run


def card_of(model):
    """Of a small untrained network."""
    return choose_models({"models": model, "preset": "lite", "input_size": "64x64"}, Path("nowhere"))[model].card()


@pytest.fixture
def taught(tmp_path):
    """A model file for hands, with weights that no initialisation has."""
    card = card_of("farnet_hand")
    network = build_network(card)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.125)
    save_model(tmp_path / "hands.pt", network.state_dict(), card)
    return tmp_path / "hands.pt"


def test_encoder_and_aggregation_are_taken_and_the_landmarks_own_weights_are_not(taught):
    start = start_of_run(card_of("farnet_ceph"), None, None, str(taught))
    state = start.network.state_dict()
    trunk = {key: value for key, value in state.items() if key.startswith(("encoder.", "aggregation."))}
    weights = [value for value in trunk.values() if value.is_floating_point()]
    own = dict(start.network.named_parameters())
    assert all((value == 0.125).all() for key, value in own.items() if key in trunk)
    assert len(weights) > 50
    assert not (state["coarse_head.1.weight"] == 0.125).any()
    assert "for 'hand_37'" in start.told


def test_what_has_taught_is_the_parent_so_that_its_radiographs_count_as_learnt(taught):
    card = card_of("farnet_ceph")
    start = start_of_run(card, None, None, str(taught))
    assert start.parent is not None
    assert start.parent.landmark_set.name == "hand_37"
    assert not Origin.of(start.told, start.parent, card).all_known  # its file does not say what it has learnt from


def test_another_network_cannot_teach(taught):
    other = card_of("farnet_ceph").model_copy(update={"image_kernel": 1})
    with pytest.raises(ModelFileError, match=r"Training cannot begin with .*: The weights .* its image kernel is 3"):
        start_of_run(other, None, None, str(taught))


def test_no_file_no_beginning(tmp_path):
    with pytest.raises(ModelFileError, match="No model file at"):
        start_of_run(card_of("farnet_ceph"), None, None, str(tmp_path / "absent.pt"))

"""Every variant trains, is loaded from its file and predicts what its validation has measured."""

import shutil
from dataclasses import asdict

import numpy as np
import pytest
import torch

from lib.checkpoints import Trained, load_model, read_card
from lib.confidence import Trust
from lib.configs import VARIANTS
from lib.evaluation.run_record import list_runs
from lib.networks import ImageBatchNorm2d
from lib.trainers import OptionsError
from lib.trainers.start import start_of_run
from lib.trainers.training import Training
from tests.tiny import mean_error, phantom_folder, tiny_config, unseen

SHORT = {"max_epochs": 2, "train_batch_size": 2, "val_interval": 2, "val_batch_size": 2}


def tiny(folder, variant):
    return tiny_config(folder, variant=variant, input_size="64x64")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Five labelled cephalograms, of which one is held out."""
    return phantom_folder(tmp_path_factory.mktemp("few"), 5)


@pytest.fixture(scope="module")
def released(tmp_path_factory, few):
    """A model of the released recipe, but for its learning rate; its folder is not to be changed."""
    config = tiny(tmp_path_factory.mktemp("released"), "released")
    config.train_task()({"max_epochs": 2, "learning_rate": 1e-3}, few)
    return config


@pytest.mark.parametrize("name", VARIANTS)
def test_trains_is_loaded_and_predicts(name, tmp_path, few):
    config, variant = tiny(tmp_path, name), VARIANTS[name]
    config.train_task()(SHORT, few)
    network, card = load_model(config.published)
    assert card.variant == name
    assert (card.training["loss"], card.training["coarse_weight"]) == tuple(asdict(variant.objective).values())
    untrained = config.card()
    assert card.same_network(untrained)
    assert all(getattr(card, part) == getattr(untrained, part) for part in ("grey", "batch_statistics", "decoder"))
    assert (network.refinement is None) is (not variant.refinement)
    task = config.infer_task()
    found = [
        mean_error(task.predict(few.get_image_uri(image), "cpu").landmarks, few.landmarks(image))
        for image in unseen(few)
    ]
    assert np.mean(found) == pytest.approx(
        card.metrics["val_mre_px"], abs=0.5
    )  # float16 and fused heads round a little


def test_the_released_recipe_is_trained_as_it_was_unless_somebody_says_otherwise(released):
    card, recipe = read_card(released.published), VARIANTS["released"].training
    assert {name: card.training[name] for name in recipe} == {**recipe, "learning_rate": 1e-3}
    assert (recipe["learning_rate"], recipe["train_batch_size"], recipe["augment"]) == (1e-4, 1, False)
    assert (card.encoder, card.image_kernel, card.grey, card.decoder) == ("lite", 1, "eight_bit", "released")


def test_predicting_leaves_the_stored_statistics_alone(released, few):
    task = released.infer_task()
    network = task.in_use("cpu").network
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert any(isinstance(module, ImageBatchNorm2d) for module in network.modules())
    task.predict(few.get_image_uri(few.list_images()[0]), "cpu")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_model_in_use_is_measured_as_it_sees_images(released, tmp_path, few):
    """Replaced by another variant, a model of the released recipe is judged on its own grey values and decoder."""
    shutil.copytree(released.model_dir, tmp_path, dirs_exist_ok=True)
    config = tiny(tmp_path, "farnet")
    config.train_task()(SHORT, few)
    gate = list_runs(config.runs)[0].gate
    metrics = read_card(released.published).metrics
    assert gate.served.mre_px == pytest.approx(metrics["val_mre_px"], abs=0.1)  # float16


def test_a_model_of_another_variant_is_no_start(tmp_path):
    """Also where its network is the same: the row of one loss would show what another has taught."""
    mse, ewc = (tiny(tmp_path, name).card() for name in ("msfa_fr", "farnet"))
    assert mse.same_network(ewc)
    in_use = Trained(start_of_run(ewc, None, None).network, ewc, Trust())
    assert start_of_run(mse, in_use, None).told == "random weights"
    assert start_of_run(ewc, in_use, None).told.startswith("the model in use")


def test_a_run_goes_on_as_its_own_variant_only(tmp_path, few, monkeypatch):
    def stop(self, engine):
        self.stopped = True
        engine.terminate()

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_look_for_a_wish_to_stop", stop)
        tiny(tmp_path, "l1").train_task()(SHORT, few)
    with pytest.raises(OptionsError, match="cannot go on, because it trains another network"):
        tiny(tmp_path, "msfa_fr").train_task()({"resume": True}, few)
    stats = tiny(tmp_path, "l1").train_task()({"resume": True}, few)
    assert (stats["status"], stats["epoch"]) == ("finished", 2)

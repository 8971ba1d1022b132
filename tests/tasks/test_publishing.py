"""A model is published only if it is better than the one in use."""

import shutil
from dataclasses import replace

import pytest

from lib.checkpoints import read_card
from tests.tasks.test_train import SHORT, strict_json
from tests.tiny import save_untrained, tiny_config


@pytest.mark.parametrize(
    ("change", "request_"),
    [
        ({}, {"pretrained": False, "learning_rate": 1e-6}),
        ({}, {"learning_rate": 1.0, "optimizer": "adam", "schedule": "step"}),
        ({"input_size": (64, 64), "sigma": 2.0}, {"pretrained": False, "learning_rate": 1e-6}),
        ({"width": 0.2}, {"learning_rate": 1e-6}),
    ],
    ids=["from scratch", "unlearns what it knew", "other input", "other network"],
)
def test_a_worse_model_does_not_take_the_place_of_a_good_one(tmp_path, trained, studies, change, request_):
    config = tiny_config(tmp_path)
    shutil.copy(trained.published, config.published)
    before = config.published.read_bytes()
    task = config.train_task()
    task.recipe = replace(task.recipe, card=task.recipe.card.model_copy(update=change))
    task({**SHORT, **request_}, studies)
    assert config.published.read_bytes() == before
    stats = strict_json(config.runs / "train_stats.json")
    assert stats["published"] is False
    assert stats["eval"]["metrics"]["val_sdr_2mm"] < read_card(trained.published).metrics["val_sdr_2mm"]
    assert stats["version"] != read_card(config.published).version


def test_a_good_model_takes_the_place_of_a_bad_one(trained):
    assert read_card(trained.paths[0]).version == "untrained-0"
    assert read_card(trained.current).version != "untrained-0"


def test_a_model_of_other_landmarks_is_replaced(tmp_path, studies):
    config = tiny_config(tmp_path, input_size="64x64")
    save_untrained(config.published, tiny_config(tmp_path, landmarks="hand_37").card())
    config.train_task()(SHORT, studies)
    assert read_card(config.published).landmark_set.name == "cephalometric_19"


def test_the_first_model_is_published_even_if_it_knows_nothing(tmp_path, studies):
    config = tiny_config(tmp_path, input_size="64x64")
    config.train_task()({**SHORT, "learning_rate": 1e-6}, studies)
    card = read_card(config.published)
    assert card.metrics["val_sdr_2mm"] < 0.05
    assert config.infer_task().is_valid()
    assert strict_json(config.runs / "train_stats.json")["published"] is True


def test_a_broken_model_in_use_is_replaced(tmp_path, studies):
    config = tiny_config(tmp_path, input_size="64x64")
    config.published.write_text("not a model")
    config.train_task()(SHORT, studies)
    assert read_card(config.published).training["images"] == 10


def test_training_goes_on_from_the_model_in_use(tmp_path, trained, studies):
    config = tiny_config(tmp_path)
    shutil.copy(trained.published, tmp_path / "pretrained_farnet_demo.pt")
    learnt = read_card(trained.published).metrics["val_mre_px"]
    request = {**SHORT, "learning_rate": 1e-9, "optimizer": "adam", "schedule": "step"}
    result = config.train_task()(request, studies)
    assert result["eval"]["metrics"]["val_mre_px"] < 2 * learnt
    result = config.train_task()({**request, "pretrained": False}, studies)
    assert result["eval"]["metrics"]["val_mre_px"] > 5 * learnt

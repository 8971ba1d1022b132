"""A training that was stopped or killed goes on as if nothing had happened."""

import itertools
import json
import shutil
from dataclasses import replace

import pytest
import torch

from lib.checkpoints import load_model, read_card
from lib.evaluation.history import read_history
from lib.evaluation.run_record import list_runs
from lib.networks import WeightsError
from lib.trainers import OptionsError, training
from lib.trainers.lock import TrainingStoppedError
from lib.trainers.run_log import read_stats
from lib.trainers.split import SplitFile, gather_cases
from lib.trainers.state import RunState
from lib.trainers.training import Training
from tests.tiny import FAST, phantom_folder, tiny_config

OPTIONS = {**FAST, "max_epochs": 6, "val_interval": 1, "augment": True, "accumulate": 2, "ema_decay": 0.9}


@pytest.fixture
def stop_after(monkeypatch):
    """``stop_after(batches)``: somebody asks the training to stop after so many batches; 0: nobody does."""

    def after(batches):
        count = 0

        def look(self, engine):
            nonlocal count
            count += 1
            if count == batches:
                self.stopped = True
                engine.terminate()

        monkeypatch.setattr(Training, "_look_for_a_wish_to_stop", look)

    return after


def tiny(folder):
    return tiny_config(folder, input_size="64x64")


def only_run(config):
    (record,) = list_runs(config.runs)
    return record, config.runs / record.run


def losses(folder):
    return [(epoch.epoch, epoch.loss, epoch.validation) for epoch in read_history(folder)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, studies):
    config = tiny(tmp_path_factory.mktemp("uninterrupted"))
    config.train_task()(OPTIONS, studies)
    return config


def assert_same(config, uninterrupted):
    assert losses(only_run(config)[1]) == losses(only_run(uninterrupted)[1])
    one, other = load_model(config.published), load_model(uninterrupted.published)
    assert one[1].training["epoch"] == other[1].training["epoch"]
    assert one[1].metrics == other[1].metrics
    for key, value in other[0].state_dict().items():
        assert torch.equal(one[0].state_dict()[key], value), key


@pytest.mark.parametrize("batches", [1, 7, 12, 29])  # five an epoch
def test_a_stopped_training_goes_on_to_the_same_numbers(tmp_path, studies, uninterrupted, stop_after, batches):
    config = tiny(tmp_path)
    stop_after(batches)
    stats = config.train_task()(OPTIONS, studies)
    record, folder = only_run(config)
    assert record.status == stats["status"] == "stopped"
    assert stats["epoch"] == batches // 5
    assert (folder / "state.pt").is_file()
    stop_after(0)
    stats = config.train_task()({"resume": True}, studies)
    record, folder = only_run(config)
    assert record.status == stats["status"] == "finished"
    assert any("goes on after it was stopped" in note for note in record.notes)
    assert not (folder / "state.pt").exists()
    assert_same(config, uninterrupted)


def test_several_stops(tmp_path, studies, uninterrupted, stop_after):
    config = tiny(tmp_path)
    for batches in (9, 3, 11):
        stop_after(batches)
        assert config.train_task()({**OPTIONS, "resume": True}, studies)["status"] == "stopped"
    stop_after(0)
    config.train_task()({"resume": True}, studies)
    assert_same(config, uninterrupted)


def test_a_stop_publishes_the_best_so_far(tmp_path, studies, stop_after):
    config = tiny(tmp_path)
    stop_after(12)
    stats = config.train_task()(OPTIONS, studies)
    assert stats["published"]
    card = read_card(config.published)
    assert card.training["epoch"] in (1, 2)
    assert card.version == stats["run"]


def test_a_stop_before_the_first_validation_publishes_nothing(tmp_path, studies, stop_after):
    config = tiny(tmp_path)
    stop_after(2)
    stats = config.train_task()(OPTIONS, studies)
    assert not stats["published"]
    assert stats["message"] == "Stopped before its first validation: nothing to publish."
    assert config.current is None


def test_killed_and_stopped_as_soon_as_it_goes_on(tmp_path, studies, stop_after, monkeypatch):
    """What was best before it was killed is judged."""
    from lib.trainers.one_process import RunInProcess

    config = tiny(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RunInProcess, "_concluded", lambda *_: pytest.fail("killed"))
        patch.setattr(RunInProcess, "_failed", lambda *_: None)
        stop_after(12)
        with pytest.raises(pytest.fail.Exception):
            config.train_task()(OPTIONS, studies)
    monkeypatch.setattr(training, "asked_to_stop", lambda _: True)
    stats = config.train_task()({"resume": True}, studies)
    assert (stats["status"], stats["published"]) == ("stopped", True)
    assert read_card(config.published).version == stats["run"]


def test_options_that_it_does_not_take_are_named(tmp_path, studies, stop_after):
    config = tiny(tmp_path)
    stop_after(3)
    config.train_task()(OPTIONS, studies)
    stop_after(0)
    stats = config.train_task()({"resume": True, "max_epochs": 3, "seed": 5, "augment": True}, studies)
    assert stats["epoch"] == 6
    assert "It goes on with its own options; not taken: max_epochs, seed." in stats["notes"]


def ask_at(monkeypatch, number):
    """Somebody has asked when it is looked for the so manieth time: before the first epoch, after each step, and after
    each batch of a validation."""
    calls = itertools.count(1)
    monkeypatch.setattr(training, "asked_to_stop", lambda _: next(calls) >= number)


def test_a_stop_before_the_first_epoch(tmp_path, studies, monkeypatch):
    config = tiny(tmp_path)
    ask_at(monkeypatch, 1)
    with pytest.raises(TrainingStoppedError, match="before its first epoch"):
        config.train_task()(OPTIONS, studies)
    assert only_run(config)[0].status == "stopped"
    assert read_stats(config.runs)["status"] == "stopped"


def test_a_stop_within_a_validation(tmp_path, studies, uninterrupted, monkeypatch):
    """Two epochs of five steps, one batch of held-out images after each."""
    config = tiny(tmp_path)
    with monkeypatch.context() as patch:
        ask_at(patch, 1 + 5 + 1 + 5 + 1)
        stats = config.train_task()(OPTIONS, studies)
    assert (stats["status"], stats["epoch"], stats["published"]) == ("stopped", 1, True)
    config.train_task()({"resume": True}, studies)
    assert_same(config, uninterrupted)


def test_killed_after_the_last_epoch(tmp_path, studies, uninterrupted, monkeypatch):
    """All is trained, nothing is judged."""
    from lib.trainers.one_process import RunInProcess

    config = tiny(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RunInProcess, "_concluded", lambda *_: pytest.fail("killed"))
        patch.setattr(RunInProcess, "_failed", lambda *_: None)
        with pytest.raises(pytest.fail.Exception):
            config.train_task()(OPTIONS, studies)
    assert config.current is None
    assert config.train_task()({"resume": True}, studies)["status"] == "finished"
    assert_same(config, uninterrupted)


def test_killed_after_publishing(tmp_path, studies, uninterrupted, monkeypatch):
    """The model is in use, and the run does not know it."""
    from lib.trainers.run_log import RunLog

    config = tiny(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RunLog, "judged", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            config.train_task()(OPTIONS, studies)
    published = config.published.read_bytes()
    stats = config.train_task()({"resume": True}, studies)
    assert (stats["status"], stats["published"]) == ("finished", True)
    assert config.published.read_bytes() == published
    assert len(config.versions.list()) == 1
    assert_same(config, uninterrupted)


def test_labels_that_came_since_wait_for_the_next_training(tmp_path, stop_after):
    studies = phantom_folder(tmp_path / "studies", 6)
    config = tiny(tmp_path / "model")
    stop_after(3)
    config.train_task()(OPTIONS, studies)
    before = json.loads((only_run(config)[1] / "samples.json").read_text())
    more = phantom_folder(tmp_path / "studies", 3, seed=500)
    stop_after(0)
    stats = config.train_task()({"resume": True}, more)
    assert stats["train_images"] + stats["held_out_images"] == 6
    assert read_card(config.published).data.hash == before["hash"]


def test_a_label_that_has_changed_since_is_named(tmp_path, stop_after):
    studies = phantom_folder(tmp_path / "studies", 6)
    config = tiny(tmp_path / "model")
    stop_after(3)
    config.train_task()(OPTIONS, studies)
    one, other = studies.list_images()[:2]
    shutil.copy(studies.get_label_uri(one, "final"), studies.get_label_uri(other, "final"))
    with pytest.raises(OptionsError, match=rf"the label of '{other}' is not the one it began with"):
        config.train_task()({"resume": True}, studies)


def test_one_that_had_run_dry_trains_no_more(tmp_path, studies, monkeypatch):
    """Killed after early stopping has ended it, before it was judged."""
    from lib.trainers.one_process import RunInProcess

    config = tiny(tmp_path)
    dry = {**OPTIONS, "max_epochs": 30, "learning_rate": 1e-9, "early_stop_patience": 2, "ema_decay": 0.0}
    dry = {**dry, "optimizer": "adam", "schedule": "step"}
    with monkeypatch.context() as patch:
        patch.setattr(RunState, "save_if_due", RunState.save)
        patch.setattr(RunInProcess, "_concluded", lambda *_: pytest.fail("killed"))
        patch.setattr(RunInProcess, "_failed", lambda *_: None)
        with pytest.raises(pytest.fail.Exception):
            config.train_task()(dry, studies)
    done = len(losses(only_run(config)[1]))
    stats = config.train_task()({"resume": True}, studies)
    assert (stats["status"], stats["epoch"]) == ("finished", done)
    assert done < 30


def test_what_a_run_came_from_is_not_forgotten(tmp_path, studies, trained, stop_after):
    config = tiny_config(tmp_path)
    config.published.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(trained.published, config.published)
    parent = read_card(trained.published)
    stop_after(3)
    config.train_task()({**OPTIONS, "max_epochs": 2}, studies)
    stop_after(0)
    config.train_task()({"resume": True}, studies)
    record, folder = only_run(config)
    card = read_card(folder / "best.pt")
    assert card.parent == record.parent == parent.version
    assert set(parent.data.train) <= set(card.data.train)


def test_another_network_cannot_go_on(tmp_path, studies, stop_after):
    stop_after(3)
    tiny(tmp_path).train_task()(OPTIONS, studies)
    with pytest.raises(OptionsError, match="it trains another network: give the options of the network"):
        tiny_config(tmp_path, input_size="96x64").train_task()({"resume": True}, studies)


def test_an_image_that_changed_sides_is_named(tmp_path, stop_after):
    studies = phantom_folder(tmp_path / "studies", 6)
    config = tiny(tmp_path / "model")
    stop_after(3)
    config.train_task()(OPTIONS, studies)
    split = SplitFile(studies.folder)
    moved = next(image for image in studies.list_images() if split.read().side(image) == "train")
    split.use({moved: "held_out"}, "mine.csv", gather_cases(studies, [moved]))
    with pytest.raises(OptionsError, match=rf"'{moved}' is on another side of the split than it began with"):
        config.train_task()({"resume": True}, studies)


def test_a_new_run_leaves_the_unfinished_one_until_it_has_begun(tmp_path, studies, stop_after):
    config = tiny(tmp_path)
    stop_after(3)
    config.train_task()(OPTIONS, studies)
    broken = config.train_task()
    broken.recipe = replace(broken.recipe, imagenet=str(tmp_path / "no such file"))
    with pytest.raises(WeightsError):
        broken({**OPTIONS, "pretrained": False}, studies)
    assert read_stats(config.runs)["status"] == "failed"
    assert "no ImageNet weights for encoder 'lite'" in read_stats(config.runs)["message"]
    assert (config.runs / list_runs(config.runs)[0].run / "state.pt").is_file()
    stop_after(0)
    assert config.train_task()({"resume": True}, studies)["epoch"] == 6


def test_nothing_to_go_on_with(tmp_path, studies, caplog):
    config = tiny(tmp_path)
    stats = config.train_task()({**OPTIONS, "max_epochs": 1, "resume": True}, studies)
    assert stats["status"] == "finished"
    assert "no unfinished run of farnet_demo" in caplog.text
    first = only_run(config)[0].run
    config.train_task()({**OPTIONS, "max_epochs": 1, "resume": True}, studies)
    assert len(list_runs(config.runs)) == 2  # the first was finished
    assert first in {record.run for record in list_runs(config.runs)}

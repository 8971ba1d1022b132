"""A training calibrates what it publishes, and predictions tell what that is worth."""

import pytest

from lib.checkpoints import load_trained
from lib.formats import parse_result
from lib.trainers.run_log import list_runs
from tests.tiny import phantom_folder, tiny_config

QUICK = {"max_epochs": 1, "train_batch_size": 4, "val_split": 0.5, "augment": False, "device": "cpu"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A model that was trained on 15 phantoms and calibrated on 15 others."""
    home = tmp_path_factory.mktemp("calibrated")
    studies = phantom_folder(home / "studies", 30)
    config = tiny_config(home / "model", input_size="64x64")
    assert config.train_task()(QUICK, studies)["published"] is True
    return config, studies


def test_a_training_calibrates_on_what_it_holds_out(published):
    config, _ = published
    trust = load_trained(config.published).trust
    assert trust.calibration.patients == trust.calibration.images == 15
    assert trust.note == "Calibrated on 15 radiographs of 15 patients that the model has not learnt from."
    assert trust.shape_model.count == 19
    assert trust.note in list_runs(config.runs)[0].notes


def test_every_way_to_ask_tells_the_region(published):
    config, studies = published
    task, image = config.infer_task(), studies.list_images()[0]
    path, answer = task({"image": studies.get_image_uri(image), "device": "cpu"})
    assert answer["trust"]["calibrated"] is True
    found = parse_result(answer).landmarks
    assert all(item.predicted.region.radius > 0 for item in found)
    studies.save_label(image, path, "original", {"model": "farnet_demo", "version": answer["version"]})
    stored = studies.landmarks(image, "original")
    for one, other in zip(found, stored, strict=True):
        assert one.predicted.check == other.predicted.check
        assert one.predicted.region.radius == pytest.approx(other.predicted.region.radius, abs=0.01)


def test_few_held_out_patients_make_no_promise(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 5)
    config = tiny_config(tmp_path / "model", input_size="64x64")
    config.train_task()(QUICK, studies)
    trust = load_trained(config.published).trust
    assert trust.calibration is None
    assert "labels of 12 patients" in trust.note
    answer = config.infer_task()({"image": studies.get_image_uri(studies.list_images()[0]), "device": "cpu"})[1]
    assert answer["trust"]["calibrated"] is False
    assert answer["trust"]["note"] == trust.note
    assert answer["landmarks"][0]["radius_px"] is None

"""A run notices when its target, the consensus of several annotators, is another one."""

from dataclasses import replace

import pytest

from lib.checkpoints import ModelCard
from lib.evaluation.run_record import RunRecord
from lib.formats import json_text
from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import Landmarks
from lib.trainers import OptionsError, TrainOptions
from lib.trainers.plan import new_run, resumed_run
from tests.tiny import CEPH, phantom_folder, tiny_config


def submit(studies, image, by, annotator, path):
    moved = Landmarks(tuple(replace(item, x=item.x + by) for item in studies.landmarks(image)))
    path.write_text(json_text(pixel_label_document(moved)))
    studies.save_label(image, path, "final", {"annotator": annotator})


@pytest.fixture
def studies(tmp_path):
    """Four labels, one of them by two people."""
    found = phantom_folder(tmp_path / "studies", 4)
    image = found.list_images()[0]
    for annotator in ("ada", "bob"):
        submit(found, image, 1.0, annotator, tmp_path / "label.json")
    return found


def planned(studies, tmp_path, target):
    return new_run(tmp_path / "runs", CEPH, TrainOptions(target=target), studies)


def resumed(studies, tmp_path, plan, monkeypatch):
    card: ModelCard = tiny_config(tmp_path / "model").card()
    record = RunRecord.model_construct(run=plan.run, options=plan.options.model_dump())
    monkeypatch.setattr("lib.trainers.plan.read_origin", lambda _: type("Origin", (), {"network": None}))
    monkeypatch.setattr("lib.trainers.plan.network_of", lambda _: None)
    return resumed_run(tmp_path / "runs", card, TrainOptions(), studies, record)


def test_the_hash_of_the_data_tells_targets_apart(studies, tmp_path):
    hashes = {target: planned(studies, tmp_path, target).data_hash for target in ("last", "mean", "median")}
    assert len(set(hashes.values())) == 3
    assert planned(studies, tmp_path, "last").data_hash == hashes["last"]


def test_a_run_goes_on_with_its_own_target(studies, tmp_path, monkeypatch):
    plan = planned(studies, tmp_path, "mean")
    again = resumed(studies, tmp_path, plan, monkeypatch)
    assert again.options.target == "mean"
    assert again.data_hash == plan.data_hash
    for one, other in zip(again.train, plan.train, strict=True):
        assert (one["label"] == other["label"]).all()


def test_a_run_does_not_go_on_when_a_reading_has_come_since(studies, tmp_path, monkeypatch):
    plan = planned(studies, tmp_path, "mean")
    image = studies.list_images()[0]
    path = tmp_path / "label.json"
    moved = Landmarks(tuple(replace(item, x=item.x + 5) for item in studies.landmarks(image)))
    path.write_text(json_text(pixel_label_document(moved)))
    studies.save_reading(image, path, {"annotator": "cy"})  # the submitted label stays as it is
    with pytest.raises(OptionsError, match=f"the label of '{image}' is not the one it began with"):
        resumed(studies, tmp_path, plan, monkeypatch)


def test_of_the_last_label_other_readings_do_not_matter(studies, tmp_path, monkeypatch):
    plan = planned(studies, tmp_path, "last")
    image = studies.list_images()[0]
    path = tmp_path / "label.json"
    path.write_text(json_text(pixel_label_document(studies.landmarks(image))))
    studies.save_reading(image, path, {"annotator": "cy"})
    assert resumed(studies, tmp_path, plan, monkeypatch).data_hash == plan.data_hash

"""From the labels of a folder to samples, and how many are enough."""

import json
import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from lib.formats import json_text
from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import Landmark, Landmarks, LandmarkSet, State
from lib.radiographs import PixelSpacing, SpacingSource
from lib.trainers.samples import NotEnoughLabelsError, labelled_samples
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH, FILE_SIZE, phantom_folder

HAND = LandmarkSet.load("hand_37")


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "there are 0: submit 3 more"),
        (1, "there is 1: submit 2 more"),
        (2, "there are 2: submit 1 more"),
    ],
)
def test_too_few(tmp_path, count, sentence):
    studies = phantom_folder(tmp_path, count)
    with pytest.raises(NotEnoughLabelsError, match=f"at least 3 radiographs with submitted .*{sentence}"):
        labelled_samples(studies, CEPH)


def test_samples(tmp_path):
    studies = phantom_folder(tmp_path, 3)
    samples = labelled_samples(studies, CEPH)
    assert [sample["id"] for sample in samples] == studies.list_images()
    for sample in samples:
        assert sample["image"] == studies.get_image_uri(sample["id"])
        truth = studies.landmarks(sample["id"]).points()
        np.testing.assert_allclose(sample["label"], truth, atol=1e-4)
        assert sample["label"].dtype == np.float32
        assert tuple(sample["file_size"]) == FILE_SIZE
        spacing = studies.pixel_spacing(sample["id"])
        assert sample["pixel_mm"].tolist() == [spacing.x, spacing.y]


def test_only_submitted_labels_of_this_set_that_say_something(tmp_path, caplog):
    phantom_folder(tmp_path, 7)
    studies = StudiesFolder(tmp_path, {"farnet_demo": CEPH, "farnet_hand": HAND})
    ids = studies.list_images()
    studies.remove_label(ids[0], "final")
    wrist = tmp_path / "hand.json"
    points = [{"label": HAND.names[0], "position": [5, 5, 0]}]
    wrist.write_text(json.dumps({"markups": [{"type": "Fiducial", "controlPoints": points}]}))
    studies.save_label(ids[1], wrist, "final", {"model": "farnet_hand"})
    (tmp_path / "labels" / "final" / f"{ids[2]}.mrk.json").write_text("damaged since")
    (tmp_path / f"{ids[3]}.png").write_text("damaged since")
    with caplog.at_level(logging.WARNING):
        samples = labelled_samples(studies, CEPH)
    assert [sample["id"] for sample in samples] == ids[4:]
    assert f"'{ids[2]}' does not train: The label is not a JSON file" in caplog.text
    assert f"'{ids[3]}' does not train: " in caplog.text


def submit(studies, image, landmarks, annotator, tmp_path):
    path = tmp_path / "label.json"
    path.write_text(json_text(pixel_label_document(landmarks)))
    studies.save_label(image, path, "final", {"annotator": annotator})


def shifted(label, by, states=()):
    """The label moved to the right; the first landmarks in these states instead."""
    items = [replace(item, x=item.x + by) for item in label]
    items[: len(states)] = [Landmark(item.name, state=state) for item, state in zip(label, states, strict=False)]
    return Landmarks(tuple(items))


@pytest.mark.parametrize(("target", "by"), [("last", 1.0), ("mean", 3.0), ("median", 2.0)])
def test_several_annotators_as_one_target(tmp_path, target, by):
    studies = phantom_folder(tmp_path / "studies", 3)
    first, second, third = studies.list_images()
    label = studies.landmarks(first)
    for annotator, shift in (("ada", 6.0), ("bob", 2.0), ("cy", 1.0)):
        submit(studies, first, shifted(label, shift), annotator, tmp_path)
    submit(studies, second, shifted(studies.landmarks(second), 4.0), "ada", tmp_path)  # alone
    before = studies.landmarks(third).points()
    samples = labelled_samples(studies, CEPH, target)
    np.testing.assert_allclose(samples[0]["label"] - label.points(), [(by, 0)] * len(label), atol=1e-3)
    np.testing.assert_allclose(samples[1]["label"], studies.landmarks(second).points(), atol=1e-3)
    np.testing.assert_allclose(samples[2]["label"], before, atol=1e-3)  # came with the data set: nobody has read it


def test_what_most_call_missing_and_what_nobody_speaks_of(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 3)
    image = studies.list_images()[0]
    label = studies.landmarks(image)
    undefined, missing = State.UNDEFINED, State.MISSING
    submit(studies, image, shifted(label, 0.0, [missing, missing, undefined]), "ada", tmp_path)
    submit(studies, image, shifted(label, 0.0, [missing, undefined]), "bob", tmp_path)
    submit(studies, image, label, "cy", tmp_path)
    found = labelled_samples(studies, CEPH, "mean")[0]["label"]
    assert np.isnan(found[0]).all()  # two of three
    np.testing.assert_allclose(found[1:], label.points()[1:], atol=1e-3)  # a tie, and one who has not marked it


def test_a_data_sets_label_fills_what_its_readers_have_not_marked(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 3)
    image = studies.list_images()[0]
    label = studies.landmarks(image)
    few = Landmarks(
        tuple(
            Landmark(item.name, 5.0, 6.0)
            if item.name == "Sella"
            else replace(item, state=State.UNDEFINED, x=math.nan, y=math.nan)
            for item in label
        )
    )
    path = tmp_path / "label.json"
    path.write_text(json_text(pixel_label_document(few)))
    studies.save_reading(image, path, {"annotator": "ada"})
    found = labelled_samples(studies, CEPH, "median")[0]["label"]
    np.testing.assert_allclose(found[0], (5, 6), atol=1e-3)
    np.testing.assert_allclose(found[1:], label.points()[1:], atol=1e-3)
    np.testing.assert_allclose(labelled_samples(studies, CEPH)[0]["label"], label.points(), atol=1e-3)


def test_what_is_not_annotated_is_nan_and_unknown_millimetres_too(tmp_path):
    studies = phantom_folder(tmp_path, 3)
    first = studies.list_images()[0]
    label = studies.landmarks(first)
    partly = Landmarks((Landmark(label.names[0], state=State.MISSING), *label[1:]))
    studies.import_study("partly", studies.get_image_uri(first), partly, CEPH)
    sample = next(sample for sample in labelled_samples(studies, CEPH) if sample["id"] == "partly")
    assert np.isnan(sample["label"][0]).all()
    np.testing.assert_allclose(sample["label"][1:], label.points()[1:], atol=1e-4)
    assert np.isnan(sample["pixel_mm"]).all()


def test_the_wrist_gives_hands_their_millimetres(tmp_path):
    studies = StudiesFolder(tmp_path, {"farnet_hand": HAND})
    source = phantom_folder(tmp_path / "source", 3)
    first, second = (HAND.index(name) for name in HAND.millimetres.between)
    points = np.full((37, 2), 10.0)
    points[first], points[second] = (20.0, 30.0), (60.0, 60.0)
    for image in source.list_images():
        studies.import_study(image, source.get_image_uri(image), Landmarks.from_points(HAND.names, points), HAND)
    for sample in labelled_samples(studies, HAND):
        np.testing.assert_allclose(sample["pixel_mm"], [1.0, 1.0])
    user = PixelSpacing(0.2, 0.3, SpacingSource.USER)
    studies.update_image_info(source.list_images()[0], {"pixel_spacing": user.as_dict()})
    np.testing.assert_allclose(labelled_samples(studies, HAND)[0]["pixel_mm"], [0.2, 0.3])

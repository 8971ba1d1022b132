"""What a calibration may count, and that it never costs a training."""

import numpy as np

from lib.checkpoints import TrainingData
from lib.confidence import FEATURES, HeldOutCase, Trust
from lib.trainers.calibrate import calibrated, shape_of, unseen_images
from lib.trainers.origin import Origin
from tests.tiny import tiny_config


def test_other_images_of_a_patient_who_was_learnt_from_are_not_unseen(tmp_path):
    data = TrainingData(hash="0", train=("f1", "gone"), held_out=(), train_patients=1, held_out_patients=0)
    card = tiny_config(tmp_path).card().model_copy(update={"data": data})
    fingerprints = {"a": "f1", "b": "f2", "c": "f3"}
    groups = {"a": "Ann", "b": "Ann", "c": "Bob"}
    assert unseen_images(card, fingerprints, groups) == {"c"}
    assert unseen_images(card.model_copy(update={"data": None}), fingerprints, groups) == {"a", "b", "c"}


def cases(errors):
    features, shapes = np.zeros((3, len(FEATURES))), np.tile(np.eye(2), (3, 1, 1))
    return [HeldOutCase(f"p{number}", features, shapes, errors) for number in range(15)]


def test_errors_that_follow_no_rule_are_no_calibration():
    found = calibrated(Trust(), cases(np.full((3, 2), np.inf)))
    assert found.calibration is None
    assert "follow no rule" in found.note


def test_accepted_predictions_are_no_calibration():
    found = calibrated(Trust(), cases(np.zeros((3, 2))))
    assert found.calibration is None
    assert "accepted as they are" in found.note


def test_labels_without_a_shape():
    rng = np.random.default_rng(0)
    assert isinstance(shape_of([rng.uniform(-1e6, 1e6, (3, 2)) for _ in range(10)]), Trust)
    assert shape_of([np.full((3, 2), np.nan) for _ in range(10)]).shape is None


def test_who_goes_on_from_an_unknown_origin_stays_of_unknown_origin(tmp_path):
    """Regression: one training later the same weights passed for known, and were calibrated."""
    unknown = tiny_config(tmp_path).card()
    first = Origin.of("it", unknown, unknown)
    assert not first.all_known
    data = TrainingData(hash="0", train=("f1",), held_out=(), train_patients=1, held_out_patients=0)
    child = unknown.model_copy(update={"data": data.model_copy(update={"complete": first.all_known})})
    assert not Origin.of("it", child, child).all_known
    assert Origin.of("it", child.model_copy(update={"data": data}), child).all_known
    assert Origin.of("it", None, child).all_known

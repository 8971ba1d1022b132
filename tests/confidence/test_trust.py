"""What viewers get: regions, flags and sentences, with a calibration and without."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lib.confidence import Calibration, Trust
from lib.confidence.trust import NOT_CALIBRATED
from lib.heatmaps import HeatmapCodec, examine
from lib.shapes import ShapeModel
from lib.trainers.calibrate import calibrated, shape_of

INPUT, FILE = (64, 48), (640, 480)
CODEC = HeatmapCodec(3.0)
BASE = np.array([[10.0, 10], [30, 12], [12, 40], [36, 50], [24, 30]])
RNG = np.random.default_rng(0)
LABELS = [(BASE + RNG.normal(scale=1.0, size=BASE.shape)) * 10 for _ in range(40)]


def evidence(points, height=1.0):
    points = torch.as_tensor(points, dtype=torch.float32)
    fine, coarse = CODEC.encode(points, INPUT), CODEC.with_stride(2).encode(points, INPUT)
    return examine(height * fine, coarse, CODEC)


def to_file(points):
    return (np.asarray(points) + 0.5) * 10 - 0.5


def trained(patients=30):
    trust = shape_of(LABELS)
    cases = []
    for number in range(patients):
        truth = BASE + RNG.normal(scale=1.0, size=BASE.shape)
        found = truth + RNG.normal(scale=0.4, size=BASE.shape)
        seen = evidence(found)
        cases.append(trust.held_out_case(seen, to_file(found), to_file(truth), (INPUT, FILE), f"p{number}"))
    return calibrated(trust, cases)


def judged(trust, points=BASE, height=1.0, tolerance=10.0):
    return trust.judge(evidence(points, height), to_file(points), INPUT, FILE, tolerance)


def test_calibrated():
    found = judged(trained())
    assert found.told["calibrated"] is True
    assert found.told["coverage"] == 0.9
    assert "30 radiographs of 30 patients" in found.told["note"]
    assert found.told["shape"]["plausible"] is True
    assert ((found.confidence > 0.7) & (found.confidence <= 1)).all()
    for region in found.regions:
        long, short, angle = region.ellipse
        assert 3 < region.radius < 20
        assert long >= short
        assert -90 <= angle <= 90
    assert 0 < found.unsureness < 0.05


def test_a_wider_tolerance_is_met_more_often():
    trust = trained()
    narrow, wide = judged(trust, tolerance=3.0), judged(trust, tolerance=8.0)
    assert (narrow.confidence < wide.confidence).all()
    assert narrow.regions == wide.regions


def test_not_calibrated_says_so_and_falls_back_to_the_peak():
    found = judged(Trust(), height=0.2)
    assert found.told == {"calibrated": False, "coverage": None, "note": NOT_CALIBRATED}
    np.testing.assert_allclose(found.confidence, 0.2, atol=0.01)
    assert found.check.all()
    assert found.regions == (None,) * len(BASE)
    assert not judged(Trust(), height=0.9).check.any()


def test_too_few_patients_say_why_there_is_no_calibration():
    trust = trained(5)
    assert trust.calibration is None
    assert "labels of 12 patients" in trust.note
    assert "there are 5" in trust.note
    assert judged(trust).told["shape"]["plausible"] is True


def test_a_landmark_far_from_where_the_others_say_is_to_be_checked_however_sure_the_map():
    moved = BASE.copy()
    moved[2] += (20, 0)
    for trust in (trained(), shape_of(LABELS)):
        found = judged(trust, moved)
        assert found.check[2]
        assert found.told["shape"]["plausible"] is False
        assert found.told["shape"]["note"]


def test_predictions_less_exact_than_labels_are_not_all_implausible():
    """As of synthetic labels: on a straight line to a hundredth of a pixel, where a network is right to one."""
    exact = [BASE * 10 + RNG.normal(scale=0.01, size=BASE.shape) for _ in range(40)]
    trust, cases = shape_of(exact), []
    found = [BASE + RNG.normal(scale=0.1, size=BASE.shape) for _ in range(60)]
    for number, points in enumerate(found[:30]):
        cases.append(trust.held_out_case(evidence(points), to_file(points), to_file(BASE), (INPUT, FILE), f"p{number}"))
    before = np.mean([judged(trust, points).told["shape"]["plausible"] for points in found[30:]])
    after = np.mean([judged(calibrated(trust, cases), points).told["shape"]["plausible"] for points in found[30:]])
    assert before < 0.1
    assert after > 0.8
    mirrored = judged(calibrated(trust, cases), BASE * [-1, 1] + [47, 0])
    assert mirrored.told["shape"]["plausible"] is False


def test_a_mirrored_image_is_named():
    mirrored = BASE * [-1, 1] + [47, 0]
    found = judged(trained(), mirrored)
    assert "mirror" in found.told["shape"]["note"]


def test_few_labels_have_no_shape():
    assert shape_of([]) == shape_of(LABELS[:3]) == Trust()


def test_round_trip_and_refusals():
    trust = trained()
    again = Trust.model_validate_json(trust.model_dump_json())
    assert again == trust
    assert again.size == len(BASE)
    assert Trust().size is None
    one, other = (judged(item) for item in (trust, again))
    np.testing.assert_array_equal(one.confidence, other.confidence)
    for change in ({"shape": {"nothing": 1}}, {"calibration": {}}, {"more": 1}):
        with pytest.raises(ValidationError):
            Trust.model_validate({**trust.model_dump(), **change})
    assert isinstance(again.calibration, Calibration)
    assert isinstance(again.shape_model, ShapeModel)

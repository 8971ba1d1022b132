"""What is told of a version, and of two side by side."""

import json

import pytest
import torch

from lib.checkpoints import (
    HeldOutErrors,
    TrainingData,
    VersionError,
    compare_versions,
    describe_version,
    with_trust,
)
from lib.confidence import Trust
from tests.checkpoints.conftest import SET

FIRST = HeldOutErrors(
    images=("i1", "i2", "i3"),
    patients=("p1", "p2", "p2"),
    landmarks=("a", "b", "c"),
    px=((1.0, 4.0, None), (3.0, 6.0, 2.0), (5.0, 5.0, 5.0)),
    tolerances=((0.5, 2.0, None), (1.5, 3.0, 1.0), (9.0, 9.0, 9.0)),
)
SECOND = HeldOutErrors(
    images=("i2", "i1", "i4"),
    patients=("p2", "p1", "p9"),
    landmarks=("b", "a", "c"),
    px=((1.0, 4.0, 2.0), (2.0, 2.0, 7.0), (0.0, 0.0, 0.0)),
    tolerances=((0.5, 2.0, 1.0), (1.0, 1.0, None), (0.0, 0.0, 0.0)),
)


def data(**changes):
    known = {
        "hash": "h1",
        "train": ("t1", "t2", "t3"),
        "held_out": ("v1",),
        "train_patients": 2,
        "held_out_patients": 1,
    }
    return TrainingData(**{**known, **changes})


@pytest.fixture
def two(versions, make):
    """Publishes both; the arguments are their cards' and errors."""

    def published(first, second):
        for seed, (version, more) in enumerate((("one", first), ("two", second)), start=1):
            versions.publish(make(version, more.pop("seed", seed), **more), "")
        return versions.get("one"), versions.get("two")

    return published


def test_the_figures_and_options_that_differ(two):
    first, second = two(
        {"metrics": {"sdr": 0.5, "mre": 3.0, "old": 1.0}, "training": {"seed": 1, "epochs": 9}, "code": "1.0"},
        {"metrics": {"sdr": 0.75, "mre": None}, "training": {"seed": 2, "epochs": 9, "ema": True}, "sigma": 4.0},
    )
    found = compare_versions(first, second)
    assert found["metrics"] == {
        "sdr": {"first": 0.5, "second": 0.75, "difference": 0.25},
        "mre": {"first": 3.0, "second": None, "difference": None},
        "old": {"first": 1.0, "second": None, "difference": None},
    }
    assert found["training"] == {"seed": {"first": 1, "second": 2}, "ema": {"first": None, "second": True}}
    assert found["network"] == {"sigma": {"first": 3.0, "second": 4.0}}
    assert (found["first"]["code"], found["second"]["code"]) == ("1.0", None)
    assert (found["first"]["served"], found["second"]["served"]) == (False, True)
    assert (found["data"], found["held_out"]) == (None, None)
    json.dumps(found, allow_nan=False)


def test_how_far_each_part_moved(versions, make):
    path = make("one", 1)
    versions.publish(path, "")
    content = torch.load(path, weights_only=True)
    for key, value in content["model"].items():
        if key.startswith("refinement") and not key.endswith(("running_mean", "running_var", "num_batches_tracked")):
            value *= 1.5
    torch.save({**content, "card": {**content["card"], "version": "two"}}, path)
    versions.publish(path, "")
    moved = compare_versions(versions.get("one"), versions.get("two"))["weights"]
    assert moved == {"encoder": 0.0, "aggregation": 0.0, "coarse_head": 0.0, "refinement": pytest.approx(0.5)}


def test_weights_of_other_random_numbers_are_about_as_far_off_as_they_are_large(two):
    moved = compare_versions(*two({}, {}))["weights"]
    assert all(0.1 < share < 2.0 for share in moved.values())


def test_other_networks_have_no_weights_in_common(two):
    found = compare_versions(
        *two({}, {"width": 0.125, "landmark_set": SET.model_copy(update={"landmarks": SET.landmarks[1:]})})
    )
    assert found["weights"] is None
    assert found["network"] == {"width": {"first": 0.0625, "second": 0.125}}
    assert found["landmarks"] == {"first": 3, "second": 2, "added": [], "removed": ["a"]}


def test_data(two):
    later = data(hash="h2", train=("t2", "t3", "v1", "t4"), held_out=("v2", "t1"), train_patients=4)
    found = compare_versions(*two({"data": data()}, {"data": later}))["data"]
    assert found == {
        "same": False,
        "train": {"first": 3, "second": 4, "added": 2, "removed": 1},
        "held_out": {"first": 1, "second": 2, "added": 2, "removed": 1},
        "train_patients": {"first": 2, "second": 4},
        "held_out_patients": {"first": 1, "second": 1},
        "leaks": {"first_learnt_held_out_of_second": ["t1"], "second_learnt_held_out_of_first": ["v1"]},
    }


def test_the_same_data(two):
    found = compare_versions(*two({"data": data()}, {"data": data()}))["data"]
    assert found["same"]
    assert found["leaks"] == {"first_learnt_held_out_of_second": [], "second_learnt_held_out_of_first": []}


def test_errors_on_the_same_images_and_landmarks(two):
    found = compare_versions(*two({"held_out": FIRST}, {"held_out": SECOND}))["held_out"]
    assert (found["images"], found["nearer"], found["farther"]) == (2, 1, 1)
    assert found["landmarks"] == {
        "b": {
            "first": {"count": 2, "mean_px": 5.0, "within": 0.0},
            "second": {"count": 2, "mean_px": 1.5, "within": 1.0},
            "difference_px": -3.5,
        },
        "a": {
            "first": {"count": 2, "mean_px": 2.0, "within": 0.5},
            "second": {"count": 2, "mean_px": 3.0, "within": 0.5},
            "difference_px": 1.0,
        },
        "c": {  # on i1 the first has none
            "first": {"count": 1, "mean_px": 2.0, "within": 1.0},
            "second": {"count": 1, "mean_px": 2.0, "within": 1.0},
            "difference_px": 0.0,
        },
    }
    assert found["all"]["first"] == {"count": 5, "mean_px": 3.2, "within": 0.4}
    assert found["all"]["second"] == {"count": 5, "mean_px": 2.2, "within": 0.8}


def test_no_image_in_common(two):
    other = SECOND.model_copy(update={"images": ("x", "y", "z")})
    assert compare_versions(*two({"held_out": FIRST}, {"held_out": other}))["held_out"] is None


def test_description(two):
    first, second = two({"held_out": FIRST, "data": data(), "parent": "shipped_1"}, {})
    told = describe_version(first)
    assert told["held_out"]["a"] == {"count": 3, "mean_px": 3.0, "within": 1 / 3}
    assert told["held_out"]["c"] == {"count": 2, "mean_px": 3.5, "within": 0.5}
    assert told["images"] == {"trained": 3, "held_out": 1}
    assert told["card"]["data"]["train"] == ["t1", "t2", "t3"]
    assert (told["parent"], told["data_hash"]) == ("shipped_1", "h1")
    json.dumps(told, allow_nan=False)
    assert describe_version(second)["held_out"] is None
    assert (told["trust"]["calibrated"], told["trust"]["patients"]) == (False, 0)


def test_the_calibration_is_told_and_compared(two):
    first, second = two({}, {})
    assert compare_versions(first, second)["trust"] == {}
    second.path.write_bytes(with_trust(second.path, Trust(note="Not calibrated: so it is.")))
    assert describe_version(second)["trust"]["note"] == "Not calibrated: so it is."
    told = compare_versions(first, second)["trust"]
    assert told == {"note": {"first": Trust().note, "second": "Not calibrated: so it is."}}


def test_a_damaged_version_cannot_be_compared(two, versions):
    first, _ = two({}, {})
    first.path.write_text("junk")
    damaged = versions.get("one")
    for look in (lambda: compare_versions(damaged, versions.get("two")), lambda: describe_version(damaged)):
        with pytest.raises(VersionError, match=r"^Version 'one' cannot be used: one\.pt is not a model file"):
            look()


def test_a_calibration_of_another_version_costs_the_promise_not_the_weights(two):
    """Regression: a model whose calibration could not be read could not be used, nor calibrated again."""
    first, _ = two({}, {})
    content = torch.load(first.path, weights_only=True)
    for trust in ({"calibration": {"radius": 1.0}}, {"of": "tomorrow"}, "junk"):
        torch.save({**content, "trust": trust}, first.path)
        told = describe_version(first)["trust"]
        assert told["calibrated"] is False
        assert "'main.py calibrate' makes a new one" in told["note"]
        assert first.trained().trust.calibration is None

"""What is measured beside radial errors: hands by both wrists, spines at any size of the files."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.evaluation import Evaluation
from lib.evaluation.measures import MEASURES
from lib.evaluation.spine import AngleErrors, mse_per_landmark, squared_fractions
from lib.landmarks import LandmarkSet
from lib.measurements import cobb_angles
from tests.datasets.made_sets import spine_points
from tests.evaluation.made_cases import looking, made_case

HAND, SPINE = LandmarkSet.load("hand_37"), LandmarkSet.load("spine_68")
NAN = math.nan


def told(landmark_set, cases, name, shrunk=1.0):
    (view,) = looking(landmark_set).views(cases)
    return MEASURES[name](view, shrunk)[name]


def hand(**places):
    points = np.stack([np.arange(37.0), np.arange(37.0)], axis=1)
    for number, place in places.items():
        points[int(number[1:])] = place
    return points


# --- hands ------------------------------------------------------------------------------------------------------------

WRISTS = hand(_0=(0, 0), _4=(500, 0), _1=(0, 9), _5=(250, 9))  # 0.1 mm a pixel between 0 and 4, 0.2 between 1 and 5


def test_the_same_errors_are_larger_where_the_wrist_is_narrower():
    found = told(HAND, [made_case(HAND, "one", [10.0] * 37, truth=WRISTS)], "wrists")
    assert {pair: figures["mre_mm"] for pair, figures in found.items()} == {"1-5": 2.0, "0-4": 1.0}
    assert found["1-5"]["sdr"]["2.0"] == 1.0
    assert all(figures["images_with_mm"] == 1 for figures in found.values())


def test_a_wrist_that_is_not_annotated_costs_its_own_figures_alone():
    cases = [
        made_case(HAND, "one", [10.0] * 37, truth=WRISTS),
        made_case(HAND, "two", [30.0] * 37, truth=hand(_0=(0, 0), _4=(500, 0), _1=(NAN, NAN))),
    ]
    found = told(HAND, cases, "wrists")
    assert (found["1-5"]["images_with_mm"], found["1-5"]["mre_mm"]) == (1, 2.0)
    assert found["0-4"]["images_with_mm"] == 2
    assert found["0-4"]["mre_mm"] == pytest.approx((37 * 1.0 + 36 * 3.0) / 73, abs=1e-4)


def test_patients_of_hands_are_drawn_together():
    cases = [made_case(HAND, str(n), [10.0 * n] * 37, truth=WRISTS, group="a" if n < 3 else "b") for n in (1, 2, 3)]
    intervals = told(HAND, cases, "wrists")["1-5"]["intervals"]
    assert intervals["mre_mm"] == [3.0, 6.0]  # the first patient twice, the second twice


# --- spines -----------------------------------------------------------------------------------------------------------


def spines(shrunk, seed=0, count=3):
    """Phantoms' spines with whole-pixel errors, and the same in files ``shrunk`` times smaller; one is not found."""
    random = np.random.default_rng(seed)
    cases = []
    for number in range(count):
        truth = spine_points() * random.uniform(0.9, 1.1)
        misses = random.integers(0, 60, 68).astype(float)
        misses[random.integers(0, 68)] = NAN if number == 0 else 3.0
        size = (384 / shrunk, 144 / shrunk)
        cases.append(made_case(SPINE, str(number), misses / shrunk, truth=truth / shrunk, size=size))
    return cases


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([0.5, 2.0, 4.0]), st.integers(0, 1000))
def test_figures_of_spines_are_those_of_the_published_files(shrunk, seed):
    full, small = told(SPINE, spines(1.0, seed), "spine"), told(SPINE, spines(shrunk, seed), "spine", shrunk)
    for key, value in full["cobb"].items():
        assert small["cobb"][key] == pytest.approx(value, abs=1e-3)
    for key in ("nmse_e4", "mse_per_coordinate_e4", "or20", "or40"):
        assert small[key] == pytest.approx(full[key], rel=1e-6)
    for key, interval in full["intervals"].items():
        assert small["intervals"][key] == pytest.approx(interval, abs=1e-3)


def test_without_saying_that_files_are_smaller_there_are_fewer_outliers():
    assert told(SPINE, spines(2.0), "spine")["or20"] < told(SPINE, spines(2.0), "spine", 2.0)["or20"]


def test_figures_of_spines_worked_by_hand():
    truth = spine_points()
    misses = np.zeros(68)
    misses[:6] = (20, 21, 40, 41, NAN, 14.4)
    found = told(SPINE, [made_case(SPINE, "one", misses, truth=truth, size=(384, 144))], "spine")
    assert found["or20"] == round(4 / 68, 4)
    assert found["or40"] == round(2 / 68, 4)
    squares = np.array([20, 21, 40, 41, 14.4]) ** 2 / 144**2
    assert found["nmse_e4"] == pytest.approx(1e4 * squares.sum() / 67, abs=1e-3)
    assert found["mse_per_coordinate_e4"] == pytest.approx(found["nmse_e4"] / 2, abs=1e-3)
    assert (found["cobb"]["images"], found["cobb"]["not_measured"], found["cobb"]["smape"]) == (0, 1, None)
    assert set(found["intervals"].values()) == {None}  # of one patient


def test_spines_are_measured_as_the_parts_say():
    cases = spines(1.0)
    found = told(SPINE, cases, "spine")
    squares = [squared_fractions(c.predicted.points(), c.truths["labels"].points(), c.size) for c in cases]
    assert found["nmse_e4"] == pytest.approx(1e4 * mse_per_landmark(squares), abs=1e-4)
    of = [
        [NAN] * 3 if (angles := cobb_angles(points, 384)) is None else angles.degrees
        for points in (*(c.predicted.points() for c in cases), *(c.truths["labels"].points() for c in cases))
    ]
    expected = AngleErrors.of(of[:3], of[3:])
    assert found["cobb"]["smape"] == pytest.approx(expected.smape, abs=1e-4)
    assert (found["cobb"]["images"], found["cobb"]["not_measured"]) == (2, 1)
    low, high = found["intervals"]["or20"]
    assert low <= found["or20"] <= high


def test_spines_of_which_nothing_is_known_have_no_figures():
    case = made_case(SPINE, "one", [NAN] * 68, truth=np.full((68, 2), NAN), size=(384, 144))
    found = told(SPINE, [case], "spine")
    assert found["or20"] is found["nmse_e4"] is found["cobb"]["smape"] is None
    content = Evaluation("", "m", "", looking(SPINE), (case,), measures=("spine",)).content
    assert (content["landmarks"], content["spine"]["or40"]) == (0, None)

"""The landmarks of one radiograph: states, order, borders."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.landmarks import Landmark, Landmarks, LandmarksError, Predicted, Region, State

coordinates = st.floats(-1e4, 1e4) | st.just(math.nan)


@given(st.lists(st.tuples(coordinates, coordinates), max_size=8))
def test_points_come_back_and_half_known_ones_are_undefined(rows):
    points = np.array(rows, dtype=float).reshape(-1, 2)
    landmarks = Landmarks.from_points([f"L{index}" for index in range(len(rows))], points)
    unknown = np.isnan(points).any(axis=1)
    np.testing.assert_array_equal(landmarks.points(), np.where(unknown[:, None], np.nan, points))
    assert [item.state is State.UNDEFINED for item in landmarks] == unknown.tolist()
    assert landmarks.num_placed() == (~unknown).sum()


def test_occluded_landmarks_have_a_position_and_missing_ones_none():
    assert Landmark("A", 1.0, 2.0, State.OCCLUDED).state.has_position
    with pytest.raises(LandmarksError, match="Landmark 'A' is missing and so must have no position"):
        Landmark("A", 0.0, 0.0, State.MISSING)
    with pytest.raises(LandmarksError, match="Landmark 'A' is defined but its position is not finite"):
        Landmark("A", math.inf, 0.0)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_confidence_is_a_share(confidence):
    with pytest.raises(LandmarksError, match=r"Landmark 'A' has confidence .+, outside 0 to 1"):
        Landmark("A", 1.0, 1.0, confidence=confidence)


def test_names_are_unique():
    with pytest.raises(LandmarksError, match="Landmark 'A' is listed more than once"):
        Landmarks((Landmark("A", 1.0, 1.0), Landmark("A", 2.0, 2.0)))


def test_points_of_another_number_are_refused():
    with pytest.raises(LandmarksError, match=r"Expected points of shape \(2, 2\), got \(1, 2\)"):
        Landmarks.from_points(["A", "B"], [[1, 2]])


def test_a_landmark_by_index_and_by_name():
    landmarks = Landmarks.from_points(["A", "B"], [[1, 2], [3, 4]])
    assert landmarks["B"] is landmarks[1]
    with pytest.raises(KeyError, match="C"):
        landmarks["C"]


def test_ordering_fills_gaps_and_refuses_strangers():
    landmarks = Landmarks.from_points(["B", "A"], [[1, 2], [3, 4]])
    ordered = landmarks.ordered(["A", "B", "C"])
    assert ordered.names == ("A", "B", "C")
    assert (ordered["A"].x, ordered["C"].state) == (3.0, State.UNDEFINED)
    with pytest.raises(LandmarksError, match="Unknown landmark 'B': the set has no landmark of that name"):
        landmarks.ordered(["A"])


@pytest.mark.parametrize(
    ("x", "y", "inside"), [(-0.5, -0.5, True), (9.5, 4.5, True), (9.6, 0, False), (0, -0.6, False)]
)
def test_the_image_ends_half_a_pixel_beyond_the_outer_centres(x, y, inside):
    landmarks = Landmarks.from_points(["A"], [[x, y]])
    if inside:
        landmarks.check_inside(5, 10)
    else:
        with pytest.raises(LandmarksError, match=r"'A' at .+ lies outside the image of 10 x 5 pixels"):
            landmarks.check_inside(5, 10)
        landmarks.clipped(5, 10).check_inside(5, 10)
    assert Landmarks((Landmark("M", state=State.MISSING),)).clipped(5, 10)["M"].state is State.MISSING


@pytest.mark.parametrize(
    ("radius", "ellipse"),
    [
        (0.0, (2.0, 1.0, 0.0)),
        (-1.0, (2.0, 1.0, 0.0)),
        (math.nan, (2.0, 1.0, 0.0)),
        (2.0, (math.inf, 1.0, 0.0)),
        (2.0, (2.0, 0.0, 0.0)),
        (2.0, (2.0, 1.0, math.nan)),
    ],
)
def test_a_region_has_lengths_and_an_angle(radius, ellipse):
    with pytest.raises(LandmarksError, match="A region has lengths above 0 and an angle, not "):
        Region(radius, ellipse)


def test_a_prediction_stays_as_it_was_when_its_landmark_moves():
    region = Region(14.2, (16.0, 10.1, -35.0))
    moved = replace(Landmark("A", 1.0, 2.0, predicted=Predicted(1.0, 2.0, "ceph 3", region, True)), x=5.0)
    assert moved.predicted == Predicted(1.0, 2.0, "ceph 3", region, check=True)
    assert Predicted(1.0, 2.0) == Predicted(1.0, 2.0, "", None, check=False)

"""Labels stand inside the picture, off each other, and near their points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.evaluation.labels import num_covered, place_labels

CANVAS = (400, 300)
ANCHORS = hnp.arrays(np.float64, st.tuples(st.integers(0, 25), st.just(2)), elements=st.floats(0, 300))


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@settings(deadline=None)
@given(ANCHORS, st.tuples(st.floats(5, 60), st.floats(5, 20)))
def test_labels_overlap_nothing_and_stay_inside(anchors, size):
    taken = (0.0, 0.0, 400.0, 30.0)
    boxes = place_labels(anchors, np.tile(size, (len(anchors), 1)), CANVAS, obstacles=anchors, taken=[taken])
    placed = [box for box in boxes if box is not None]
    assert len(boxes) == len(anchors)
    for index, box in enumerate(placed):
        assert box[0] >= 0
        assert box[1] >= 0
        assert box[2] <= CANVAS[0]
        assert box[3] <= CANVAS[1]
        assert (box[2] - box[0], box[3] - box[1]) == pytest.approx(size)
        assert not any(overlap(box, other) for other in [taken, *placed[:index]])


def test_a_lonely_label_stands_to_the_right_of_its_point():
    (box,) = place_labels([(100, 100)], [(40, 12)], CANVAS)
    assert box == pytest.approx((108, 94, 148, 106))


def test_a_label_avoids_obstacles():
    (box,) = place_labels([(100, 100)], [(40, 12)], CANVAS, obstacles=[(120, 100), (130, 100)])
    assert box == pytest.approx((52, 94, 92, 106))


def test_a_label_at_the_right_border_turns_to_the_left():
    (box,) = place_labels([(395, 100)], [(40, 12)], CANVAS)
    assert box[2] < 395


def test_a_label_without_room_is_left_out():
    first, second = place_labels([(5, 5), (5, 5)], [(90, 9), (90, 9)], (100, 10))
    assert first is None or second is None


def test_covered_points_are_counted():
    boxes = np.array([[0, 0, 10, 10], [5, 5, 6, 6], [20, 20, 30, 30]], dtype=np.float64)
    assert num_covered(boxes, np.array([[1, 1], [5, 5], [np.nan, 5]])).tolist() == [2, 1, 0]

"""Angles against what geometry says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.measurements import angle_between_directions, angle_between_lines

DEGREES = st.floats(-180, 180)
LENGTHS = st.floats(0.01, 1000)


def arrow(degrees, length=1.0):
    return length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))


@pytest.mark.parametrize(
    ("one", "other", "between_directions", "between_lines"),
    [
        ((1, 0), (1, 0), 0, 0),
        ((1, 0), (0, 5), 90, 90),
        ((1, 0), (-3, 0), 180, 0),
        ((1, 0), (1, 1), 45, 45),
        ((1, 0), (-1, -1), 135, 45),
        ((1, math.sqrt(3)), (1, 0), 60, 60),
    ],
)
def test_angles_known_by_heart(one, other, between_directions, between_lines):
    assert angle_between_directions(one, other) == pytest.approx(between_directions)
    assert angle_between_lines(one, other) == pytest.approx(between_lines)


@given(DEGREES, DEGREES, LENGTHS, LENGTHS)
def test_the_angle_is_the_difference_of_the_bearings_whatever_the_lengths(a, b, long, short):
    apart = abs(a - b) % 360
    assert angle_between_directions(arrow(a, long), arrow(b, short)) == pytest.approx(min(apart, 360 - apart), abs=1e-6)


def test_small_angles_keep_their_digits():
    """The arccosine of a cosine of 1 - 5e-17 would be 0."""
    assert angle_between_directions((1, 0), (1, 1e-8)) == pytest.approx(math.degrees(1e-8), rel=1e-9)


def test_a_direction_without_length_or_an_unknown_one_has_no_angle():
    assert np.isnan(angle_between_directions([(0, 0), (math.nan, 1)], (1, 0))).all()


def test_many_at_once():
    table = angle_between_directions(np.array([arrow(0), arrow(30)])[:, None], np.array([arrow(0), arrow(50)]))
    np.testing.assert_allclose(table, [[0, 50], [30, 20]], atol=1e-9)

"""Cobb angles against made spines of known tilts, against what must hold for any spine, and against the challenge's."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from lib.datasets import read_aasce
from lib.measurements import CobbAngle, cobb_angles

STEP, WIDTH, HEIGHT = 50.0, 60.0, 30.0
FOREVER = math.inf  # an image so high that every curve lies in its upper half
JITTERS = hnp.arrays(np.float64, (17, 2, 2, 2), elements=st.floats(-8, 8))
CURVES = st.tuples(st.floats(20, 80), st.sampled_from([1, 2]))


def spine(tilts, bend=0.0, halves=1):
    """(68, 2) corners of vertebrae of these tilts (degrees), along a sine of so many half waves and this height."""
    tilts = np.radians(np.interp(np.arange(17), *zip(*tilts, strict=True)))
    along, down = (
        np.stack(parts, axis=1) for parts in ((np.cos(tilts), np.sin(tilts)), (-np.sin(tilts), np.cos(tilts)))
    )
    places = np.arange(17)
    centres = np.stack([300 + bend * np.sin(halves * np.pi * places / 16), 100 + STEP * places], axis=1)
    corners = [centres + v * HEIGHT / 2 * down + h * WIDTH / 2 * along for v in (-1, 1) for h in (-1, 1)]
    return np.stack(corners, axis=1).reshape(68, 2)


def test_a_straight_spine_has_no_curve():
    assert cobb_angles(spine([(0, 0), (16, 0)]), 1000).degrees == (0, 0, 0)


def test_a_tilted_straight_spine_has_no_curve_either():
    assert cobb_angles(spine([(0, 7), (16, 7)]), 1000).degrees == pytest.approx((0, 0, 0), abs=1e-9)


def test_a_single_curve_from_end_to_end():
    angles = cobb_angles(spine([(0, -20), (16, 20)], bend=60), 1000)
    assert angles.degrees == pytest.approx((40, 0, 0), abs=1e-9)
    assert (angles.major.upper, angles.major.lower) == (0, 16)


@pytest.mark.parametrize("height", [10, 1000, FOREVER])
def test_the_other_angles_of_a_single_curve_reach_to_the_first_and_the_last_vertebra(height):
    angles = cobb_angles(spine([(0, 0), (4, -20), (12, 15), (16, 5)], bend=60), height)
    assert angles.degrees == pytest.approx((35, 20, 10))
    assert [(a.upper, a.lower) for a in angles] == [(4, 12), (0, 4), (12, 16)]


S_CURVE = [(0, 0), (2, -10), (6, 15), (12, -25), (16, -3)]


def test_a_major_curve_in_the_upper_half_has_one_above_and_one_below():
    angles = cobb_angles(spine(S_CURVE, bend=30, halves=2), FOREVER)
    assert angles.degrees == pytest.approx((40, 25, 22))
    assert [(a.upper, a.lower) for a in angles] == [(6, 12), (2, 6), (12, 16)]


def test_a_major_curve_in_the_lower_half_has_two_above():
    angles = cobb_angles(spine(S_CURVE, bend=30, halves=2), 900)
    assert angles.degrees == pytest.approx((40, 25, 10))
    assert [(a.upper, a.lower) for a in angles] == [(6, 12), (2, 6), (0, 2)]


def test_the_lower_endplates_of_its_ends_say_in_which_half_it_lies():
    corners = spine(S_CURVE, bend=30, halves=2)
    bottoms = corners.reshape(17, 2, 2, 2)[[6, 12], 1, :, 1].mean(axis=1).sum()
    assert cobb_angles(corners, bottoms + 0.01).degrees == pytest.approx((40, 25, 22))
    assert cobb_angles(corners, bottoms - 0.01).degrees == pytest.approx((40, 25, 10))


def test_beyond_the_last_vertebra_there_is_no_angle():
    angles = cobb_angles(spine([(0, 0), (8, 20), (16, -20)], bend=30, halves=2), FOREVER)
    assert angles.third == CobbAngle(0.0, 16, 16)


@pytest.mark.parametrize("corner", [0, 33, 67])
def test_without_all_corners_there_are_no_angles(corner):
    corners = spine(S_CURVE)
    corners[corner] = math.nan
    assert cobb_angles(corners, 1000) is None


def test_a_vertebra_without_width_has_no_tilt():
    corners = spine(S_CURVE)
    corners[40:44] = corners[40]
    assert cobb_angles(corners, 1000) is None


@pytest.mark.parametrize("shape", [(67, 2), (68, 3), (4, 2), (136,), (0, 2)])
def test_what_is_no_spine_is_refused(shape):
    with pytest.raises(ValueError, match="from four corners"):
        cobb_angles(np.zeros(shape), 1000)


def jittered(jitters, curve):
    return spine(S_CURVE, *curve) + jitters.reshape(68, 2)


@given(JITTERS, CURVES, st.floats(-200, 200), st.floats(-200, 200))
def test_a_shift_changes_nothing(jitters, curve, right, down):
    corners = jittered(jitters, curve)
    shifted = cobb_angles(corners + np.array([right, down]), 1100.5 + 2 * down)
    assert shifted.degrees == pytest.approx(cobb_angles(corners, 1100.5).degrees, abs=1e-6)


@given(JITTERS, CURVES, st.floats(0.1, 10))
def test_the_size_of_the_image_changes_nothing(jitters, curve, scale):
    corners = jittered(jitters, curve)
    scaled = cobb_angles(corners * scale, 1100.5 * scale)
    assert scaled.degrees == pytest.approx(cobb_angles(corners, 1100.5).degrees, abs=1e-6)


@given(JITTERS, CURVES, st.floats(-10, 10))
def test_a_turn_changes_no_angle(jitters, curve, degrees):
    corners = jittered(jitters, curve)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = cobb_angles(corners @ np.array([[cosine, sine], [-sine, cosine]]), FOREVER)
    assert turned.degrees == pytest.approx(cobb_angles(corners, FOREVER).degrees, abs=1e-6)


@given(JITTERS, CURVES)
def test_a_mirrored_spine_has_the_same_angles(jitters, curve):
    corners = jittered(jitters, curve)
    mirrored = (corners * np.array([-1, 1])).reshape(17, 2, 2, 2)[:, :, ::-1].reshape(68, 2)
    assert cobb_angles(mirrored, 1100.5).degrees == pytest.approx(cobb_angles(corners, 1100.5).degrees, abs=1e-6)


def test_the_angles_of_the_challenge(real_data):
    """All 481 training labels, wrong ones included, as the MATLAB script of the data set's authors measured them."""
    folder = real_data / "aasce_spine" / "labels" / "training"
    with (folder / "angles.csv").open() as angles, (folder / "filenames.csv").open() as names:
        published = {
            name.strip(): [float(value) for value in row] for name, row in zip(names, csv.reader(angles), strict=True)
        }
    measured = {}
    for study in read_aasce(real_data / "aasce_spine", skip_suspect=False):
        with Image.open(study.image) as image:
            measured[study.image.name] = cobb_angles(study.landmarks.points(), image.height).degrees
    assert len(measured) == 481
    np.testing.assert_allclose(list(measured.values()), [published[name] for name in measured], atol=0.01)

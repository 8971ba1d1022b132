"""Which millimetres count: the file's, then the set's rule, then none."""

import math

import pytest

from lib.evaluation.spacing import millimetres, tolerance_px
from lib.landmarks import Landmarks, LandmarksError
from lib.radiographs.spacing import PixelSpacing, SpacingSource

NAN = math.nan
UNKNOWN = PixelSpacing.unknown()


def landmarks(a=(0, 0), b=(300, 400), c=(7, 7)):
    return Landmarks.from_points(["a", "b", "c"], [a, b, c])


def test_a_known_spacing_wins_over_the_rule(wrist_set):
    known = PixelSpacing(0.1, 0.2, SpacingSource.USER)
    assert millimetres(landmarks(), wrist_set, known) is known


def test_the_rule_gives_millimetres_where_the_file_has_none(wrist_set):
    spacing = millimetres(landmarks(), wrist_set, UNKNOWN)
    assert (spacing.x, spacing.y) == pytest.approx((0.1, 0.1))  # 50 mm over 500 px
    assert spacing.source is SpacingSource.LANDMARK_SET_RULE


def test_the_rule_finds_its_landmarks_by_name(wrist_set):
    shuffled = Landmarks(tuple(landmarks()[name] for name in "cba"))
    assert millimetres(shuffled, wrist_set, UNKNOWN) == millimetres(landmarks(), wrist_set, UNKNOWN)


@pytest.mark.parametrize("b", [(NAN, NAN), (0, 0), (0, 4)], ids=["not annotated", "the same point", "absurdly near"])
def test_without_a_length_the_spacing_stays_unknown(wrist_set, b):
    assert millimetres(landmarks(b=b), wrist_set, UNKNOWN) == UNKNOWN


def test_a_set_without_a_rule_has_no_millimetres(tiny_set):
    assert millimetres(landmarks(), tiny_set, UNKNOWN) == UNKNOWN


def test_landmarks_of_another_set_are_refused(wrist_set):
    with pytest.raises(LandmarksError, match="'elbow'"):
        millimetres(Landmarks.from_points(["elbow"], [(1, 1)]), wrist_set, UNKNOWN)


def test_what_counts_as_right_in_pixels():
    assert tolerance_px(300, 400, PixelSpacing.unknown()) == pytest.approx(0.0065 * 500)
    assert tolerance_px(300, 400, PixelSpacing(0.1, 0.25, SpacingSource.USER)) == pytest.approx(8.0)

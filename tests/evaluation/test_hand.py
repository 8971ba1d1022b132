"""The wrist of 50 mm, measured in both ways."""

import math

import numpy as np
import pytest

from lib.datasets import read_hand
from lib.evaluation.hand import WRIST_PAIRS, wrist_spacings
from lib.evaluation.spacing import millimetres
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs.spacing import PixelSpacing, SpacingSource

HAND = LandmarkSet.load("hand_37")


def hand(**places):
    """37 landmarks on a line, those given by number elsewhere."""
    points = np.stack([10.0 * np.arange(37), np.zeros(37)], axis=1)
    for number, place in places.items():
        points[int(number[1:])] = place
    return Landmarks.from_points(HAND.names, points)


def test_the_pairs_are_landmarks_1_and_5_and_0_and_4_counted_from_0():
    numbers = {name: tuple(HAND.index(landmark) for landmark in pair) for name, pair in WRIST_PAIRS.items()}
    assert numbers == {"1-5": (1, 5), "0-4": (0, 4)}


def test_each_pair_is_50_mm():
    spacings = wrist_spacings(hand(_0=(0, 0), _4=(300, 400), _1=(0, 0), _5=(0, 400)), HAND)
    assert {name: (spacing.x, spacing.y) for name, spacing in spacings.items()} == {
        "1-5": pytest.approx((0.125, 0.125)),
        "0-4": pytest.approx((0.1, 0.1)),
    }
    assert {spacing.source for spacing in spacings.values()} == {SpacingSource.LANDMARK_SET_RULE}


def test_a_pair_that_is_not_annotated_gives_no_millimetres_and_the_other_still_does():
    spacings = wrist_spacings(hand(_5=(math.nan, math.nan)), HAND)
    assert not spacings["1-5"].known
    assert spacings["0-4"].known


def test_the_pair_of_the_landmark_set_is_one_of_the_two():
    truth = hand(_1=(3, 4), _5=(200, 90))
    assert wrist_spacings(truth, HAND)["1-5"] == millimetres(truth, HAND, PixelSpacing.unknown())


def test_on_real_hands_the_outer_edges_make_errors_smaller(real_data):
    hands = [wrist_spacings(study.landmarks, HAND) for study in read_hand(real_data / "hand")]
    assert len(hands) == 3
    assert all(hand["0-4"].x < hand["1-5"].x for hand in hands)

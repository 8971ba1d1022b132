"""Overlays: marks where the landmarks are, in the colour of their confidence, in a picture of bounded size."""

import math

import numpy as np
import pytest
from PIL import Image

from lib.evaluation.key import PERSON, confidence_colour
from lib.evaluation.overlay import MAX_BYTES, draw_overlay, save_overlay
from lib.evaluation.pen import Pen
from lib.landmarks import Landmarks, LandmarksError
from tests.evaluation.conftest import make_set

NAMES = ["a", "b", "c"]
POINTS = [(60, 80), (150, 120), (100, 220)]


def landmarks(points=POINTS, confidences=None):
    return Landmarks.from_points(NAMES[: len(points)], points, confidences)


def colour_at(picture, x, y):
    """The strongest colour, the one farthest from grey, within two pixels of a place."""
    patch = picture[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].reshape(-1, 3).astype(int)
    return patch[np.argmax(np.ptp(patch, axis=1))]


def enlarged(point, factor):
    return [(value + 0.5) * factor - 0.5 for value in point]


@pytest.mark.parametrize(
    ("shape", "expected"), [((300, 240), (1200, 960)), ((1500, 3000), (600, 1200)), ((64, 2000), (38, 1200))]
)
def test_the_longer_side_becomes_1200_pixels(tiny_set, shape, expected):
    picture = draw_overlay(np.zeros(shape, np.uint8), landmarks([(5, 5)]), tiny_set, truth=landmarks(), title="x" * 300)
    assert picture.shape == (*expected, 3)
    assert picture.dtype == np.uint8


def test_crosses_lie_on_their_landmarks_in_the_colour_of_their_confidence(radiograph, tiny_set):
    confidences = [0.0, 0.5, 1.0]
    picture = draw_overlay(radiograph, landmarks(confidences=confidences), tiny_set)
    for point, confidence in zip(POINTS, confidences, strict=True):
        found = colour_at(picture, *enlarged(point, 4))
        np.testing.assert_allclose(found, confidence_colour(confidence)[:3], atol=40)


def test_a_cross_is_centred_to_half_a_pixel(tiny_set):
    picture = draw_overlay(np.zeros((300, 240)), landmarks([(60.3, 80.6)]), make_set(["a"])).astype(float)
    x, y = enlarged((60.3, 80.6), 4)
    blue = picture[..., 2] - picture[..., 0]  # the cross alone: the label is white
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    assert (blue * columns).sum() / blue.sum() == pytest.approx(x, abs=0.5)
    assert (blue * rows).sum() / blue.sum() == pytest.approx(y, abs=0.5)


def test_a_landmark_that_a_person_placed_is_blue(radiograph, tiny_set):
    picture = draw_overlay(radiograph, landmarks(), tiny_set)
    np.testing.assert_allclose(colour_at(picture, *enlarged(POINTS[1], 4)), PERSON[:3], atol=40)


def test_landmarks_without_a_place_are_not_drawn(radiograph, tiny_set):
    nowhere = landmarks([(math.nan, math.nan)] * 3)
    empty = draw_overlay(radiograph, nowhere, tiny_set)
    assert np.ptp(empty.astype(int), axis=2).max() == 0  # grey alone
    np.testing.assert_array_equal(empty, draw_overlay(radiograph, Landmarks(()), tiny_set))


def test_an_annotation_that_was_not_predicted_is_shown(radiograph, tiny_set):
    without = draw_overlay(radiograph, Landmarks(()), tiny_set, truth=Landmarks(())).astype(int)
    picture = draw_overlay(radiograph, Landmarks(()), tiny_set, truth=landmarks([(60, 250)])).astype(int)
    x, y = enlarged((60, 250), 4)
    changed = np.argwhere((picture != without).any(axis=2))
    assert len(changed)
    assert np.abs(changed - (y, x)).max() < 40  # circle and name, and nothing else


def test_a_line_joins_annotation_and_prediction(tiny_set):
    dark = np.zeros((300, 240), np.uint8)
    picture = draw_overlay(dark, landmarks([(50, 100)]), tiny_set, truth=landmarks([(150, 100)]))
    assert picture[399:405, 401].max() > 120  # (100, 100), half way


def test_lines_of_the_set_are_drawn_between_placed_landmarks_only(tiny_set):
    dark = np.zeros((300, 240), np.uint8)
    middle = tuple(slice(round(v) - 2, round(v) + 3) for v in enlarged((100, 105), 4))  # between the first two, (y, x)
    assert draw_overlay(dark, landmarks(), tiny_set)[middle].max() > 60
    gap = landmarks([POINTS[0], (math.nan, math.nan), POINTS[2]])
    assert draw_overlay(dark, gap, tiny_set)[middle].max() == 0


def test_crowded_sets_name_each_line_once_instead_of_each_landmark(monkeypatch):
    names = [f"{level}{corner}" for level in range(17) for corner in "wxyz"]
    spine = make_set(names, lines=[tuple(names[start : start + 4]) for start in range(0, 68, 4)])
    points = [(100 + 40 * (i % 2), 10 + 4 * (i // 2)) for i in range(68)]
    written = []
    write = Pen.text
    monkeypatch.setattr(Pen, "text", lambda pen, at, text, size: (written.append(text), write(pen, at, text, size)))
    draw_overlay(np.zeros((300, 240)), Landmarks.from_points(names, points), spine)
    assert 10 <= len(written) <= 17
    assert set(written) <= {line.name for line in spine.lines}


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((50, 40), 7, np.int16),
        np.linspace(-1e4, 1e4, 2000, dtype=np.float32).reshape(50, 40),
        np.arange(2000, dtype=np.uint16).reshape(50, 40) * 30,
    ],
    ids=["constant", "negative", "16 bit"],
)
def test_every_grey_scale_is_windowed(pixels, tiny_set):
    picture = draw_overlay(pixels, Landmarks(()), tiny_set)
    assert (np.ptp(picture) > 240) == (np.ptp(pixels) > 0)


def test_arguments_are_left_as_they_were(radiograph, tiny_set):
    before = radiograph.copy()
    draw_overlay(radiograph, landmarks(), tiny_set, truth=landmarks(), title="two\nlines")
    np.testing.assert_array_equal(radiograph, before)


def test_a_landmark_of_another_set_is_refused(radiograph, tiny_set):
    with pytest.raises(LandmarksError, match="'elbow'"):
        draw_overlay(radiograph, Landmarks.from_points(["elbow"], [(1, 1)]), tiny_set)


def test_even_noise_is_saved_in_less_than_300_kb(tmp_path, tiny_set):
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200), dtype=np.uint8)
    save_overlay(tmp_path / "noise.jpg", noise, landmarks(), tiny_set, truth=landmarks(), title="noise")
    assert (tmp_path / "noise.jpg").stat().st_size < MAX_BYTES
    with Image.open(tmp_path / "noise.jpg") as saved:
        assert (saved.format, saved.mode, saved.size) == ("JPEG", "RGB", (1200, 1200))


def test_overlays_are_jpeg_only(tmp_path, radiograph, tiny_set):
    with pytest.raises(ValueError, match=r"ends in \.jpg, not 'a\.png'"):
        save_overlay(tmp_path / "a.png", radiograph, landmarks(), tiny_set)
    assert not list(tmp_path.iterdir())

"""A shape model judges shapes that it has not learned from, and whatever labels it learned from were wrong."""

import json

import numpy as np
import pytest

from lib.shapes import ShapeError, ShapeModel, judge_by_others
from tests.shapes.conftest import made_shapes, similar


def test_good_shapes_rarely_exceed_one(model, unseen):
    distances = np.array([model.judge(shape).distance for shape in unseen])
    assert (distances > 1).mean() <= 0.04  # 1 % is meant; of 200 shapes up to 8 may
    assert np.median(distances) > 0.3  # the cutoff lies near, not at infinity


@pytest.mark.parametrize(("scale", "turn"), [(0.3, 0.0), (4.0, 0.25), (1.0, -0.3)])
def test_place_size_and_turn_say_nothing(model, unseen, scale, turn):
    shape = unseen[0].copy()
    shape[5] += 40
    one, other = model.judge(shape), model.judge(similar(shape, scale, turn, np.array([300.0, -80.0])))
    assert other.distance == pytest.approx(one.distance, rel=1e-4)
    assert other.landmarks == pytest.approx(one.landmarks, rel=1e-3)
    assert other.spread == pytest.approx(scale * one.spread, rel=1e-4)
    assert other.expected == pytest.approx(similar(one.expected, scale, turn, np.array([300.0, -80.0])), rel=1e-4)


def test_a_landmark_far_off_is_named_alone_and_its_place_is_known(model, unseen):
    for index, shape in enumerate(unseen[:16]):
        moved = shape.copy()
        moved[index] += 0.15 * np.ptp(shape, axis=0).max()
        judged = model.judge(moved)
        assert judged.distance > 1
        assert np.flatnonzero(judged.landmarks > 1).tolist() == [index]
        assert np.linalg.norm(judged.expected[index] - shape[index]) < 6 * judged.spread[index]


def test_expected_places_are_as_far_off_as_they_say(model, unseen):
    misses, spreads = [], []
    for shape in unseen:
        judged = model.judge(shape)
        misses.append(judged.expected - shape)
        spreads.append(judged.spread)
    standard = np.array(misses) / np.array(spreads)[..., None]
    assert 0.8 < np.sqrt((standard**2).mean()) < 1.25


def test_two_rows_exchanged(model, unseen):
    shape = unseen[3].copy()
    shape[4:8] = shape[[6, 7, 4, 5]]
    judged = model.judge(shape)
    assert judged.distance > 1
    assert {frozenset(group) for group in judged.swapped} == {frozenset({4, 6}), frozenset({5, 7})}


def test_left_and_right_exchanged(model, unseen):
    shape = unseen[4].copy()
    shape[[10, 11]] = shape[[11, 10]]
    assert model.judge(shape).swapped == ((10, 11),)


def test_three_in_a_ring(model, unseen):
    shape = unseen[5].copy()
    shape[[1, 7, 12]] = shape[[7, 12, 1]]
    assert model.judge(shape).swapped == ((1, 7, 12),)


def test_mirrored(model, unseen):
    mirrored = [model.judge(shape * [-1, 1]) for shape in unseen]
    assert np.mean([judged.mirrored for judged in mirrored]) > 0.95
    assert not any(model.judge(shape).mirrored for shape in unseen)


def test_upside_down_is_not_the_same_turned(model, unseen):
    assert all(model.judge(-shape).distance > 1 for shape in unseen[:50])


def test_landmarks_that_are_not_known_are_expected(model, unseen):
    shape = unseen[6].copy()
    shape[[2, 9]] = np.nan
    judged = model.judge(shape)
    assert judged.distance <= 1
    assert np.isnan(judged.landmarks[[2, 9]]).all()
    assert (np.linalg.norm(judged.expected - unseen[6], axis=1) < 5 * judged.spread).all()


@pytest.mark.parametrize("known", [0, 1, 2])
def test_two_landmarks_are_no_shape(model, unseen, known):
    shape = np.full_like(unseen[0], np.nan)
    shape[:known] = unseen[0][:known]
    judged = model.judge(shape)
    assert np.isnan(judged.distance)
    assert np.isnan(judged.landmarks).all()
    assert judged.swapped == ()
    assert not judged.mirrored


def test_all_landmarks_on_one_place_are_no_shape(model):
    assert np.isnan(model.judge(np.full((16, 2), 7.0)).distance)


def test_wrong_labels_among_those_learned_from_do_no_harm(unseen):
    shapes = made_shapes(120, seed=1)
    for row in range(0, 120, 10):  # every tenth
        shapes[row, 4:8] = shapes[row, [6, 7, 4, 5]]
        shapes[row + 1, row % 16] += 300
    spoilt = ShapeModel.fit(shapes)
    wrong = [row for start in range(0, 120, 10) for row in (start, start + 1)]
    distances = np.array([spoilt.judge(shape).distance for shape in shapes])
    assert (distances[wrong] > 1).all()
    assert (np.delete(distances, wrong) > 1).mean() <= 0.05
    assert np.mean([spoilt.judge(shape).distance > 1 for shape in unseen]) <= 0.05


def test_learns_from_labels_with_gaps(unseen):
    shapes = made_shapes(120, seed=1)
    shapes[np.random.default_rng(0).random((120, 16)) < 0.3] = np.nan
    model = ShapeModel.fit(shapes)
    assert np.mean([model.judge(shape).distance > 1 for shape in unseen]) <= 0.05
    moved = unseen[0].copy()
    moved[5] += 0.15 * np.ptp(moved, axis=0).max()
    assert np.flatnonzero(model.judge(moved).landmarks > 1).tolist() == [5]


def test_a_landmark_that_few_labels_have_is_not_judged(unseen):
    shapes = made_shapes(40, seed=1)
    shapes[5:, 3] = np.nan
    judged = ShapeModel.fit(shapes).judge(unseen[0])
    assert np.flatnonzero(np.isnan(judged.landmarks)).tolist() == [3]
    assert np.isnan(judged.expected[3]).all()


@pytest.mark.parametrize("count", [8, 12, 25])
def test_few_labels_are_enough_for_gross_faults(unseen, count):
    model = ShapeModel.fit(made_shapes(count, seed=1))
    assert np.mean([model.judge(shape).distance > 1 for shape in unseen]) <= 0.1
    assert model.judge(unseen[0][::-1]).distance > 1


def test_three_landmarks_are_a_shape():
    random = np.random.default_rng(0)
    shapes = 100 * (np.array([[0, 0], [1, 0], [0.3, 1]]) + 0.03 * random.normal(size=(60, 3, 2)))
    model = ShapeModel.fit(shapes)
    assert model.judge(shapes[0]).distance < 1
    assert model.judge(shapes[0][[1, 0, 2]]).distance > 1


def test_stored_as_json_and_read_again(model, unseen):
    text = json.dumps(model.as_dict())
    assert len(text) < 20_000
    again = ShapeModel.from_dict(json.loads(text))
    for shape in unseen[:10]:
        one, other = model.judge(shape), again.judge(shape)
        assert other.distance == pytest.approx(one.distance, rel=1e-2)
        assert other.expected == pytest.approx(one.expected, abs=0.1)
    assert again.as_dict() == model.as_dict()


@pytest.mark.parametrize("stored", [{}, {"covered": "x"}, {"covered": [1], "mean": [], "loadings": []}])
def test_something_else_stored_is_refused(stored):
    with pytest.raises(ShapeError, match=r"^This is no stored shape model: "):
        ShapeModel.from_dict(stored)


def test_too_few_labels_are_refused():
    with pytest.raises(ShapeError, match=r"^There are 7 labels to learn the shape from; 8 are needed\.$"):
        ShapeModel.fit(made_shapes(7, seed=1))


def test_too_few_landmarks_are_refused():
    shapes = made_shapes(20, seed=1)
    for row, shape in enumerate(shapes):
        shape[[index for index in range(2, 16) if index != 2 + row % 14]] = (
            np.nan
        )  # two are in all, others in one or two
    with pytest.raises(ShapeError, match=r"^A shape needs 3 landmarks that 8 labels have\.$"):
        ShapeModel.fit(shapes)


def test_no_array_of_shapes_is_refused():
    with pytest.raises(ShapeError, match=r"^Shapes are an array of \(M, N, 2\), not of \(16, 2\)\.$"):
        ShapeModel.fit(made_shapes(1, seed=1)[0])


def test_a_shape_of_another_set_is_refused(model):
    with pytest.raises(ShapeError, match=r"^The model judges shapes of 16 landmarks, not an array of \(3, 2\)\.$"):
        model.judge(np.zeros((3, 2)))


def test_each_label_judged_by_what_others_say():
    shapes = made_shapes(60, seed=1)
    shapes[7, 4:8] = shapes[7, [6, 7, 4, 5]]
    shapes[20, 3] = np.nan
    shapes[33, 2:] = np.nan
    judged = judge_by_others(shapes)
    distances = np.nan_to_num([one.distance for one in judged])
    assert np.argmax(distances) == 7
    assert (np.delete(distances, 7) > 1).sum() <= 2
    assert {frozenset(group) for group in judged[7].swapped} == {frozenset({4, 6}), frozenset({5, 7})}
    assert np.isnan(judged[33].distance)
    assert np.linalg.norm(judged[20].expected[3] - made_shapes(60, seed=1)[20, 3]) < 5 * judged[20].spread[3]


def test_labels_it_has_learned_from_look_better_than_they_are():
    """Why labels are not judged by a model that has learned from them."""
    shapes = made_shapes(20, seed=1)
    model = ShapeModel.fit(shapes)
    own = np.median([model.judge(shape).distance for shape in shapes])
    assert np.median([one.distance for one in judge_by_others(shapes)]) > own


def test_expected_places_alone_are_those_of_the_judgement(model, unseen):
    shape = unseen[7].copy()
    shape[4] += 60
    expected, spread = model.expected(shape)
    judged = model.judge(shape)
    assert np.array_equal(expected, judged.expected)
    assert np.array_equal(spread, judged.spread)
    assert np.isnan(model.expected(np.full((16, 2), np.nan))[0]).all()

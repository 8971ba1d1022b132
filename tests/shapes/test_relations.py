"""A tree over the landmarks: the best there is, and displacements as labels that were not learned from have them."""

import itertools

import numpy as np
import pytest

from lib.shapes import Relations, ShapeError, ShapeModel
from lib.shapes.factors import Factors, pose_ways
from tests.shapes.conftest import made_shapes, similar

QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])


def test_parents_come_first_and_all_are_joined(model, unseen):
    tree = model.relations(unseen[0])
    assert sorted(tree.landmarks) == list(range(16))
    assert tree.parents[0] == 0
    assert (tree.parents[1:] < np.arange(1, 16)).all()


def test_neighbours_are_joined_and_not_the_ends_of_the_ladder(model, unseen):
    tree = model.relations(unseen[0])
    rows = tree.landmarks // 2
    assert (np.abs(rows - rows[tree.parents]) <= 1).all()


def test_displacements_of_labels_that_were_not_learned_from(model, unseen):
    standard = []
    for shape in unseen:
        tree = model.relations(shape)
        found = shape[tree.landmarks] - shape[tree.landmarks[tree.parents]]
        away = (found - tree.offsets)[1:]
        standard.append(np.einsum("ka,kab,kb->k", away, np.linalg.inv(tree.covariances[1:]), away))
    assert 0.5 < np.mean(standard) / 2 < 1.3  # the mean squared length of two numbers of variance 1


def test_size_and_turn_are_those_of_the_image(model, unseen):
    one = model.relations(unseen[0])
    other = model.relations(similar(unseen[0], 2.0, 0.3, np.array([40.0, -7.0])))
    assert other.offsets == pytest.approx(similar(one.offsets, 2.0, 0.3, np.zeros(2)), rel=1e-3, abs=0.1)
    assert np.trace(other.covariances[1]) == pytest.approx(4 * np.trace(one.covariances[1]), rel=1e-3)


def test_a_third_of_the_landmarks_anywhere_does_not_change_it_much(model, unseen):
    astray = unseen[0].copy()
    astray[[1, 6, 9, 14]] = astray[[14, 9, 6, 1]]
    assert model.relations(astray).offsets == pytest.approx(model.relations(unseen[0]).offsets, rel=0.1, abs=3)


def test_the_tree_is_the_best_of_all():
    random = np.random.default_rng(3)
    factors = Factors(random.normal(size=(4, 2)), 0.2 * random.normal(size=(4, 2, 3)), random.uniform(0.001, 0.1, 4))
    found = Relations.of(factors, np.ones(4))
    pairs = list(itertools.combinations(range(4), 2))
    loadings = np.concatenate([factors.loadings, pose_ways(factors.mean)], axis=2)
    costs = {}
    for one, other in pairs:
        apart = loadings[one] - loadings[other]
        noise = factors.noise[one] + factors.noise[other]
        costs[one, other] = np.log(np.linalg.det(apart @ apart.T + noise * np.eye(2)))
    best = min(
        (tree for tree in itertools.combinations(pairs, 3) if len({index for pair in tree for index in pair}) == 4),
        key=lambda tree: sum(costs[pair] for pair in tree),
    )
    edges = {tuple(sorted(pair)) for pair in zip(found.landmarks[1:], found.landmarks[found.parents[1:]], strict=True)}
    assert edges == set(best)


def test_moved():
    tree = Relations(
        np.arange(2), np.array([0, 0]), np.array([[0.0, 0], [2, 1]]), np.array([np.eye(2), np.diag([9, 1])])
    )
    turned = tree.moved(QUARTER)
    assert turned.offsets[1].tolist() == [-1.0, 2.0]
    assert turned.covariances[1].tolist() == [[1.0, 0.0], [0.0, 9.0]]
    assert tree.moved(np.diag([1.0, 3.0])).covariances[1].tolist() == [[9.0, 0.0], [0.0, 9.0]]


def test_landmarks_that_few_labels_have_are_not_in_the_tree(unseen):
    labels = made_shapes(60, seed=4)
    labels[5:, 3] = np.nan
    tree = ShapeModel.fit(labels).relations(unseen[0])
    assert sorted(tree.landmarks) == [index for index in range(16) if index != 3]


def test_without_a_pose_there_is_none(model, unseen):
    assert model.relations(np.full((16, 2), 7.0)) is None
    few = np.full((16, 2), np.nan)
    few[:2] = unseen[0][:2]
    assert model.relations(few) is None


def test_points_of_another_set_are_refused(model):
    with pytest.raises(ShapeError, match="16 landmarks"):
        model.relations(np.zeros((3, 2)))

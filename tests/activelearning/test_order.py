"""Strategies on made-up candidates: who is chosen can be worked out by hand."""

import numpy as np
import pytest

from lib.activelearning.order import ORDERS, Candidates

SEEDS = range(5)


def made(count=40, labelled=5, seed=0, **more):
    rng = np.random.default_rng(seed)
    return Candidates(
        images=[f"image {number:03d}" for number in rng.permutation(count)],
        unsureness=rng.uniform(size=count),
        features=rng.normal(size=(count, 3)),
        labelled=rng.normal(size=(labelled, 3)),
        **more,
    )


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("labelled", [0, 1, 5])
@pytest.mark.parametrize("count", [1, 7, 40, 99])
def test_each_candidate_at_most_once_and_the_same_each_time(name, labelled, count):
    candidates = made(labelled=labelled)
    order = ORDERS[name](candidates, 0, count)
    assert len(order) == len(set(order.tolist())) == min(count, 40)
    assert order.tolist() == ORDERS[name](candidates, 0, count).tolist()
    assert len(ORDERS[name](made(count=0, labelled=labelled), 0, count)) == 0


@pytest.mark.parametrize("name", ORDERS)
def test_the_first_of_many_is_the_one_that_is_handed_out_alone(name):
    candidates = made()
    assert ORDERS[name](candidates, 0, 1)[0] == ORDERS[name](candidates, 0, 2)[0]


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_the_candidates_does_not_matter(name):
    candidates = made()
    turned = Candidates(
        candidates.images[::-1], candidates.unsureness[::-1], candidates.features[::-1], candidates.labelled
    )
    one, other = ([given.images[index] for index in ORDERS[name](given, 3, 10)] for given in (candidates, turned))
    assert one == other


@pytest.mark.parametrize("name", ["hybrid", "diversity"])
def test_of_many_candidates_those_drawn_first_stand_for_all(name, monkeypatch):
    monkeypatch.setattr("lib.activelearning.order.MOST", 10)
    candidates = made()
    drawn, order = ORDERS["random"](candidates, 1, 40), ORDERS[name](candidates, 1, 40)
    assert order[10:].tolist() == drawn[10:].tolist()
    part = Candidates(
        [candidates.images[index] for index in drawn[:10]],
        candidates.unsureness[drawn[:10]],
        candidates.features[drawn[:10]],
        candidates.labelled,
    )
    assert order[:10].tolist() == drawn[:10][ORDERS[name](part, 1, 10)].tolist()
    turned = Candidates(
        candidates.images[::-1], candidates.unsureness[::-1], candidates.features[::-1], candidates.labelled
    )
    assert [turned.images[index] for index in ORDERS[name](turned, 1, 12)] == [
        candidates.images[index] for index in order[:12]
    ]


def test_first_goes_by_name():
    candidates = made()
    assert [candidates.images[i] for i in ORDERS["first"](candidates, 0, 3)] == ["image 000", "image 001", "image 002"]


def test_random_hangs_on_the_seed_alone():
    candidates = made()
    orders = {tuple(ORDERS["random"](candidates, seed, 40).tolist()) for seed in SEEDS}
    assert len(orders) == len(SEEDS)
    fewer = Candidates(candidates.images[5:], candidates.unsureness[5:], candidates.features[5:], candidates.labelled)
    whole = [candidates.images[i] for i in ORDERS["random"](candidates, 1, 40)]
    part = [fewer.images[i] for i in ORDERS["random"](fewer, 1, 40)]
    assert part == [image for image in whole if image in fewer.images]


def test_uncertainty_and_disagreement_take_the_largest_first_and_unknown_ones_last():
    disagreement = np.linspace(1, 0, 40)
    disagreement[0] = np.nan
    candidates = made(disagreement=disagreement)
    assert ORDERS["uncertainty"](candidates, 0, 40).tolist() == np.argsort(-candidates.unsureness).tolist()
    assert ORDERS["disagreement"](candidates, 0, 40).tolist() == [*range(1, 40), 0]
    unasked = made()
    assert ORDERS["disagreement"](unasked, 0, 5).tolist() == ORDERS["uncertainty"](unasked, 0, 5).tolist()


def test_diversity_visits_every_cluster_before_any_twice():
    rng = np.random.default_rng(0)
    centres = 20.0 * np.array([[0, 0], [1, 0], [0, 1], [1, 1], [3, 2]])
    features = np.repeat(centres, 8, axis=0) + rng.normal(size=(40, 2))
    candidates = Candidates([str(number) for number in range(40)], rng.uniform(size=40), features, features[:2] + 0.5)
    chosen = ORDERS["diversity"](candidates, 0, 4)
    assert sorted(chosen // 8) == [1, 2, 3, 4]  # the first cluster has labels


def test_diversity_takes_typical_ones_and_leaves_odd_ones_for_later():
    features = np.concatenate([np.random.default_rng(0).normal(size=(39, 2)), [[30.0, -40.0]]])
    candidates = Candidates([f"{number:02d}" for number in range(40)], np.ones(40), features, np.empty((0, 2)))
    chosen = ORDERS["diversity"](candidates, 0, 3)
    assert np.linalg.norm(features[chosen[0]] - np.median(features[:39], axis=0)) < 1.0
    assert 39 in chosen  # it is like no other, but comes after those that stand for many


def test_diversity_never_takes_a_copy_before_something_new():
    features = np.repeat(np.random.default_rng(1).normal(size=(8, 5)), 4, axis=0)
    candidates = Candidates([f"{number:02d}" for number in range(32)], np.ones(32), features, features[:1])
    assert len({index // 4 for index in ORDERS["diversity"](candidates, 0, 7)} | {0}) == 8


def test_nothing_is_known_of_how_sure_the_model_is():
    candidates = made()
    unknown = Candidates(candidates.images, np.full(40, np.nan), candidates.features, candidates.labelled)
    assert ORDERS["hybrid"](unknown, 0, 9).tolist() == ORDERS["diversity"](unknown, 0, 9).tolist()


def test_hybrid_looks_where_the_model_is_unsure():
    features = np.random.default_rng(2).normal(size=(40, 2)) + np.repeat([[0.0, 0.0], [50.0, 0.0]], 20, axis=0)
    unsureness = np.repeat([0.1, 1.0], 20)
    candidates = Candidates([f"{number:02d}" for number in range(40)], unsureness, features, features[[0, 20]])
    assert min(ORDERS["hybrid"](candidates, 0, 5)) >= 20  # both clusters have a label


def test_hybrid_is_as_diverse_but_takes_unsure_ones():
    features = np.repeat(np.arange(20.0), 2)[:, None]  # pairs of alike images, one of each pair unsure
    unsureness = np.tile([0.0, 1.0], 20)
    candidates = Candidates([f"{number:02d}" for number in range(40)], unsureness, features, features[:1])
    chosen = ORDERS["hybrid"](candidates, 0, 5)
    assert set(unsureness[chosen]) == {1.0}
    assert 11 <= features[chosen[0], 0] <= 15  # the middle of what lies apart from the label
    assert np.diff(np.sort(features[chosen, 0])).min() >= 2
    assert len(ORDERS["hybrid"](candidates, 0, 40)) == 40


@pytest.mark.parametrize("seed", SEEDS)
def test_covering_is_greedy_facility_location(seed):
    """Oracle: the plain algorithm, each sum anew."""
    candidates = made(count=25, labelled=seed, seed=seed)
    together = np.concatenate([candidates.features, candidates.labelled])
    features, labelled = (
        (part - together.mean(axis=0)) / together.std(axis=0) for part in (candidates.features, candidates.labelled)
    )
    apart = np.linalg.norm(features[:, None] - features, axis=-1)
    chosen = []

    def cost(more):
        seen = np.concatenate([labelled, features[[*chosen, *more]]])
        if not len(seen):
            return candidates.unsureness.sum() * apart.max()
        return candidates.unsureness @ np.linalg.norm(features[:, None] - seen, axis=-1).min(axis=1)

    for _ in range(8):
        left = [index for index in range(25) if index not in chosen]
        chosen.append(min(left, key=lambda index: cost([index])))
    assert ORDERS["hybrid"](candidates, 0, 8).tolist() == chosen

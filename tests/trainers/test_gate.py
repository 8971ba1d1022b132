"""When a model may take the place of another: the same images, pair by pair, patients drawn anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.checkpoints import HeldOutErrors
from lib.trainers.gate import judge, rule
from lib.trainers.metrics import CAP

NAMES = ("a", "b", "c")


def errors(tolerances, patients=None, names=NAMES):
    """A model's errors, (M, N) in tolerances; a tolerance is 10 px here."""
    rows = tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in tolerances)
    images = tuple(f"image {number}" for number in range(len(rows)))
    px = tuple(tuple(None if value is None else 10 * value for value in row) for row in rows)
    return HeldOutErrors(
        images=images, patients=tuple(patients or images), landmarks=tuple(names), px=px, tolerances=rows
    )


def random_errors(count, mean, seed):
    return np.random.default_rng(seed).gamma(2.0, mean / 2, size=(count, len(NAMES)))


def test_a_first_model_is_published():
    verdict = judge(errors([[9.0, 9.0, 9.0]]), None, 0.8)
    assert verdict.publish
    assert "no model in use" in verdict.sentence
    assert verdict.served is None


def test_nearer_on_every_image_is_published():
    served = random_errors(6, 1.0, seed=1)
    verdict = judge(errors(served - 0.1), errors(served), 0.8)
    assert verdict.publish
    assert verdict.chance == 1.0
    assert verdict.difference == pytest.approx(-0.1, abs=1e-3)
    assert verdict.interval == pytest.approx((-0.1, -0.1), abs=1e-3)
    assert verdict.sentence.startswith("Published: on 6 held-out radiographs of 6 patients")
    assert "weak evidence" in verdict.sentence


def test_one_patient_decides_nothing():
    served = random_errors(4, 1.0, seed=1)
    patients = ["p"] * 4
    verdict = judge(errors(served - 0.3, patients), errors(served, patients), 0.8)
    assert not verdict.publish
    assert (verdict.difference, verdict.chance, verdict.interval) == (pytest.approx(-0.3, abs=1e-3), None, None)
    assert verdict.sentence == (
        "Not published: its landmarks are nearer on average by 0.300 tolerances, but only one held-out patient says "
        "so: label radiographs of more patients, until two are held out."
    )


def test_farther_off_is_not():
    served = random_errors(20, 1.0, seed=1)
    verdict = judge(errors(served + 0.05), errors(served), 0.8)
    assert not verdict.publish
    assert verdict.chance == 0.0
    assert "farther off on average by 0.050 tolerances" in verdict.sentence
    assert "weak" not in verdict.sentence


def test_the_same_model_is_not():
    served = errors(random_errors(10, 1.0, seed=1))
    verdict = judge(served, served, 0.5)
    assert not verdict.publish
    assert (verdict.difference, verdict.chance) == (0.0, 0.5)


def test_a_gain_that_may_be_an_accident_is_not():
    served = np.ones((6, 3))
    candidate = served + np.array([-0.5, 0.45, -0.3, 0.3, -0.2, 0.2])[:, None]
    verdict = judge(errors(candidate), errors(served), 0.8)
    assert verdict.difference < 0
    assert 0.5 < verdict.chance < 0.8
    assert not verdict.publish
    assert "less than the 80% that are asked for" in verdict.sentence
    assert judge(errors(candidate), errors(served), 0.5).publish


def test_images_of_one_patient_are_no_independent_evidence():
    """Nine of ten images got nearer, but all nine are of one patient."""
    served = np.ones((10, 3))
    candidate = served + np.array([-0.1] * 9 + [0.3])[:, None]
    alone = judge(errors(candidate), errors(served), 0.8)
    together = judge(errors(candidate, ["p"] * 9 + ["q"]), errors(served, ["p"] * 9 + ["q"]), 0.8)
    assert together.difference == alone.difference
    assert (alone.publish, together.publish) == (True, False)
    assert together.chance == pytest.approx(0.75, abs=0.02)
    assert alone.chance > 0.9


def test_a_lost_landmark_counts_once_however_far_it_is():
    served, candidate = np.ones((8, 3)), np.ones((8, 3)) - 0.2
    served[0, 0], candidate[0, 0] = 2 * CAP, 1000.0
    assert judge(errors(candidate), errors(served), 0.8).publish


def test_only_landmarks_and_images_that_both_have():
    served = errors([[1.0], [1.0], [np.nan]], names=["b"])
    candidate = errors([[9.0, 0.5, 9.0], [9.0, 0.4, 9.0], [0.1, 0.1, 0.1]])
    verdict = judge(candidate, served, 0.8)
    assert verdict.images == ("image 0", "image 1")
    assert verdict.candidate == (0.5, 0.4)
    assert verdict.served == (1.0, 1.0)
    assert verdict.publish


def test_images_that_one_has_learnt_from_do_not_count():
    served, candidate = np.ones((4, 3)), np.full((4, 3), 0.5)
    served[0] = 0.01  # learnt by heart
    verdict = judge(errors(candidate), errors(served), 0.8, learnt_from=["image 0"])
    assert verdict.images == ("image 1", "image 2", "image 3")
    assert verdict.publish
    everything = [f"image {number}" for number in range(4)]
    assert judge(errors(candidate), errors(served), 0.8, learnt_from=everything).images == tuple(everything)


def test_nothing_to_compare():
    nothing = errors([[np.nan] * 3])
    verdict = judge(nothing, nothing, 0.8)
    assert not verdict.publish
    assert "no held-out radiograph" in verdict.sentence
    with pytest.raises(ValueError, match="same images"):
        judge(errors([[1.0, 1.0, 1.0]]), errors([[1.0, 1.0, 1.0]] * 2), 0.8)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**16))
def test_turned_round_the_comparison_says_the_opposite(count, seed):
    one, other = errors(random_errors(count, 1.0, seed)), errors(random_errors(count, 1.2, seed + 1))
    forth, back = judge(one, other, 0.5), judge(other, one, 0.5)
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.chance == pytest.approx(1 - back.chance, abs=1e-3)
    assert not (forth.publish and back.publish)
    low, high = forth.interval
    assert low <= forth.difference + 1e-3
    assert high >= forth.difference - 1e-3
    assert judge(one, other, 0.5) == forth  # the draws are the same each time


def test_how_often_an_equal_model_passes():
    """No better on average: at 80 % asked for, about one in five passes by accident, not more."""
    passed = 0
    for seed in range(200):
        noise = np.random.default_rng(seed)
        served = noise.gamma(2.0, 0.5, size=(20, 3))
        candidate = np.clip(served + noise.normal(0, 0.3, size=(20, 3)), 0, None)
        candidate += served.mean() - candidate.mean() + noise.normal(0, 0.3 / np.sqrt(60))
        passed += judge(errors(candidate), errors(served), 0.8).publish
    assert 0.08 < passed / 200 < 0.35


@pytest.mark.parametrize("patients", [4, 20])
def test_the_luckiest_of_thirty_epochs_is_not_taken_for_better(patients):
    """All epochs are as good as the model in use, but for noise; the run's best one is the luckiest of them."""
    published = {"with its luck": 0, "without": 0}
    for seed in range(60):
        noise = np.random.default_rng(seed)
        hard = noise.gamma(2.0, 0.5, size=(patients, 1))

        def measured(hard=hard, noise=noise):
            return np.clip(hard + noise.normal(0, 0.3, size=(patients, 3)), 0, CAP)

        epochs, served = [measured() for _ in range(30)], errors(measured())
        best = errors(min(epochs, key=np.mean))
        scores = [dict(zip(best.images, epoch.mean(axis=1), strict=True)) for epoch in epochs]
        published["with its luck"] += judge(best, served, 0.8).publish
        published["without"] += judge(best, served, 0.8, validations=scores).publish
    assert published["with its luck"] > 30
    assert published["without"] < 24


def test_one_patient_cannot_choose_for_another():
    best, served = errors([[0.5] * 3]), errors([[1.0] * 3])
    verdict = judge(best, served, 0.8, validations=[{"image 0": 0.9}, {"image 0": 0.5}])
    assert verdict.candidate == (0.5,)


def test_the_rule_in_words():
    assert "at least 80%" in rule(0.8)
    assert "2 mm" in rule(0.8)

"""Bootstrap intervals against scipy's, against a plain loop, and against how often they hold what they promise."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.evaluation.intervals import Resampling, interval_of, share_below_zero
from lib.evaluation.metrics import mean_radial_error, success_detection_rate

NAN, INF = math.nan, math.inf
IMAGES = [f"{number:03d}" for number in range(60)]


def made_errors(seed=0, images=60, landmarks=7):
    """Errors of images that are hard or easy as a whole; a few landmarks are missed or not annotated."""
    random = np.random.default_rng(seed)
    errors = random.gamma(2.0, 0.5, size=(images, landmarks)) * random.lognormal(0, 0.6, size=(images, 1))
    errors[random.random(errors.shape) < 0.04] = INF
    errors[random.random(errors.shape) < 0.04] = NAN
    return errors


def scipys(statistic, *values):
    result = scipy.stats.bootstrap(
        values, statistic, n_resamples=10_000, method="percentile", paired=True, rng=np.random.default_rng(5)
    )
    return tuple(result.confidence_interval)


def close(interval, other):
    """Two sets of 10,000 draws agree within a few per cent of the interval's width."""
    return interval == pytest.approx(other, abs=0.05 * (other[1] - other[0]))


def test_the_interval_of_a_mean_is_scipys():
    errors = made_errors()
    sums, counts = np.where(np.isfinite(errors), errors, 0).sum(axis=1), np.isfinite(errors).sum(axis=1)
    other = scipys(lambda a, b, axis: a.sum(axis) / b.sum(axis), sums, counts)
    assert close(Resampling(IMAGES).interval_of_mean(errors), other)


def test_the_interval_of_a_success_rate_is_scipys():
    errors = made_errors()
    other = scipys(lambda a, b, axis: a.sum(axis) / b.sum(axis), (errors <= 2).sum(axis=1), (errors >= 0).sum(axis=1))
    assert close(Resampling(IMAGES).interval_of_success_rate(errors, 2.0), other)


def test_the_interval_of_a_median_is_scipys():
    values = made_errors(landmarks=1)[:, 0]
    values[~np.isfinite(values)] = 1.0
    assert close(Resampling(IMAGES).interval(np.median, values), scipys(np.median, values))


def test_any_figure_has_the_same_interval_by_the_slow_way():
    errors, resampling = made_errors(), Resampling(IMAGES, draws=500)
    assert resampling.interval(mean_radial_error, errors) == pytest.approx(resampling.interval_of_mean(errors))
    by_rate = resampling.interval(lambda drawn: success_detection_rate(drawn, 2.0), errors)
    assert by_rate == pytest.approx(resampling.interval_of_success_rate(errors, 2.0))


def test_images_of_a_patient_are_drawn_together():
    """A loop that draws patients one by one and puts all their images on a pile."""
    groups = ["c", "a", "b", "a", "c", "c"]
    values = np.array([1.0, 10.0, 100.0, 20.0, 2.0, 4.0])
    piles = {name: [v for g, v in zip(groups, values, strict=True) if g == name] for name in "abc"}
    drawn = np.random.default_rng(7).integers(3, size=(300, 3))
    means = [np.mean([value for index in row for value in piles["abc"[index]]]) for row in drawn]
    resampling = Resampling(groups, draws=300, seed=7)
    np.testing.assert_allclose(resampling.ratios(values, np.ones(6)), means)
    assert resampling.interval(np.mean, values) == pytest.approx(np.percentile(means, (2.5, 97.5)))


def test_several_figures_at_once_are_those_one_by_one():
    errors = made_errors()
    hits, counted = errors <= 2.0, errors >= 0
    resampling = Resampling(IMAGES, draws=200)
    together = resampling.ratios(hits, counted)
    assert together.shape == (200, 7)
    for landmark in range(7):
        np.testing.assert_allclose(together[:, landmark], resampling.ratios(hits[:, landmark], counted[:, landmark]))


def test_it_holds_the_truth_about_as_often_as_it_says_and_single_landmarks_as_observations_do_not():
    """300 studies of 40 images from one population, whose mean is known."""
    truth = 1.0 * math.exp(0.18)
    images, landmarks = Resampling(IMAGES[:40], draws=1000), Resampling([str(n) for n in range(280)], draws=1000)
    held = {"images": 0, "landmarks": 0}
    for seed in range(300):
        random = np.random.default_rng(seed)
        errors = random.gamma(2.0, 0.5, size=(40, 7)) * random.lognormal(0, 0.6, size=(40, 1))
        for name, resampling, table in (("images", images, errors), ("landmarks", landmarks, errors.reshape(-1, 1))):
            low, high = resampling.interval_of_mean(table)
            held[name] += low <= truth <= high
    assert 0.88 < held["images"] / 300 < 0.98
    assert held["landmarks"] / 300 < 0.75


def test_one_patient_has_no_interval():
    resampling = Resampling(["a"] * 5)
    assert resampling.interval_of_mean(np.arange(5.0)) is None
    assert resampling.interval_of_success_rate(np.arange(5.0), 2.0) is None
    assert resampling.interval(np.mean, np.arange(5.0)) is None


def test_no_image_has_no_interval():
    assert Resampling([]).interval_of_mean(np.empty((0, 19))) is None


def test_nothing_measured_has_no_interval():
    assert Resampling(IMAGES).interval_of_mean(np.full((60, 3), NAN)) is None
    assert Resampling(IMAGES).interval_of_mean(np.full((60, 3), INF)) is None


def test_draws_without_the_landmark_are_left_out():
    """Two images of three have it: one of 27 draws has not, eight each have nothing but the one and the other."""
    assert Resampling(["a", "b", "c"]).interval_of_mean([3.0, 5.0, NAN]) == (3.0, 5.0)


def test_equal_images_leave_no_doubt():
    assert Resampling(IMAGES).interval_of_mean(np.full((60, 2), 1.5)) == (1.5, 1.5)


def test_the_same_seed_gives_the_same_interval_and_another_nearly():
    errors = made_errors()
    one, same, another = (Resampling(IMAGES, seed=seed).interval_of_mean(errors) for seed in (0, 0, 1))
    assert one == same != another
    assert close(one, another)


@given(hnp.arrays(np.float64, (6, 3), elements=st.floats(0, 50)))
def test_a_mean_lies_between_the_best_and_the_worst_image(errors):
    low, high = Resampling(IMAGES[:6], draws=100).interval_of_mean(errors)
    means = errors.mean(axis=1)
    assert means.min() - 1e-9 <= low <= high <= means.max() + 1e-9


def test_an_interval_may_end_among_what_was_not_detected():
    assert interval_of([1.0] * 90 + [INF] * 10) == (1.0, INF)
    assert interval_of([NAN, NAN]) is None


def test_a_tie_counts_half_even_where_rounding_hides_it():
    assert share_below_zero([-1.0, 0.0, 1.0, 1.0]) == 0.375
    assert 0.1 + 0.2 - 0.3 > 0
    assert share_below_zero([0.1 + 0.2 - 0.3]) == 0.5


def test_a_figure_that_rests_on_one_patient_has_no_interval():
    """Its draws are all alike: an interval without width would look like certainty."""
    nan = np.nan
    errors = np.array([[1.0, 2.0], [3.0, nan], [nan, nan], [np.inf, nan]])
    draws = Resampling(["a", "b", "c", "d"])
    assert draws.interval_of_mean(errors[:, 1:]) is None
    assert draws.interval_of_success_rate(errors[:, 1:], 2.0) is None
    assert draws.interval_of_mean([[3.0], [nan], [nan], [np.inf]]) is None
    low, high = draws.interval_of_mean(errors[:, :1])
    assert (low, high) == (1.0, 3.0)
    means = draws.ratios(np.nan_to_num(errors, posinf=0.0), np.isfinite(errors))
    assert np.isnan(means[:, 1]).all()
    assert not np.isnan(means[:, 0]).all()

"""The promise: nine of ten, whatever the errors are, for patients that were not seen."""

import math

import numpy as np
import pytest

from lib.confidence.conformal import SHARED, Witnesses, fewest_groups, group_weights


def grouped_quantile(values, groups, coverage):
    """Of a table of one column."""
    (witnesses,) = Witnesses.of_columns(values[:, None], groups)
    return witnesses.quantile(coverage)


def test_by_hand():
    # three groups weigh a quarter each: 1 and 2 share one, then 3, then 4, and the last quarter is the unknown
    values, groups = np.array([4.0, 1.0, 3.0, 2.0]), ["c", "a", "b", "a"]
    assert [grouped_quantile(values, groups, level) for level in (0.1, 0.125, 0.2, 0.25, 0.5, 0.75)] == [
        1.0,
        1.0,
        2.0,
        2.0,
        3.0,
        4.0,
    ]
    assert grouped_quantile(values, groups, 0.76) == math.inf


def test_each_group_counts_alike():
    weights = group_weights(["a", "b", "a", "a"])
    np.testing.assert_allclose(weights, [1 / 6, 1 / 2, 1 / 6, 1 / 6])


def test_one_value_a_group_is_the_usual_split_conformal_quantile():
    rng = np.random.default_rng(0)
    for count in (9, 10, 23, 99):
        values = rng.normal(size=count)
        expected = np.sort(values)[math.ceil(0.9 * (count + 1)) - 1]
        assert grouped_quantile(values, [str(i) for i in range(count)], 0.9) == expected
    assert grouped_quantile(rng.normal(size=8), [str(i) for i in range(8)], 0.9) == math.inf


@pytest.mark.parametrize(("coverage", "groups"), [(0.9, 9), (0.5, 1), (0.8, 4), (0.95, 19)])
def test_fewest_groups(coverage, groups):
    assert fewest_groups(coverage) == groups
    for count, finite in ((groups, True), (groups - 1, False)):
        names = [str(number) for number in range(count)]
        assert math.isfinite(grouped_quantile(np.ones(count), names, coverage)) is finite


@pytest.mark.parametrize("patients", [12, 30])
def test_new_patients_are_covered_although_their_landmarks_go_together(patients):
    """Heavy tails, and a patient's errors share a factor: the covered share of new patients' errors is at least 0.9."""
    rng = np.random.default_rng(patients)

    def errors(count):
        return np.abs(rng.standard_t(2, size=(count, 19))) * rng.lognormal(0, 1, size=(count, 1))

    covered = []
    for _ in range(300):
        groups = np.repeat([str(i) for i in range(patients)], 19)
        limit = grouped_quantile(errors(patients).ravel(), groups.tolist(), 0.9)
        covered.append((errors(20) <= limit).mean())
    assert 0.89 < np.mean(covered) < 0.97


def test_a_column_and_what_it_shares_by_hand():
    table = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 30.0]])
    first, second = Witnesses.of_columns(table, ["a", "b", "c"])
    # the whole table: a and c weigh a third each, by halves; b a third, all in one
    np.testing.assert_allclose(first.values, [1, 1, 3, 3, 10, 20, 30])
    sixth = SHARED / 6
    np.testing.assert_allclose(sorted(first.weights), sorted([1, sixth, 1, sixth, sixth, 2 * sixth, sixth]))
    np.testing.assert_allclose(second.weights.sum(), 3 + SHARED)
    assert second.mean() == pytest.approx((60 + sixth * (1 + 3 + 10 + 30) + 2 * sixth * 20) / (3 + SHARED))
    assert first.groups == second.groups == 3
    np.testing.assert_allclose(first.quantiles(np.array([0.0, 1.0])), [1.0, 30.0])


@pytest.mark.parametrize("patients", [15, 45, 90])
def test_one_landmark_that_goes_astray_is_not_paid_for_by_the_others(patients):
    """Regression: a common factor covered 64 % of one landmark's errors and 99 % of another's."""
    rng = np.random.default_rng(patients)

    def errors(count):
        found = np.abs(rng.normal(size=(count, 10)))
        astray = rng.uniform(size=count) < 0.3
        found[astray, 0] *= 20.0
        return found

    covered = []
    for _ in range(100):
        witnesses = Witnesses.of_columns(errors(patients), [str(number) for number in range(patients)])
        covered.append((errors(100) <= [column.quantile(0.9) for column in witnesses]).mean(axis=0))
    mean = np.mean(covered, axis=0)
    assert mean.mean() > 0.9
    assert mean.min() > (0.85 if patients > 15 else 0.7)  # with few patients it is judged like the others

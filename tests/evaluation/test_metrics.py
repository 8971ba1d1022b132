"""Metrics against tables worked by hand and against what must hold for any points."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.evaluation.metrics import (
    RELATIVE_TOLERANCE,
    ErrorSummary,
    cumulative,
    detection_errors,
    mean_radial_error,
    percentiles,
    radial_errors,
    success_detection_rate,
    within,
)

NAN, INF = math.nan, math.inf
POINTS = hnp.arrays(np.float64, (3, 5, 2), elements=st.floats(-3000, 3000))
SPACINGS = st.tuples(st.floats(0.01, 5), st.floats(0.01, 5))
MASKS = hnp.arrays(np.bool_, (3, 5))


def test_errors_of_a_table_worked_by_hand():
    truth = [[0, 0], [10, 10], [5, 5], [NAN, NAN], [NAN, 1]]
    predicted = [[3, 4], [10, 10], [NAN, NAN], [1, 1], [NAN, NAN]]
    np.testing.assert_array_equal(radial_errors(predicted, truth), [5, 0, INF, NAN, NAN])


def test_each_axis_has_its_own_spacing():
    errors = radial_errors([[10, 0], [0, 10], [3, 2]], np.zeros((3, 2)), (0.1, 0.4))
    np.testing.assert_allclose(errors, [1.0, 4.0, math.hypot(0.3, 0.8)])


def test_each_image_of_a_batch_has_its_own_spacing_and_unknown_is_nan_even_for_a_miss():
    predicted = np.array([[[3.0, 4.0], [NAN, NAN]]] * 3)
    errors = radial_errors(predicted, np.zeros((3, 2, 2)), [(1, 1), (0.2, 0.2), (NAN, NAN)])
    np.testing.assert_allclose(errors, [[5, INF], [1, INF], [NAN, NAN]])


@pytest.mark.parametrize(("predicted", "truth"), [((4, 2), (3, 2)), ((3, 3), (3, 3)), ((2,), (1, 2)), ((), ())])
def test_shapes_that_do_not_go_together_are_refused(predicted, truth):
    with pytest.raises(ValueError, match="two arrays of the same shape"):
        radial_errors(np.zeros(predicted), np.zeros(truth))


@given(POINTS, POINTS, SPACINGS)
def test_errors_are_what_python_computes_point_by_point(predicted, truth, spacing):
    expected = [
        math.hypot((p[0] - t[0]) * spacing[0], (p[1] - t[1]) * spacing[1])
        for p, t in zip(predicted.reshape(-1, 2), truth.reshape(-1, 2), strict=True)
    ]
    np.testing.assert_allclose(radial_errors(predicted, truth, spacing).ravel(), expected, atol=1e-9)


@given(POINTS, POINTS, hnp.arrays(np.float64, 2, elements=st.floats(-1000, 1000)))
def test_errors_do_not_depend_on_where_the_pair_lies(predicted, truth, shift):
    np.testing.assert_allclose(
        radial_errors(predicted + shift, truth + shift), radial_errors(predicted, truth), atol=1e-8
    )


@given(POINTS, POINTS, st.floats(0.01, 5))
def test_equal_spacing_scales_errors(predicted, truth, size):
    np.testing.assert_allclose(
        radial_errors(predicted, truth, (size, size)), size * radial_errors(predicted, truth), atol=1e-8
    )


@given(POINTS, POINTS, MASKS, MASKS)
def test_masks_change_no_other_error(predicted, truth, not_predicted, not_annotated):
    whole = radial_errors(predicted, truth)
    masked = radial_errors(
        np.where(not_predicted[..., None], NAN, predicted), np.where(not_annotated[..., None], NAN, truth)
    )
    assert np.isnan(masked[not_annotated]).all()
    assert np.isinf(masked[~not_annotated & not_predicted]).all()
    np.testing.assert_array_equal(masked[~not_annotated & ~not_predicted], whole[~not_annotated & ~not_predicted])


def test_mean_leaves_misses_and_unannotated_out():
    assert mean_radial_error([[1, 3, INF], [NAN, 8, NAN]]) == 4
    assert math.isnan(mean_radial_error([NAN, INF]))
    assert math.isnan(mean_radial_error([]))


def test_success_rate_counts_a_miss_and_leaves_unannotated_out():
    errors = [1.0, 2.0, 2.01, INF, NAN]
    assert success_detection_rate(errors, 2.0) == 0.5
    assert success_detection_rate(errors, 0.5) == 0.0
    assert success_detection_rate(errors, 100) == 0.75
    assert math.isnan(success_detection_rate([NAN, NAN], 2.0))
    assert math.isnan(success_detection_rate([], 2.0))


@pytest.mark.parametrize("radius_px", [20, 25, 30, 40])
def test_whole_pixels_on_the_threshold_are_within_it(radius_px):
    """The challenge counts errors of up to 20, 25, 30, 40 px at 0.1 mm; 30 * 0.1 > 3.0 in floating point."""
    exact = radial_errors([[radius_px, 0], [0.6 * radius_px, 0.8 * radius_px]], np.zeros((2, 2)), (0.1, 0.1))
    beyond = radial_errors([[radius_px + 1e-3, 0]], np.zeros((1, 2)), (0.1, 0.1))
    assert success_detection_rate(exact, radius_px / 10) == 1.0
    assert success_detection_rate(beyond, radius_px / 10) == 0.0


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 50)), st.floats(0, 40), st.floats(0, 10))
def test_success_rate_grows_with_the_threshold_and_is_a_share(errors, threshold, more):
    smaller, larger = success_detection_rate(errors, threshold), success_detection_rate(errors, threshold + more)
    assert 0.0 <= smaller <= larger <= 1.0


def test_relative_tolerance_is_two_millimetres_on_a_cephalogram():
    assert RELATIVE_TOLERANCE * math.hypot(1935, 2400) * 0.1 == pytest.approx(2.0, abs=0.005)


def test_detection_errors_use_millimetres_where_known_and_the_image_size_elsewhere():
    predicted = np.array([[[20.0, 0.0], [NAN, NAN]], [[0.0, 13.0], [1.0, 1.0]]])
    truth = np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [NAN, NAN]]])
    sizes = [(2400, 1935), (1200, 1600)]  # the diagonal of the second is 2000 px: 13 px are tolerated
    errors = detection_errors(predicted, truth, [(0.1, 0.4), (NAN, NAN)], sizes)
    np.testing.assert_allclose(errors, [[1.0, INF], [1.0, NAN]])
    assert success_detection_rate(errors, 1.0) == pytest.approx(2 / 3)


@given(POINTS, POINTS, st.floats(0.5, 4))
def test_without_millimetres_the_size_of_the_image_makes_no_difference(predicted, truth, enlarged):
    unknown, size = (NAN, NAN), np.array([800.0, 640.0])
    np.testing.assert_allclose(
        detection_errors(predicted * enlarged, truth * enlarged, unknown, size * enlarged),
        detection_errors(predicted, truth, unknown, size),
        atol=1e-9,
    )


@given(POINTS, POINTS, SPACINGS)
def test_one_tolerance_is_two_millimetres(predicted, truth, spacing):
    np.testing.assert_allclose(
        2.0 * detection_errors(predicted, truth, spacing, (100, 100)),
        radial_errors(predicted, truth, spacing),
        atol=1e-9,
    )


def test_a_summary_worked_by_hand():
    assert ErrorSummary.of([[3, 1, NAN], [2, 4, 10]]) == ErrorSummary(
        count=5,
        not_detected=0,
        mean=4.0,
        sd=pytest.approx(math.sqrt((1 + 9 + 4 + 0 + 36) / 5)),
        median=3.0,
        p75=4.0,
        p90=pytest.approx(4 + 0.6 * 6),
        p95=pytest.approx(4 + 0.8 * 6),
        p99=pytest.approx(4 + 0.96 * 6),
        max=10.0,
    )


def test_a_miss_is_farther_than_any_other_but_no_part_of_the_mean():
    """Of 5 annotated landmarks one was not predicted: the 75th percentile is the 4th of them, all above are misses."""
    summary = ErrorSummary.of([3, 1, 2, 4, INF, NAN])
    assert (summary.count, summary.not_detected, summary.mean, summary.median, summary.p75) == (5, 1, 2.5, 3, 4)
    assert (summary.p90, summary.p95, summary.p99, summary.max) == (INF, INF, INF, INF)


@pytest.mark.parametrize("errors", [[], [NAN, NAN]])
def test_nothing_annotated_has_no_distribution(errors):
    summary = ErrorSummary.of(errors)
    assert (summary.count, summary.not_detected) == (0, 0)
    assert all(map(math.isnan, (summary.mean, summary.sd, summary.median, summary.p99, summary.max)))


def test_nothing_predicted_has_no_mean_and_no_finite_percentile():
    summary = ErrorSummary.of([INF, INF])
    assert (summary.count, summary.not_detected, summary.median, summary.max) == (2, 2, INF, INF)
    assert math.isnan(summary.mean)
    assert math.isnan(summary.sd)


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 50)), st.floats(0, 100))
def test_percentiles_of_finite_errors_are_numpys(errors, percent):
    assert percentiles(errors, [percent]) == pytest.approx([np.percentile(errors, percent)])


QUARTERS = st.integers(0, 200).map(lambda number: number / 4)


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=QUARTERS | st.sampled_from([INF, NAN])))
def test_percentiles_grow_and_agree_with_the_success_rate(errors):
    """Within the next larger error there are at least so many per cent; beyond all distances there is none."""
    places = percentiles(errors, range(0, 101, 5))
    annotated = errors[~np.isnan(errors)]
    if not annotated.size:
        assert all(map(math.isnan, places))
        return
    assert places == sorted(places)
    for percent, place in zip(range(0, 101, 5), places, strict=True):
        reached = np.min(annotated[annotated >= place - 1e-9])
        share = success_detection_rate(errors, reached) if math.isfinite(reached) else 1.0
        assert share >= percent / 100
    assert math.isinf(places[-1]) == np.isinf(annotated).any()


def test_within_is_what_the_success_rate_counts():
    errors = np.array([[1.0, 2.0, 2.1], [INF, NAN, 30 * 0.1]])
    np.testing.assert_array_equal(within(errors, 2.0), [[True, True, False], [False, False, False]])
    assert within(errors, 3.0)[1, 2]


def test_a_cumulative_curve_worked_by_hand():
    curve = cumulative([1.0, 2.0, 2.5, INF, NAN], (0, 1, 2, 2.4, 100))
    np.testing.assert_array_equal(curve, [0, 0.25, 0.5, 0.5, 0.75])
    assert np.isnan(cumulative([NAN], (1, 2))).all()

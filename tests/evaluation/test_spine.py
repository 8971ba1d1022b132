"""The figures of spines against tables worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.evaluation.spine import (
    AngleErrors,
    mse_per_coordinate,
    mse_per_landmark,
    outlier_rate,
    smape_of_images,
    squared_fractions,
)

NAN, INF = math.nan, math.inf
ANGLES = hnp.arrays(np.float64, (4, 3), elements=st.integers(0, 800).map(lambda tenths: tenths / 10))


def test_squared_fractions_worked_by_hand():
    """20 of 200 px to the right and 10 of 100 px down are a tenth of each side."""
    truth, size = np.array([[50.0, 50], [50, 50], [50, 50], [NAN, NAN]]), (100, 200)
    predicted = [[70, 60], [70, 50], [NAN, NAN], [1, 1]]
    np.testing.assert_allclose(squared_fractions(predicted, truth, size), [0.02, 0.01, INF, NAN])


def test_each_image_has_its_own_size():
    predicted, truth = np.full((2, 3, 2), 10.0), np.zeros((2, 3, 2))
    squares = squared_fractions(predicted, truth, [(100, 100), (200, 50)])
    np.testing.assert_allclose(squares, [[0.02] * 3, [0.0025 + 0.04] * 3])


def test_ten_pixels_off_in_a_hundred_are_a_hundredth_per_coordinate_as_the_paper_says():
    squares = squared_fractions([[10.0, 90.0]], [[0.0, 100.0]], (100, 100))
    assert mse_per_coordinate(squares) == pytest.approx(0.010)
    assert mse_per_landmark(squares) == pytest.approx(0.020)


@given(hnp.arrays(np.float64, (2, 6, 2), elements=st.floats(0, 500)), st.floats(100, 900), st.floats(100, 900))
def test_half_of_it_is_the_mean_square_of_a_plain_vector(points, height, width):
    squares = squared_fractions(*points, (height, width))
    vectors = points / (width, height)
    assert mse_per_coordinate(squares) == pytest.approx(np.mean((vectors[0] - vectors[1]) ** 2), abs=1e-12)


def test_files_at_half_size_have_the_same_fractions():
    points, size = np.random.default_rng(0).uniform(0, 500, size=(2, 6, 2)), np.array([1000.0, 600.0])
    np.testing.assert_allclose(squared_fractions(*points / 2, size / 2), squared_fractions(*points, size))


def test_misses_have_no_square_to_average():
    assert mse_per_landmark([0.01, 0.03, INF, NAN]) == pytest.approx(0.02)
    assert math.isnan(mse_per_landmark([INF, NAN]))


def test_outliers_are_farther_than_the_radius_or_not_found():
    errors = [5.0, 20.0, 20.1, 41.0, INF, NAN]
    assert outlier_rate(errors, 20) == pytest.approx(3 / 5)
    assert outlier_rate(errors, 40) == pytest.approx(2 / 5)
    assert math.isnan(outlier_rate([NAN], 20))


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 100)))
def test_outliers_are_counted_in_pixels_of_the_published_radiograph(errors):
    assert outlier_rate(errors / 2, 20, file_scale=0.5) == outlier_rate(errors, 20)


def test_angles_worked_by_hand():
    predicted = [[10, 20, 30], [50, 10, 5], [NAN] * 3, [20, 20, 20]]
    truth = [[20, 20, 20], [40, 10, 5], [30, 10, 10], [NAN] * 3]
    np.testing.assert_allclose(smape_of_images(predicted, truth), [100 * 20 / 120, 100 * 10 / 120, NAN, NAN])
    assert AngleErrors.of(predicted, truth) == AngleErrors(
        count=2,
        not_measured=1,
        smape=pytest.approx(12.5),
        mean_absolute=(10, 0, 5),
        euclidean=pytest.approx((math.sqrt(200) + 10) / 2),
        manhattan=15,
        chebyshev=10,
    )


def test_a_straight_spine_found_straight_is_right_and_found_bent_is_wholly_wrong():
    assert smape_of_images([[0, 0, 0], [5, 0, 0]], np.zeros((2, 3))).tolist() == [0, 100]


@given(ANGLES, ANGLES)
def test_smape_is_a_share_and_the_same_both_ways(one, other):
    shares = smape_of_images(one, other)
    assert ((shares >= 0) & (shares <= 100)).all()
    np.testing.assert_allclose(shares, smape_of_images(other, one))
    np.testing.assert_array_equal(smape_of_images(one, one), 0)


@given(ANGLES, ANGLES)
def test_distances_of_angles_are_in_their_order(one, other):
    errors = AngleErrors.of(one, other)
    assert errors.chebyshev <= errors.euclidean + 1e-9
    assert errors.euclidean <= errors.manhattan + 1e-9
    assert errors.manhattan == pytest.approx(sum(errors.mean_absolute))


def test_without_images_there_are_no_figures():
    errors = AngleErrors.of(np.empty((0, 3)), np.empty((0, 3)))
    assert errors.count == errors.not_measured == 0
    figures = (errors.smape, *errors.mean_absolute, errors.euclidean, errors.manhattan, errors.chebyshev)
    assert all(map(math.isnan, figures))


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 3)])
def test_what_are_not_three_angles_an_image_is_refused(shape):
    with pytest.raises(ValueError, match="the same shape"):
        AngleErrors.of(np.zeros(shape), np.zeros((2, 3)))

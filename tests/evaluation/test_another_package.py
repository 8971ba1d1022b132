"""Our metrics beside those of another package, where somebody has installed it."""

import numpy as np
import pytest
import torch

from lib.evaluation.metrics import mean_radial_error, radial_errors, success_detection_rate

landmarker = pytest.importorskip(
    "landmarker.metrics",
    reason="to compare metrics: pip install --no-deps landmarker==0.4.1 opencv-python-headless==4.10.0.84",
    exc_type=ImportError,
)


@pytest.fixture
def cases():
    """(20, 19, 2) predicted and true points ``(x, y)`` and (20, 2) pixel spacings, all anisotropic, as tensors too."""
    random = np.random.default_rng(0)
    truth = random.uniform(0, 2000, size=(20, 19, 2))
    predicted = truth + random.normal(0, 15, size=truth.shape)
    spacing = random.uniform(0.05, 0.3, size=(20, 2))
    arrays = (predicted, truth, spacing)
    return arrays, tuple(torch.from_numpy(array) for array in arrays)


def test_errors_in_millimetres(cases):
    ours, (predicted, truth, spacing) = cases
    theirs = landmarker.point_error(truth, predicted, pixel_spacing=spacing, reduction="none")
    np.testing.assert_allclose(radial_errors(*ours), theirs, rtol=1e-9)


def test_mean_radial_error(cases):
    (predicted, truth, spacing), tensors = cases
    theirs = landmarker.point_error(tensors[1], tensors[0], pixel_spacing=tensors[2])
    assert mean_radial_error(radial_errors(predicted, truth, spacing)) == pytest.approx(float(theirs))


def test_success_rates(cases):
    ours, (predicted, truth, spacing) = cases
    radii = [1.0, 2.0, 2.5, 3.0, 4.0]
    theirs = landmarker.sdr(radii, truth, predicted, pixel_spacing=spacing)
    errors = radial_errors(*ours)
    assert {radius: 100 * success_detection_rate(errors, radius) for radius in radii} == pytest.approx(theirs)

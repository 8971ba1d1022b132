"""Validation figures: in pixels and millimetres of the files, over all landmarks of all images."""

import math

import numpy as np
import pytest
import torch

from lib.trainers.metrics import mre_mm, mre_px, sdr_2mm

NAN = float("nan")


def case(errors, pixel_mm, file_size=(200, 300), input_size=(100, 75)):
    """An image whose predictions are off by ``errors``, (N, 2) pixels of the file; NaN is not annotated."""
    truth = np.full((len(errors), 2), 40.0)
    scale = np.array([input_size[1] / file_size[1], input_size[0] / file_size[0]])
    wanted, found = ((points + 0.5) * scale - 0.5 for points in (truth, truth + np.nan_to_num(errors)))
    wanted[np.isnan(errors).any(axis=1)] = NAN
    result = {"pred": torch.tensor(found), "label": torch.tensor(wanted)}
    sample = {
        "image": torch.zeros(1, *input_size),
        "file_size": torch.tensor(file_size),
        "pixel_mm": torch.tensor(pixel_mm, dtype=torch.float64),
    }
    return result, sample


def measure(metric, *cases):
    for result, sample in cases:
        metric.update(([result], [sample]))
    return metric.compute()


KNOWN = case([(3.0, 4.0), (0.0, 12.0), (NAN, NAN)], (0.5, 0.25))
"""5 and 12 pixels, by the two sides of a pixel 1.803 and 3 mm."""
UNKNOWN = case([(1.0, 0.0), (0.0, 3.0), (2.34, 0.0)], (NAN, NAN))
"""The tolerance is 0.0065 of the diagonal of 360.6 pixels: 2.34 pixels."""


def test_errors_are_in_pixels_of_the_file():
    assert measure(mre_px(), KNOWN) == pytest.approx((5 + 12) / 2)
    assert measure(mre_px(), KNOWN, UNKNOWN) == pytest.approx((5 + 12 + 1 + 3 + 2.34) / 5)


def test_millimetres_only_where_they_are_known():
    assert measure(mre_mm(), KNOWN, UNKNOWN) == pytest.approx((math.hypot(1.5, 1.0) + 3.0) / 2)
    assert math.isnan(measure(mre_mm(), UNKNOWN))


def test_the_share_within_the_tolerance():
    assert measure(sdr_2mm(), KNOWN) == pytest.approx(1 / 2)
    assert measure(sdr_2mm(), UNKNOWN) == pytest.approx(2 / 3)
    assert measure(sdr_2mm(), KNOWN, UNKNOWN) == pytest.approx(3 / 5)


def test_an_epoch_forgets_the_one_before():
    metric = mre_px()
    measure(metric, UNKNOWN)
    metric.reset()
    assert math.isnan(metric.compute())
    assert measure(metric, KNOWN) == pytest.approx(8.5)

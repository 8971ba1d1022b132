"""Validation figures: in pixels and millimetres of the files, over all landmarks of all images."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lib.heatmaps import HeatmapCodec
from lib.trainers.distributed import Worker
from lib.trainers.metrics import CAP, HeldOutTable, measure
from lib.transforms import MapDecoder

NAN = float("nan")


def case(name, errors, pixel_mm, file_size=(200, 300), input_size=(100, 75)):
    """An image whose predictions are off by ``errors``, (N, 2) pixels of the file; NaN is not annotated."""
    truth = np.full((len(errors), 2), 40.0)
    scale = np.array([input_size[1] / file_size[1], input_size[0] / file_size[0]])
    wanted, found = ((points + 0.5) * scale - 0.5 for points in (truth, truth + np.nan_to_num(errors)))
    wanted[np.isnan(errors).any(axis=1)] = NAN
    result = {"pred": torch.tensor(found), "label": torch.tensor(wanted)}
    sample = {
        "id": name,
        "image": torch.zeros(1, *input_size),
        "file_size": torch.tensor(file_size),
        "pixel_mm": torch.tensor(pixel_mm, dtype=torch.float64),
    }
    return result, sample


def table(*cases):
    filled = HeldOutTable()
    for result, sample in cases:
        filled.add(result, sample)
    return filled


KNOWN = case("known", [(3.0, 4.0), (0.0, 12.0), (NAN, NAN)], (0.5, 0.25))
"""5 and 12 pixels, by the two sides of a pixel 1.803 and 3 mm."""
UNKNOWN = case("unknown", [(1.0, 0.0), (0.0, 3.0), (2.34, 0.0)], (NAN, NAN))
"""The tolerance is 0.0065 of the diagonal of 360.6 pixels: 2.34 pixels."""


def test_errors_are_in_pixels_of_the_file():
    assert table(KNOWN).figures()["val_mre_px"] == pytest.approx((5 + 12) / 2)
    assert table(KNOWN, UNKNOWN).figures()["val_mre_px"] == pytest.approx((5 + 12 + 1 + 3 + 2.34) / 5)


def test_millimetres_only_where_they_are_known():
    assert table(KNOWN, UNKNOWN).figures()["val_mre_mm"] == pytest.approx((math.hypot(1.5, 1.0) + 3.0) / 2)
    assert math.isnan(table(UNKNOWN).figures()["val_mre_mm"])


def test_the_share_within_the_tolerance():
    assert table(KNOWN).figures()["val_sdr_2mm"] == pytest.approx(1 / 2)
    assert table(UNKNOWN).figures()["val_sdr_2mm"] == pytest.approx(2 / 3)
    assert table(KNOWN, UNKNOWN).figures()["val_sdr_2mm"] == pytest.approx(3 / 5)


def test_the_score_caps_what_is_lost():
    lost = case("lost", [(100.0, 0.0), (1.0, 0.0)], (1.0, 1.0))  # 50 and 0.5 tolerances
    assert table(lost).figures()["val_score"] == pytest.approx((CAP + 0.5) / 2)
    known = (math.hypot(1.5, 1.0) / 2 + 1.5) / 2
    assert table(lost, KNOWN).figures()["val_score"] == pytest.approx(((CAP + 0.5) / 2 + known) / 2)  # mean of images


def test_each_landmark():
    found = table(KNOWN, UNKNOWN).per_landmark("abc")
    assert found == pytest.approx({"a": 3.0, "b": 7.5, "c": 2.34}, abs=1e-5)


def test_nothing_to_measure():
    filled = table(KNOWN)
    filled.reset()
    assert all(math.isnan(value) for value in filled.figures().values())


def test_as_it_is_kept_with_a_model():
    errors = table(UNKNOWN, KNOWN).errors("abc", {"known": "p", "unknown": "q"})
    assert errors.images == ("known", "unknown")
    assert errors.patients == ("p", "q")
    assert errors.px[0] == pytest.approx((5.0, 12.0, None))
    assert errors.tolerances[1][1] == pytest.approx(3 / (0.0065 * math.hypot(200, 300)), abs=1e-3)
    assert errors.only("ca").px == ((None, errors.px[0][0]), (errors.px[1][2], errors.px[1][0]))


def test_results_of_several_processes_count_once():
    class Others(Worker):
        def gather(self, content):
            return [content, {name: content[name] for name in ("known",)}]

    filled = HeldOutTable(Others(torch.device("cpu")))
    for result, sample in (KNOWN, UNKNOWN):
        filled.add(result, sample)
    assert filled.figures() == pytest.approx(table(KNOWN, UNKNOWN).figures())


class Peaks(nn.Module):
    """Draws the heat maps of given points, whatever the image."""

    def __init__(self, points, size):
        super().__init__()
        self.maps = HeatmapCodec(sigma=3.0).encode(points, size)

    def forward(self, image):
        return self.maps


def test_a_network_of_other_landmarks_is_measured_on_those_it_knows():
    points = torch.tensor([[[20.0, 30.0], [50.0, 10.0]]])  # landmarks b and a, in this order
    sample = {
        "id": ["image"],
        "image": torch.zeros(1, 1, 64, 96),
        "label": torch.tensor([[[50.0, 10.0], [20.0, 33.0], [5.0, 5.0]]]),  # a, b and c
        "file_size": torch.tensor([[64, 96]]),
        "pixel_mm": torch.full((1, 2), NAN),
    }
    network = Peaks(points, (64, 96))
    codec = HeatmapCodec(sigma=3.0)
    found = measure(network, [sample], MapDecoder(codec), Worker(torch.device("cpu")), places=[1, 0, None])
    assert found.results()["image"].px == pytest.approx([0.0, 3.0, NAN], abs=0.05, nan_ok=True)
    assert found.figures()["val_mre_px"] == pytest.approx(1.5, abs=0.05)

"""Validation metrics: the project's own figures, collected by ignite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from monai.data import decollate_batch
from torch import nn

from lib.evaluation.metrics import detection_errors, mean_radial_error, radial_errors, success_detection_rate
from lib.heatmaps import HeatmapCodec
from lib.transforms import rescale_points

FloatArray = npt.NDArray[np.float64]


class LandmarkMetric(Metric):
    """One figure over all landmarks of all validation images, in pixels and millimetres of the files as stored.

    It reads the decoded points (N, 2) from the output's ``pred``, the annotated ones from ``label``, both in pixels
    of the network's input, and ``file_size`` and ``pixel_mm`` from the batch.

    Args:
        errors: ``(predicted, truth, pixel_mm, file_size)`` to (N,) errors of one image.
        figure: all errors to one number.
    """

    def __init__(self, errors: Callable[..., FloatArray], figure: Callable[[FloatArray], float]) -> None:
        self._errors = errors
        self._figure = figure
        super().__init__()

    def reset(self) -> None:
        """Forget the errors of the last epoch."""
        self._collected: list[FloatArray] = []

    def iteration_completed(self, engine: Engine) -> None:
        """Take outputs and batch, both as lists of images."""
        self.update((engine.state.output, engine.state.batch))

    def update(self, output: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        """Add the errors of a batch."""
        for result, sample in zip(*output, strict=True):
            file_size = tuple(int(side) for side in sample["file_size"])
            input_size = tuple(int(side) for side in sample["image"].shape[-2:])
            predicted, truth = (
                rescale_points(torch.as_tensor(points).double().cpu(), input_size, file_size).numpy()  # type: ignore[arg-type]
                for points in (result["pred"], result["label"])
            )
            spacing = np.asarray(sample["pixel_mm"].cpu(), dtype=np.float64)
            self._collected.append(self._errors(predicted, truth, spacing, np.asarray(file_size)))

    def compute(self) -> float:
        """The figure; 0 errors give NaN."""
        return self._figure(np.concatenate(self._collected) if self._collected else np.empty(0))


def sdr_2mm() -> LandmarkMetric:
    """The key metric, 0 to 1: share of landmarks within 2 mm, or 0.0065 of the diagonal where mm are not known."""
    return LandmarkMetric(detection_errors, _share_within_tolerance)


@torch.no_grad()
def score_network(
    network: nn.Module, batches: Iterable[dict[str, Any]], codec: HeatmapCodec, device: torch.device
) -> tuple[float, float]:
    """SDR at 2 mm and mean radial error in pixels of a network on validation batches, outside any engine."""
    metrics = sdr_2mm(), mre_px()
    network.eval()
    for batch in batches:
        points, _ = codec.decode(network(batch["image"].to(device)))
        results = [{"pred": found, "label": truth} for found, truth in zip(points, batch["label"], strict=True)]
        samples = decollate_batch(batch)
        for metric in metrics:
            metric.update((results, samples))
    return metrics[0].compute(), metrics[1].compute()


def mre_px() -> LandmarkMetric:
    """Mean radial error in pixels of the files as stored."""
    return LandmarkMetric(_errors_px, mean_radial_error)


def mre_mm() -> LandmarkMetric:
    """Mean radial error in millimetres, over the images where they are known."""
    return LandmarkMetric(_errors_mm, mean_radial_error)


def _share_within_tolerance(errors: FloatArray) -> float:
    return success_detection_rate(errors, 1.0)


def _errors_px(predicted: FloatArray, truth: FloatArray, _: FloatArray, __: FloatArray) -> FloatArray:
    return radial_errors(predicted, truth)


def _errors_mm(predicted: FloatArray, truth: FloatArray, spacing: FloatArray, _: FloatArray) -> FloatArray:
    return radial_errors(predicted, truth, spacing)

"""How far a network is off on the held-out images: one table of errors, and the figures drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.data import decollate_batch
from torch import nn

from lib.checkpoints import HeldOutErrors
from lib.evaluation.metrics import detection_errors, mean_radial_error, radial_errors, success_detection_rate
from lib.trainers.distributed import Worker
from lib.trainers.lock import TrainingStoppedError
from lib.trainers.placement import moved
from lib.transforms import MapDecoder, rescale_points

FloatArray = npt.NDArray[np.float64]

CAP = 5.0
"""Tolerances from which on a landmark is lost, and a centimetre more or less tells nothing about a model."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageResult:
    """What a network found on one image.

    Args:
        points: (N, 2) predicted landmarks in pixels of the file as stored.
        px: (N,) radial errors in these pixels.
        mm: (N,) in millimetres, NaN where they are not known.
        tolerances: (N,) divided by what is tolerated, see :func:`~lib.evaluation.metrics.detection_errors`.

    Errors are NaN where a landmark is not annotated.
    """

    points: FloatArray
    px: FloatArray
    mm: FloatArray
    tolerances: FloatArray


class HeldOutTable:
    """The results of one validation by image id.

    Args:
        worker: this process; the results of all are brought together.
    """

    def __init__(self, worker: Worker | None = None) -> None:
        self._worker = worker
        self.reset()

    def reset(self) -> None:
        """Forget the last validation."""
        self._own: dict[str, ImageResult] = {}
        self._all: dict[str, ImageResult] | None = None

    def add(self, result: Mapping[str, Any], sample: Mapping[str, Any]) -> None:
        """Add an image.

        Args:
            result: ``pred`` and ``label``, (N, 2) points in pixels of the network's input.
            sample: ``id``, ``image`` (1, H, W), ``file_size`` (height, width) and ``pixel_mm`` (x, y).
        """
        file_size = (int(sample["file_size"][0]), int(sample["file_size"][1]))
        input_size = (int(sample["image"].shape[-2]), int(sample["image"].shape[-1]))
        found, truth = (
            rescale_points(torch.as_tensor(points).double().cpu(), input_size, file_size).numpy()
            for points in (result["pred"], result["label"])
        )
        spacing = np.asarray(torch.as_tensor(sample["pixel_mm"]).cpu(), dtype=np.float64)
        self._own[str(sample["id"])] = ImageResult(
            found,
            radial_errors(found, truth),
            radial_errors(found, truth, spacing),
            detection_errors(found, truth, spacing, np.asarray(file_size)),
        )

    def results(self) -> dict[str, ImageResult]:
        """The results of all processes, by image id."""
        if self._all is None:
            parts = [self._own] if self._worker is None else self._worker.gather(self._own)
            self._all = {image: part[image] for part in parts for image in sorted(part)}
        return self._all

    def figures(self) -> dict[str, float]:
        """Each of :data:`METRICS`; NaN where there is nothing to measure."""
        results = self.results().values()
        return {name: figure(results) for name, figure in METRICS.items()}

    def scores(self) -> Mapping[str, float]:
        """The score of each image, see :func:`image_score`."""
        return {image: image_score(result.tolerances) for image, result in self.results().items()}

    def per_landmark(self, landmarks: Sequence[str]) -> Mapping[str, float | None]:
        """Mean radial error of each landmark in pixels; NaN where it is annotated nowhere."""
        columns = zip(*(result.px for result in self.results().values()), strict=True)
        return {name: mean_radial_error(column) for name, column in zip(landmarks, columns, strict=True)}

    def errors(self, landmarks: Sequence[str], groups: Mapping[str, str]) -> HeldOutErrors:
        """The errors as they are kept with a model.

        Args:
            landmarks: the N names.
            groups: the group of each image.
        """
        results = dict(sorted(self.results().items()))
        return HeldOutErrors(
            images=tuple(results),
            patients=tuple(groups[image] for image in results),
            landmarks=tuple(landmarks),
            px=tuple(_plain(result.px) for result in results.values()),
            tolerances=tuple(_plain(result.tolerances) for result in results.values()),
        )


def sdr_2mm(results: Iterable[ImageResult]) -> float:
    """Share of landmarks within 2 mm, or 0.0065 of the diagonal where mm are not known; 0 to 1."""
    return success_detection_rate(_pooled(result.tolerances for result in results), 1.0)


def mre_px(results: Iterable[ImageResult]) -> float:
    """Mean radial error in pixels of the files as stored."""
    return mean_radial_error(_pooled(result.px for result in results))


def mre_mm(results: Iterable[ImageResult]) -> float:
    """Mean radial error in millimetres, over the images where they are known."""
    return mean_radial_error(_pooled(result.mm for result in results))


def score(results: Iterable[ImageResult]) -> float:
    """What a model is judged by: see :func:`image_scores`, the mean over the images; less is better."""
    scores = [image_score(result.tolerances) for result in results]
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def image_score(tolerances: FloatArray) -> float:
    """Mean error of an image's landmarks in tolerances, each counted up to :data:`CAP`; NaN without any."""
    annotated = tolerances[~np.isnan(tolerances)]
    return float(np.minimum(annotated, CAP).mean()) if annotated.size else float("nan")


METRICS: dict[str, Callable[[Iterable[ImageResult]], float]] = {
    "val_sdr_2mm": sdr_2mm,
    "val_mre_px": mre_px,
    "val_mre_mm": mre_mm,
    "val_score": score,
}
"""By name; viewers show the first as accuracy."""


@torch.no_grad()
def measure(
    network: nn.Module,
    batches: Iterable[dict[str, Any]],
    decoder: MapDecoder,
    worker: Worker,
    places: Sequence[int | None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HeldOutTable:
    """The results of a network on validation batches; it is left in evaluation mode.

    Args:
        network: image to heat maps.
        batches: of samples, see :meth:`HeldOutTable.add`.
        decoder: of its heat maps.
        worker: this process.
        places: for a network of another landmark set: which of its maps is that of each landmark of the samples; None
            where it has none, whose errors are NaN then.
        stop: whether somebody wants it to end, asked after each batch.

    Raises:
        TrainingStoppedError: somebody did.
    """
    table = HeldOutTable(worker)
    network.eval()
    for batch in batches:
        if stop is not None and stop():
            raise TrainingStoppedError("The training was stopped in a validation.")
        maps = network(moved(batch["image"], worker.device))
        for index, sample in enumerate(decollate_batch(batch)):
            file_size = (int(sample["file_size"][0]), int(sample["file_size"][1]))
            found, label = decoder.decode(maps[index], file_size), torch.as_tensor(sample["label"])
            if places is not None:
                known = torch.tensor([place is not None for place in places])
                found = found[[place or 0 for place in places]]
                label = label.masked_fill(~known[:, None], float("nan"))
            table.add({"pred": found, "label": label}, sample)
    return table


def _pooled(parts: Iterable[FloatArray]) -> FloatArray:
    return np.concatenate([np.empty(0), *parts])


def _plain(errors: FloatArray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(error) else round(min(float(error), 1e6), 4) for error in errors)

"""What an evaluation found: figures for ``report.json`` and every single error for ``errors.csv``."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from lib.evaluation.metrics import (
    SDR_THRESHOLDS_MM,
    FloatArray,
    detected,
    mean_radial_error,
    radial_errors,
    success_detection_rate,
)
from lib.landmarks import Landmarks, LandmarksError
from lib.radiographs.spacing import PixelSpacing

CSV_HEADER = (
    "image",
    "landmark",
    "error_px",
    "error_mm",
    "x_true",
    "y_true",
    "x_predicted",
    "y_predicted",
    "confidence",
    "pixel_spacing_source",
)


@dataclass(frozen=True, slots=True, eq=False)
class ImageErrors:
    """The errors of one image, landmarks in the order of its annotation.

    Args:
        image: the image's id.
        predicted: N predictions, ``UNDEFINED`` where the model gave none.
        truth: the N landmarks of the annotation, placed or not.
        pixel_spacing: the millimetres to measure with.
        px: (N,) errors in pixels of the file as stored, see :mod:`lib.evaluation.metrics` for ``inf`` and NaN.
        mm: (N,) errors in mm, all NaN where the pixel spacing is unknown.
    """

    image: str
    predicted: Landmarks
    truth: Landmarks
    pixel_spacing: PixelSpacing
    px: FloatArray
    mm: FloatArray

    @classmethod
    def compare(cls, image: str, predicted: Landmarks, truth: Landmarks, pixel_spacing: PixelSpacing) -> Self:
        """Match prediction and annotation by name and measure.

        Raises:
            LandmarksError: a predicted landmark that the annotation does not list, not even as undefined: they are of
                two landmark sets.
        """
        try:
            matched = predicted.ordered(truth.names)
        except LandmarksError as error:
            raise LandmarksError(f"Prediction and annotation of {image} do not go together: {error}") from error
        spacing = np.array([pixel_spacing.x, pixel_spacing.y], dtype=np.float64)  # None becomes NaN
        found, wanted = matched.points(), truth.points()
        px, mm = radial_errors(found, wanted), radial_errors(found, wanted, spacing)
        return cls(image, matched, truth, pixel_spacing, px, mm)

    def rows(self) -> Iterable[tuple[object, ...]]:
        """One row of ``errors.csv`` an annotated landmark; empty cells for what is not known."""
        for found, wanted, px, mm in zip(self.predicted, self.truth, self.px.tolist(), self.mm.tolist(), strict=True):
            if wanted.state.has_position:
                numbers = (px, mm, wanted.x, wanted.y, found.x, found.y, found.confidence)
                yield (self.image, wanted.name, *map(_number, numbers), self.pixel_spacing.source)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The errors of a set of images.

    Args:
        images: the errors of each image.
        thresholds_mm: radii of the success detection rates; hands are by convention judged at 2, 4 and 10 mm.
    """

    images: tuple[ImageErrors, ...]
    thresholds_mm: tuple[float, ...] = SDR_THRESHOLDS_MM

    @classmethod
    def build(
        cls,
        cases: Iterable[tuple[str, Landmarks, Landmarks, PixelSpacing]],
        thresholds_mm: tuple[float, ...] = SDR_THRESHOLDS_MM,
    ) -> Self:
        """Measure ``(image id, predicted, truth, pixel spacing)`` of each image, see :meth:`ImageErrors.compare`."""
        return cls(tuple(ImageErrors.compare(*case) for case in cases), thresholds_mm)

    def as_dict(self) -> dict[str, Any]:
        """The content of ``report.json``: strict JSON, null where a figure does not exist.

        Figures in mm are over the ``images_with_mm`` images whose pixel spacing is known. Landmarks that are annotated
        but were not predicted (``not_detected``) are misses in ``sdr`` and no part of means, median and standard
        deviation.
        """
        px, mm = self._pooled()
        return {
            "images": len(self.images),
            "images_with_mm": sum(image.pixel_spacing.known for image in self.images),
            "landmarks": _num_annotated(px),
            "not_detected": _num_missed(px),
            "mre_px": _number(mean_radial_error(px)),
            "mre_mm": _number(mean_radial_error(mm)),
            "median_mm": _number(float(np.median(detected(mm))) if detected(mm).size else math.nan),
            "sd_mm": _number(float(np.std(detected(mm))) if detected(mm).size else math.nan),
            "sdr": self._success_rates(mm),
            "per_landmark": {name: self._landmark(name) for name in self._names()},
            "pixel_spacing_sources": dict(Counter(str(image.pixel_spacing.source) for image in self.images)),
        }

    def write_errors_csv(self, path: Path) -> None:
        """Write one row an annotated landmark; an empty ``error_px`` is a landmark that was not predicted."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(CSV_HEADER)
            for image in self.images:
                writer.writerows(image.rows())

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for image in self.images for name in image.truth.names))

    def _pooled(self, landmark: str | None = None) -> tuple[FloatArray, FloatArray]:
        """Errors in pixels and in mm of all images, of one landmark or of all, flat."""
        px, mm = [np.empty(0)], [np.empty(0)]
        for image in self.images:
            chosen = np.array([landmark in (None, name) for name in image.truth.names], dtype=bool)
            px.append(image.px[chosen])
            mm.append(image.mm[chosen])
        return np.concatenate(px), np.concatenate(mm)

    def _success_rates(self, mm: FloatArray) -> dict[str, float | None]:
        return {str(float(radius)): _number(success_detection_rate(mm, radius)) for radius in self.thresholds_mm}

    def _landmark(self, name: str) -> dict[str, Any]:
        px, mm = self._pooled(name)
        return {
            "count": _num_annotated(px),
            "not_detected": _num_missed(px),
            "mre_px": _number(mean_radial_error(px)),
            "mre_mm": _number(mean_radial_error(mm)),
            "sdr": self._success_rates(mm),
        }


def _num_annotated(errors: FloatArray) -> int:
    return int((~np.isnan(errors)).sum())


def _num_missed(errors: FloatArray) -> int:
    return int(np.isinf(errors).sum())


def _number(value: float | None) -> float | None:
    """A figure as JSON and CSV can hold it: to the tenth of a micrometre, None for what is not a number."""
    return None if value is None or not math.isfinite(value) else round(value, 4)

"""What an evaluation found: figures for ``report.json`` and every single error for ``errors.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lib.evaluation.intervals import Interval, Resampling, interval_of
from lib.evaluation.metrics import (
    SDR_THRESHOLDS_MM,
    ErrorSummary,
    FloatArray,
    mean_radial_error,
    radial_errors,
    success_detection_rate,
)
from lib.formats import write_atomic
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
        group: the patient; the image itself where nobody knows.
    """

    image: str
    predicted: Landmarks
    truth: Landmarks
    pixel_spacing: PixelSpacing
    px: FloatArray
    mm: FloatArray
    group: str

    @classmethod
    def compare(
        cls, image: str, predicted: Landmarks, truth: Landmarks, pixel_spacing: PixelSpacing, group: str | None = None
    ) -> Self:
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
        return cls(image, matched, truth, pixel_spacing, px, mm, image if group is None else group)

    def rows(self) -> Iterable[tuple[object, ...]]:
        """One row of ``errors.csv`` an annotated landmark; empty cells for what is not known."""
        for found, wanted, px, mm in zip(self.predicted, self.truth, self.px.tolist(), self.mm.tolist(), strict=True):
            if wanted.state.has_position:
                numbers = (px, mm, wanted.x, wanted.y, found.x, found.y, found.confidence)
                yield (self.image, wanted.name, *map(rounded, numbers), self.pixel_spacing.source)


@dataclass(frozen=True, eq=False)
class Report:
    """The errors of a set of images.

    Args:
        images: the errors of each of M images.
        thresholds_mm: radii of the success detection rates; hands are by convention judged at 2, 4 and 10 mm.
        landmark_groups: landmarks that are also to be looked at together, by the name of what they are part of.
    """

    images: tuple[ImageErrors, ...]
    thresholds_mm: tuple[float, ...] = SDR_THRESHOLDS_MM
    landmark_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        cases: Iterable[tuple[str, Landmarks, Landmarks, PixelSpacing]],
        thresholds_mm: tuple[float, ...] = SDR_THRESHOLDS_MM,
    ) -> Self:
        """Measure ``(image id, predicted, truth, pixel spacing)`` of each image, see :meth:`ImageErrors.compare`."""
        return cls(tuple(ImageErrors.compare(*case) for case in cases), thresholds_mm)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The N landmarks that any image lists."""
        return tuple(dict.fromkeys(name for image in self.images for name in image.truth.names))

    @cached_property
    def px(self) -> FloatArray:
        """(M, N) errors in pixels; NaN too where an image does not list a landmark."""
        return self._table("px")

    @cached_property
    def mm(self) -> FloatArray:
        """(M, N) errors in mm."""
        return self._table("mm")

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """(M,) the patient of each image."""
        return tuple(image.group for image in self.images)

    @cached_property
    def resampling(self) -> Resampling:
        """The draws that all intervals are from."""
        return Resampling(self.groups)

    @property
    def in_mm(self) -> bool:
        """Whether the millimetres of every image are known."""
        return bool(self.images) and all(image.pixel_spacing.known for image in self.images)

    def as_dict(self) -> dict[str, Any]:
        """The content of ``report.json``: strict JSON, null where a figure does not exist.

        Figures in mm are over the ``images_with_mm`` images whose pixel spacing is known. Landmarks that are annotated
        but were not predicted (``not_detected``) are misses in ``sdr``, farther than any other in median and
        percentiles, and no part of mean and standard deviation. ``intervals`` holds, under the same keys, where a
        figure lies with 95 % probability, by drawing patients anew; null with one patient.
        """
        every = np.ones(len(self.names), dtype=bool)
        parts = {name: np.isin(self.names, members) for name, members in self.landmark_groups.items()}
        return {
            "images": len(self.images),
            "patients": len(set(self.groups)),
            "images_with_mm": sum(image.pixel_spacing.known for image in self.images),
            **self._figures(every),
            "per_landmark": self._per_landmark(),
            "per_group": {name: self._figures(chosen) for name, chosen in parts.items() if chosen.any()},
            "pixel_spacing_sources": dict(Counter(str(image.pixel_spacing.source) for image in self.images)),
        }

    def write_errors_csv(self, path: Path) -> None:
        """Write one row an annotated landmark; an empty ``error_px`` is a landmark that was not predicted."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(CSV_HEADER)
        for image in self.images:
            writer.writerows(image.rows())
        write_atomic(path, text.getvalue())

    def _table(self, unit: str) -> FloatArray:
        places = {name: column for column, name in enumerate(self.names)}
        table = np.full((len(self.images), len(places)), np.nan)
        for row, image in enumerate(self.images):
            table[row, [places[name] for name in image.truth.names]] = getattr(image, unit)
        return table

    def _figures(self, chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        px, mm = self.px[:, chosen], self.mm[:, chosen]
        in_px, in_mm = ErrorSummary.of(px), ErrorSummary.of(mm)
        means = {"mre_px": self.resampling.interval_of_mean(px), "mre_mm": self.resampling.interval_of_mean(mm)}
        shares = {
            str(float(radius)): self.resampling.interval_of_success_rate(mm, radius) for radius in self.thresholds_mm
        }
        return {
            "landmarks": in_px.count,
            "not_detected": in_px.not_detected,
            **{key.format(unit): value for unit, told in (("px", in_px), ("mm", in_mm)) for key, value in _told(told)},
            "sdr": self._success_rates(mm),
            "intervals": {**{key: rounded_pair(pair) for key, pair in means.items()}, "sdr": _pairs(shares)},
        }

    def _success_rates(self, mm: FloatArray) -> dict[str, float | None]:
        return {str(float(radius)): rounded(success_detection_rate(mm, radius)) for radius in self.thresholds_mm}

    def _per_landmark(self) -> dict[str, dict[str, Any]]:
        intervals = {"mre_px": self._intervals_of_landmarks(self.px), "mre_mm": self._intervals_of_landmarks(self.mm)}
        found = {}
        for column, name in enumerate(self.names):
            px, mm = self.px[:, column], self.mm[:, column]
            found[name] = {
                "count": int((~np.isnan(px)).sum()),
                "not_detected": int(np.isinf(px).sum()),
                "mre_px": rounded(mean_radial_error(px)),
                "mre_mm": rounded(mean_radial_error(mm)),
                "sdr": self._success_rates(mm),
                "intervals": {key: rounded_pair(pairs[column]) for key, pairs in intervals.items()},
            }
        return found

    def _intervals_of_landmarks(self, errors: FloatArray) -> list[Interval | None]:
        """Of the mean radial error of each landmark; all of them of the same draws at once."""
        if self.resampling.num_groups < 2:
            return [None] * errors.shape[1]
        finite = np.isfinite(errors)
        means = self.resampling.ratios(np.where(finite, errors, 0.0), finite)
        return [interval_of(column) for column in means.T]


def _told(summary: ErrorSummary) -> Iterable[tuple[str, Any]]:
    """The figures of errors in one unit, under keys in which the unit is left open."""
    yield "mre_{}", rounded(summary.mean)
    yield "median_{}", rounded(summary.median)
    yield "sd_{}", rounded(summary.sd)
    percentiles = {"75": summary.p75, "90": summary.p90, "95": summary.p95, "99": summary.p99, "max": summary.max}
    yield "percentiles_{}", {name: rounded(value) for name, value in percentiles.items()}


def rounded_pair(interval: Interval | None) -> list[float | None] | None:
    """An interval as JSON can hold it."""
    return None if interval is None else [rounded(end) for end in interval]


def _pairs(intervals: Mapping[str, Interval | None]) -> dict[str, list[float | None] | None]:
    return {key: rounded_pair(interval) for key, interval in intervals.items()}


def rounded(value: float | None) -> float | None:
    """A figure as JSON and CSV can hold it: to the tenth of a micrometre, None for what is not a number."""
    return None if value is None or not math.isfinite(value) else round(value, 4)

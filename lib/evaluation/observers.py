"""How far people who mark the same radiographs are from each other, and from themselves.

Differences are of positions in mm where the pixel spacing of every compared radiograph is known, otherwise in pixels;
the unit is said with every figure. Agreement is given as Bland and Altman do (Lancet 1986; 327: 307-310): the mean of
the differences (bias) and the range in which 95 % of them lie, bias ± 1.96 standard deviations, for x (to the right in
the image) and y (down) apart. Each of several annotators is compared with the mean of the others (leave one out).
Dahlberg's error of a repeated reading is the root of the sum of squared differences over twice their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.evaluation.metrics import mean_radial_error, radial_errors
from lib.landmarks.consensus import Reading, first_readings
from lib.radiographs.spacing import PixelSpacing

FloatArray = npt.NDArray[np.float64]

LIMITS = 1.96
"""Standard deviations on either side of the bias that hold 95 % of normally distributed differences."""
PANEL = 2
"""At least so many others make a mean to compare an annotator with, where there are more than two annotators."""


@dataclass(frozen=True, slots=True)
class ReadImage:
    """A radiograph and who has read it.

    Args:
        image: its id.
        readings: of one landmark set, in pixels of the file as stored.
        spacing: millimetres of a pixel.
    """

    image: str
    readings: Sequence[Reading]
    spacing: PixelSpacing


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences between two markings of the same points.

    Args:
        count: of the points that both have.
        radial: mean distance; None without any.
        bias: mean difference of x and of y; None without any.
        sd: standard deviation of the differences of x and of y; None with fewer than two.
        dahlberg: Dahlberg's error of x and of y; None without any.
    """

    count: int
    radial: float | None
    bias: tuple[float, float] | None
    sd: tuple[float, float] | None
    dahlberg: tuple[float, float] | None

    @classmethod
    def of(cls, differences: FloatArray) -> Agreement:
        """From (..., 2) differences of x and y; rows with NaN are no points."""
        rows = differences.reshape(-1, 2)
        rows = rows[~np.isnan(rows).any(axis=1)]
        if not len(rows):
            return cls(0, None, None, None, None)
        return cls(
            len(rows),
            mean_radial_error(radial_errors(rows, np.zeros_like(rows))),
            _pair(rows.mean(axis=0)),
            _pair(rows.std(axis=0, ddof=1)) if len(rows) > 1 else None,
            _pair(np.sqrt((rows**2).sum(axis=0) / (2 * len(rows)))),
        )

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Limits of agreement, lower and upper, of x and of y; None with fewer than two points."""
        if self.bias is None or self.sd is None:
            return None
        (x, y), (sd_x, sd_y) = self.bias, self.sd
        return (x - LIMITS * sd_x, x + LIMITS * sd_x), (y - LIMITS * sd_y, y + LIMITS * sd_y)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; null for what there is not."""
        return {
            "count": self.count,
            "mean_radial": _rounded(self.radial),
            "bias": _rounded(self.bias),
            "sd": _rounded(self.sd),
            "limits": None if self.limits is None else [_rounded(pair) for pair in self.limits],
            "dahlberg": _rounded(self.dahlberg),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Observers:
    """The readings of several annotators as arrays.

    Args:
        images: ids of I radiographs.
        annotators: A names, sorted.
        landmarks: N names.
        unit: ``mm`` or ``px``.
        first: (A, I, N, 2) places of x and y in that unit from the centre of the first pixel, of each annotator's first
            reading; NaN where there is none.
        again: the same of the second readings.
    """

    images: tuple[str, ...]
    annotators: tuple[str, ...]
    landmarks: tuple[str, ...]
    unit: str
    first: FloatArray
    again: FloatArray

    @classmethod
    def of(cls, images: Iterable[ReadImage], names: Sequence[str]) -> Observers:
        """Bring the readings together.

        Args:
            images: radiographs with readings of the landmark set that has these names.
            names: of the set; landmarks that nobody has placed are left out.
        """
        read = [image for image in images if image.readings]
        annotators = sorted({reading.annotator for image in read for reading in image.readings})
        known = all(image.spacing.known for image in read)
        first = np.full((len(annotators), len(read), len(names), 2), np.nan)
        again = first.copy()
        for number, image in enumerate(read):
            scale = np.array([image.spacing.x, image.spacing.y] if known else [1.0, 1.0], dtype=np.float64)
            firsts = first_readings(image.readings)
            taken = {(reading.annotator, reading.number) for reading in firsts}
            seconds = first_readings(item for item in image.readings if (item.annotator, item.number) not in taken)
            for target, readings in ((first, firsts), (again, seconds)):
                for reading in readings:
                    places = reading.landmarks.ordered(names).points()
                    target[annotators.index(reading.annotator), number] = places * scale
        placed = ~np.isnan(first).all(axis=(0, 1, 3))
        return cls(
            tuple(image.image for image in read),
            tuple(annotators),
            tuple(np.array(names)[placed].tolist()),
            "mm" if known and read else "px",
            first[:, :, placed],
            again[:, :, placed],
        )

    def others(self, annotator: int) -> FloatArray:
        """(I, N, 2) mean of the others' places; NaN where fewer than :data:`PANEL` others, or none of two, have one."""
        return mean_place(np.delete(self.first, annotator, axis=0), min(PANEL, len(self.annotators) - 1))

    def from_others(self) -> FloatArray:
        """(A, I, N, 2) differences: each annotator minus the mean of the others."""
        if len(self.annotators) < 2:
            return np.full_like(self.first, np.nan)
        return np.stack([self.first[number] - self.others(number) for number in range(len(self.annotators))])

    def repeated(self) -> FloatArray:
        """(A, I, N, 2) differences: second reading minus first."""
        return self.again - self.first

    def pairs(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """(A, A) mean radial difference of each two annotators where both have read, NaN without any; the points."""
        size = len(self.annotators)
        distances, counts = np.full((size, size), np.nan), np.zeros((size, size), dtype=np.int64)
        for row in range(size):
            for column in range(size):
                both = Agreement.of(self.first[row] - self.first[column]) if row != column else None
                if both is not None and both.radial is not None:
                    distances[row, column], counts[row, column] = both.radial, both.count
        return distances, counts

    def between(self, landmark: int | None = None) -> Agreement:
        """Differences of all pairs of annotators, of one landmark or of all."""
        chosen = self.first if landmark is None else self.first[:, :, [landmark]]
        upper, lower = np.triu_indices(len(self.annotators), k=1)
        return Agreement.of(chosen[upper] - chosen[lower])

    def images_read(self, annotator: int) -> int:
        """How many radiographs an annotator has placed a landmark on."""
        return int((~np.isnan(self.first[annotator])).any(axis=(1, 2)).sum())


def mean_place(places: FloatArray, least: int) -> FloatArray:
    """(..., 2) mean over the first axis of those that are placed; NaN where fewer than ``least``, or none, are."""
    placed = ~np.isnan(places).any(axis=-1, keepdims=True)
    count = placed.sum(axis=0)
    total = np.where(placed, places, 0.0).sum(axis=0)
    mean: FloatArray = np.where(count >= max(least, 1), total / np.maximum(count, 1), np.nan)
    return mean


def _pair(values: FloatArray) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _rounded(value: float | tuple[float, float] | None) -> Any:
    if value is None:
        return None
    return [round(one, 4) for one in value] if isinstance(value, tuple) else round(value, 4)

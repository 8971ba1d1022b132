"""The errors of predicted landmarks and the figures drawn from them: one implementation, used everywhere.

An error has one of three kinds of value, and every function here keeps them apart:

- a finite distance: the landmark is annotated and was predicted;
- ``inf``: it is annotated but was not predicted. It is a miss in the success detection rate, and farther off than any
  other in medians and percentiles. There is no distance to average, so it is no part of means and standard deviations,
  and reports count it beside them;
- NaN: there is nothing to compare with (not annotated, or no millimetres known). No part of any figure.

Figures pool all landmarks of all images, as the paper does: the mean radial error of 150 cephalograms is the mean of
150 * 19 distances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: The radii of the cephalometric tables, mm (ISBI 2015 challenge; Table 1 of the paper).
SDR_THRESHOLDS_MM = (2.0, 2.5, 3.0, 4.0)

#: The radius of the key metric, mm.
TOLERANCE_MM = 2.0

#: It stands in for 2 mm where no millimetres are known: a share of the image diagonal, what 2 mm are on a cephalogram
#: of the challenge (20 px of a 1935 x 2400 image at 0.1 mm a pixel).
RELATIVE_TOLERANCE = 0.0065

#: A distance on the threshold counts as within it. 30 px * 0.1 mm is 3.0000000000000004 mm in floating point, and whole
#: pixels make such distances common, so the comparison allows for rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """How errors are distributed, in their unit.

    Args:
        count: annotated landmarks.
        not_detected: those of them that were not predicted.
        mean: of the predicted ones: the mean radial error; NaN without any, as the next.
        sd: their standard deviation, with ``count`` as divisor.
        median, p75, p90, p95, p99, max: percentiles over all annotated landmarks, linear between neighbours; ``inf``
            where they fall among those not predicted, NaN where none is annotated.
    """

    count: int
    not_detected: int
    mean: float
    sd: float
    median: float
    p75: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, errors: npt.ArrayLike) -> Self:
        """Summarise errors of any shape."""
        found, count = detected(errors), int((~np.isnan(np.asarray(errors, dtype=np.float64))).sum())
        sd = float(found.std()) if found.size else float("nan")
        places = percentiles(errors, (50, 75, 90, 95, 99, 100))
        return cls(count, count - found.size, mean_radial_error(found), sd, *places)


def radial_errors(
    predicted: npt.ArrayLike, truth: npt.ArrayLike, pixel_spacing: npt.ArrayLike | None = None
) -> FloatArray:
    """Distances between predicted and annotated landmarks.

    Args:
        predicted: (..., N, 2) ``(x, y)`` in pixels of the file as stored; NaN where a landmark was not predicted.
        truth: (..., N, 2), the same for the annotation; NaN where a landmark is not annotated.
        pixel_spacing: (..., 2) size of a pixel ``(x, y)`` in mm, NaN where unknown; None for errors in pixels.

    Returns:
        (..., N) errors in mm, or in pixels without ``pixel_spacing``: ``inf`` where a landmark is annotated but was not
        predicted, NaN where it is not annotated or the pixel spacing is unknown.
    """
    found, wanted = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if found.shape != wanted.shape or found.shape[-1:] != (2,):
        raise ValueError(f"Expected two arrays of the same shape (..., N, 2), got {found.shape} and {wanted.shape}.")
    scale = np.ones(2) if pixel_spacing is None else np.asarray(pixel_spacing, dtype=np.float64)[..., np.newaxis, :]
    distances = np.hypot(*np.moveaxis((found - wanted) * scale, -1, 0))
    not_predicted = np.isnan(found).any(axis=-1)
    not_comparable = np.isnan(wanted * scale).any(axis=-1)
    errors: FloatArray = np.where(not_comparable, np.nan, np.where(not_predicted, np.inf, distances))
    return errors


def detection_errors(
    predicted: npt.ArrayLike, truth: npt.ArrayLike, pixel_spacing: npt.ArrayLike, image_size: npt.ArrayLike
) -> FloatArray:
    """Radial errors divided by what is tolerated, so that an error up to 1 is a success for every anatomy and image.

    The tolerance is 2 mm where the pixel spacing is known and 0.0065 of the image diagonal where it is not. The key
    metric of training is ``success_detection_rate(detection_errors(...), 1.0)``.

    Args:
        predicted: (..., N, 2) ``(x, y)`` in pixels of the file as stored.
        truth: (..., N, 2), the same for the annotation; NaN where a landmark is not annotated.
        pixel_spacing: (..., 2) size of a pixel ``(x, y)`` in mm; NaN where unknown.
        image_size: (..., 2) ``(height, width)`` of the file as stored, in pixels.

    Returns:
        (..., N) errors without unit; ``inf`` and NaN as in :func:`radial_errors`.
    """
    spacing, size = np.asarray(pixel_spacing, dtype=np.float64), np.asarray(image_size, dtype=np.float64)
    diagonal = np.hypot(size[..., :1], size[..., 1:])
    return radial_errors(
        predicted, truth, np.where(np.isnan(spacing), 1.0 / (RELATIVE_TOLERANCE * diagonal), spacing / TOLERANCE_MM)
    )


def mean_radial_error(errors: npt.ArrayLike) -> float:
    """Mean of the finite errors, of any shape; NaN where there is none."""
    distances = detected(errors)
    return float(distances.mean()) if distances.size else float("nan")


def success_detection_rate(errors: npt.ArrayLike, threshold: float) -> float:
    """Share (0 to 1) of the annotated landmarks whose error is at most ``threshold``; NaN where none is annotated.

    Args:
        errors: errors of any shape; ``inf`` is a miss, NaN is left out.
        threshold: in the unit of the errors.
    """
    values = np.asarray(errors, dtype=np.float64)
    annotated = values[~np.isnan(values)]
    return float(within(annotated, threshold).mean()) if annotated.size else float("nan")


def within(errors: npt.ArrayLike, threshold: float) -> npt.NDArray[np.bool_]:
    """Which errors are at most ``threshold``, of the same shape; neither ``inf`` nor NaN is."""
    hits: npt.NDArray[np.bool_] = np.asarray(errors, dtype=np.float64) <= threshold * (1.0 + _ROUNDING)
    return hits


def percentiles(errors: npt.ArrayLike, percents: Sequence[float]) -> list[float]:
    """Percentiles, 0 to 100, over all that are not NaN, linear between neighbours as numpy's are.

    Numpy makes NaN of a place beside an ``inf``; here it is ``inf`` as soon as it is not wholly on a finite value.
    """
    values = np.asarray(errors, dtype=np.float64)
    ascending = np.sort(values[~np.isnan(values)])
    if not ascending.size:
        return [float("nan")] * len(percents)
    above = ascending[np.ceil(np.array(percents) / 100.0 * (ascending.size - 1)).astype(int)]
    places = np.percentile(np.nan_to_num(ascending), percents)
    return [float(place) for place in np.where(np.isinf(above), above, places)]


def cumulative(errors: npt.ArrayLike, radii: Iterable[float]) -> FloatArray:
    """The cumulative error curve: :func:`success_detection_rate` at each of R radii.

    Returns:
        (R,) shares, 0 to 1; it ends below 1 where landmarks were not predicted. NaN where none is annotated.
    """
    return np.array([success_detection_rate(errors, radius) for radius in radii], dtype=np.float64)


def detected(errors: npt.ArrayLike) -> FloatArray:
    """The finite errors, flat: those of landmarks that are annotated and were predicted."""
    values = np.asarray(errors, dtype=np.float64)
    finite: FloatArray = values[np.isfinite(values)]
    return finite

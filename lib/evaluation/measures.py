"""What is measured beside radial errors: both conventions of a hand's millimetres, and what is usual of spines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lib.evaluation.hand import wrist_spacings
from lib.evaluation.intervals import Interval
from lib.evaluation.metrics import FloatArray
from lib.evaluation.report import ImageErrors, Report, rounded, rounded_pair
from lib.evaluation.spine import (
    OUTLIER_RADII_PX,
    AngleErrors,
    mse_per_coordinate,
    mse_per_landmark,
    outlier_rate,
    smape_of_images,
    squared_fractions,
)
from lib.evaluation.views import View
from lib.landmarks import Landmarks
from lib.measurements import cobb_angles

Measure = Callable[[View, float], dict[str, Any]]
"""From a view, and how many times smaller the files are than the published ones, to more keys of ``report.json``."""

E4 = 1e4
"""Squared errors are given in 1e-4, as tables have them."""


def wrists(view: View, _: float) -> dict[str, Any]:
    """``wrists``: error and success rates by each way to measure a hand's wrist, see :mod:`lib.evaluation.hand`."""
    pairs: dict[str, list[ImageErrors]] = {}
    for image in view.report.images:
        for name, spacing in wrist_spacings(image.truth, view.landmark_set).items():
            again = ImageErrors.compare(image.image, image.predicted, image.truth, spacing, image.group)
            pairs.setdefault(name, []).append(again)
    found = {}
    for name, errors in pairs.items():
        told = Report(tuple(errors), view.report.thresholds_mm).as_dict()
        found[name] = {key: told[key] for key in ("images_with_mm", "mre_mm", "median_mm", "sd_mm", "sdr", "intervals")}
    return {"wrists": found}


def spine(view: View, shrunk: float) -> dict[str, Any]:
    """``spine``: squared errors as shares of the image, outliers, Cobb angles, see :mod:`lib.evaluation.spine`."""
    report = view.report
    squares = np.array(
        [
            squared_fractions(image.predicted.points(), image.truth.points(), case.size)
            for image, case in zip(report.images, view.cases, strict=True)
        ]
    )
    found, wanted = (
        np.array(
            [_angles(getattr(image, side), case.size[0]) for image, case in zip(report.images, view.cases, strict=True)]
        )
        for side in ("predicted", "truth")
    )
    angles, draws = AngleErrors.of(found, wanted), report.resampling
    outliers = {f"or{radius:g}": radius for radius in OUTLIER_RADII_PX}
    return {
        "spine": {
            "nmse_e4": rounded(E4 * mse_per_landmark(squares)),
            "mse_per_coordinate_e4": rounded(E4 * mse_per_coordinate(squares)),
            **{key: rounded(outlier_rate(report.px, radius, 1.0 / shrunk)) for key, radius in outliers.items()},
            "cobb": {
                "images": angles.count,
                "not_measured": angles.not_measured,
                "smape": rounded(angles.smape),
                "mean_absolute_degrees": [rounded(value) for value in angles.mean_absolute],
                "euclidean_degrees": rounded(angles.euclidean),
                "manhattan_degrees": rounded(angles.manhattan),
                "chebyshev_degrees": rounded(angles.chebyshev),
            },
            "intervals": {
                "nmse_e4": rounded_pair(draws.interval_of_mean(E4 * squares)),
                **{
                    key: _others(draws.interval_of_success_rate(report.px, radius / shrunk))
                    for key, radius in outliers.items()
                },
                "smape": rounded_pair(draws.interval_of_mean(smape_of_images(found, wanted))),
            },
        }
    }


MEASURES: dict[str, Measure] = {"wrists": wrists, "spine": spine}
"""By the names that protocols use."""


def _angles(landmarks: Landmarks, height: int) -> FloatArray:
    """(3,) degrees; NaN where they cannot be measured."""
    measured = cobb_angles(landmarks.points(), height)
    return np.full(3, np.nan) if measured is None else np.array(measured.degrees)


def _others(interval: Interval | None) -> list[float | None] | None:
    """Of the share that is not within."""
    return None if interval is None else [rounded(1.0 - end) for end in reversed(interval)]

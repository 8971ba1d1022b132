"""The figures by which spines are judged, whose radiographs have no pixel size: fractions, outliers, Cobb angles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from lib.evaluation.metrics import FloatArray, mean_radial_error, radial_errors, success_detection_rate

#: Radii of the outlier rates of RouterNet's tables (AAAI 2026), in pixels of the radiographs as published.
OUTLIER_RADII_PX = (20.0, 40.0)


def squared_fractions(predicted: npt.ArrayLike, truth: npt.ArrayLike, image_size: npt.ArrayLike) -> FloatArray:
    """``(dx / W)² + (dy / H)²`` of each landmark: its squared error, each axis as a fraction of the image's.

    Args:
        predicted: (..., N, 2) ``(x, y)`` in pixels of the file as stored; NaN where a landmark was not predicted.
        truth: (..., N, 2), the same for the annotation; NaN where a landmark is not annotated.
        image_size: (..., 2) ``(height, width)`` of the file as stored, in pixels.

    Returns:
        (..., N) without unit; ``inf`` and NaN as in :mod:`lib.evaluation.metrics`.
    """
    fractions = radial_errors(predicted, truth, 1.0 / np.asarray(image_size, dtype=np.float64)[..., ::-1])
    squares: FloatArray = fractions**2
    return squares


def mse_per_landmark(squares: npt.ArrayLike) -> float:
    """Mean over landmarks of :func:`squared_fractions`: RouterNet's NMSE (AAAI 2026); 0.02 is 0.1 off on both axes."""
    return mean_radial_error(squares)


def mse_per_coordinate(squares: npt.ArrayLike) -> float:
    """Mean over the 2N coordinates, half of :func:`mse_per_landmark`; 0.01 is 0.1 off on both axes.

    The mean squared error of a vector of 2N numbers, as BoostNet (Wu et al., MICCAI 2017) regresses, is this one, and
    the paper's table 3 continues BoostNet's. Neither publication says which of the two it printed: report both.
    """
    return mse_per_landmark(squares) / 2.0


def outlier_rate(errors_px: npt.ArrayLike, radius_px: float, file_scale: float = 1.0) -> float:
    """Share (0 to 1) of the annotated landmarks off by more than a radius, or not predicted: OR20, OR40 of RouterNet.

    Args:
        errors_px: radial errors in pixels of the file as stored, of any shape; NaN is left out.
        radius_px: in pixels of the radiograph as published.
        file_scale: pixels of the file to one of the published radiograph: 0.5 of files at half size, in which OR20
            counts what is off by more than 10 pixels.
    """
    return 1.0 - success_detection_rate(errors_px, radius_px * file_scale)


def smape_of_images(predicted: npt.ArrayLike, truth: npt.ArrayLike) -> FloatArray:
    """How far the angles of each image are off, relative to their size: ``100 * sum |a - b| / sum (a + b)``.

    Args:
        predicted: (M, 3) Cobb angles in degrees, see :mod:`lib.measurements.cobb`; NaN where they cannot be measured.
        truth: (M, 3), the same of the annotation.

    Returns:
        (M,) per cent, 0 to 100, 0 where both spines are straight; NaN where an angle is not known.
    """
    found, wanted = _checked(predicted, truth)
    apart, size = np.abs(found - wanted).sum(axis=1), (found + wanted).sum(axis=1)
    shares: FloatArray = np.where(size == 0, 0.0, 100.0 * apart / np.where(size == 0, 1.0, size))
    return shares


@dataclass(frozen=True, slots=True)
class AngleErrors:
    """How far the Cobb angles of a set of images are off, as the literature after AASCE 2019 reports it.

    Args:
        count: images whose angles are known in prediction and annotation; the figures are over these.
        not_measured: images of which the annotation has angles and the prediction has not.
        smape: mean over images of :func:`smape_of_images`, per cent: by it the challenge ranked (Wang et al., Medical
            Image Analysis 72, 2021); the formula is that of a participant's scorer
            (github.com/Bidur-Khanal/SpineCurvEst). It is not the SMAPE of forecasting, which divides angle by angle.
        mean_absolute: mean absolute difference of each of the three angles, degrees. Publications name it MAE, or CMAE
            (circular) from angles that do not wrap around.
        euclidean, manhattan, chebyshev: ED, MD and CD: mean over images of the distance between the three angles taken
            as a vector: root of the sum of squares, sum, and largest of the differences, degrees.
    """

    count: int
    not_measured: int
    smape: float
    mean_absolute: tuple[float, float, float]
    euclidean: float
    manhattan: float
    chebyshev: float

    @classmethod
    def of(cls, predicted: npt.ArrayLike, truth: npt.ArrayLike) -> Self:
        """From (M, 3) angles each, see :func:`smape_of_images`; figures are NaN where there is no image to measure."""
        found, wanted = _checked(predicted, truth)
        annotated, measured = ~np.isnan(wanted).any(axis=1), ~np.isnan(found).any(axis=1)
        kept = annotated & measured
        apart = np.abs(found - wanted)[kept]
        first, second, third = (mean_radial_error(column) for column in apart.T)
        return cls(
            count=int(kept.sum()),
            not_measured=int((annotated & ~measured).sum()),
            smape=mean_radial_error(smape_of_images(found[kept], wanted[kept])),
            mean_absolute=(first, second, third),
            euclidean=mean_radial_error(np.linalg.norm(apart, axis=1)),
            manhattan=mean_radial_error(apart.sum(axis=1)),
            chebyshev=mean_radial_error(apart.max(axis=1)) if len(apart) else float("nan"),
        )


def _checked(predicted: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    found, wanted = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if found.shape != wanted.shape or found.ndim != 2 or found.shape[1] != 3:
        raise ValueError(f"Expected two arrays of the same shape (M, 3), got {found.shape} and {wanted.shape}.")
    return found, wanted

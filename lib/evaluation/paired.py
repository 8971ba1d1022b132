"""Two models on the same images: is one nearer than the other, or was it luck?

A hard radiograph is hard for both, so differences are taken landmark by landmark on the same images, and chance is
estimated by drawing patients anew (:mod:`lib.evaluation.intervals`). McNemar's test, which is often used for success
rates, takes each landmark for an observation of its own. The landmarks of an image are not: they share its exposure,
its rotation and its reader, so McNemar's p-values are too small. The bootstrap by patient keeps them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from lib.evaluation.intervals import Interval, Resampling, interval_of, share_below_zero
from lib.evaluation.metrics import SDR_THRESHOLDS_MM, FloatArray, within


class PairingError(ValueError):
    """Two models that were not measured on the same; the message is one sentence that says what differs."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorTable:
    """The errors of one model.

    Args:
        images: ids of M images.
        landmarks: N names.
        errors: (M, N) in any unit; ``inf`` and NaN as in :mod:`lib.evaluation.metrics`.

    Raises:
        ValueError: ``errors`` of another shape.
    """

    images: tuple[str, ...]
    landmarks: tuple[str, ...]
    errors: FloatArray

    def __post_init__(self) -> None:
        if self.errors.shape != (len(self.images), len(self.landmarks)):
            raise ValueError(
                f"Errors of shape {self.errors.shape} are not those of {len(self.images)} images with "
                f"{len(self.landmarks)} landmarks."
            )

    def ordered(self, images: Sequence[str], landmarks: Sequence[str]) -> FloatArray:
        """The errors with rows and columns in another order."""
        rows, columns = (
            [have.index(name) for name in want] for have, want in ((self.images, images), (self.landmarks, landmarks))
        )
        return self.errors[np.ix_(rows, columns)]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both models.

    Args:
        one, other: the figure of each.
        difference: ``one`` minus ``other``.
        interval: 95 % interval of the difference; None where the images are of one patient.
        p_value: two-sided, of the same draws: how often a difference so far from zero comes up where there is none
            (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.4); None as the interval. Of
            n patients never less than ``2 ** (1 - n)``, how often all of them are on one side by chance.
    """

    one: float
    other: float
    difference: float
    interval: Interval | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a comparison.

    Args:
        images: images with a landmark that both models found.
        patients: of these images.
        landmarks: landmarks that both models found, over all images.
        mean_error: mean radial error over these; a landmark that one of the two did not find has no distance.
        success_rates: by radius, over all annotated landmarks, shares 0 to 1; one not found is a miss.
        nearer: share of the images on which the first model's mean error is smaller; equal ones count half.
        wilcoxon_p: two-sided signed-rank test (Wilcoxon, 1945) of the patients' mean differences; None for one patient.
    """

    images: int
    patients: int
    landmarks: int
    mean_error: Difference
    success_rates: dict[float, Difference]
    nearer: float
    wilcoxon_p: float | None


def compare(
    one: ErrorTable,
    other: ErrorTable,
    patients: Mapping[str, str] | None = None,
    radii: Sequence[float] = SDR_THRESHOLDS_MM,
) -> Comparison:
    """Compare two models on the same images; negative differences of the error say that the first is nearer.

    Args:
        one: the errors of a model.
        other: those of another in the same unit; images and landmarks may be in another order.
        patients: the patient of each image; without, each image is its own.
        radii: of the success rates, in the unit of the errors.

    Raises:
        PairingError: other images, other landmarks, other annotations, or no landmark that both found.
    """
    first, second = one.errors, _matched(one, other)
    if not np.array_equal(np.isnan(first), np.isnan(second)):
        raise PairingError(
            "Two models can only be compared on the same annotations; these were measured on different ones."
        )
    groups = np.array([image if patients is None else patients[image] for image in one.images])
    resampling = Resampling(groups.tolist())
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        raise PairingError("Two models can only be compared on landmarks that both find, and here are none.")
    error = _difference(np.where(both, first, 0.0), np.where(both, second, 0.0), both, resampling)
    annotated = ~np.isnan(first)
    rates = {
        float(radius): _difference(1.0 * within(first, radius), 1.0 * within(second, radius), annotated, resampling)
        for radius in radii
    }
    used, apart = both.any(axis=1), np.where(both, first - np.where(both, second, 0.0), 0.0).sum(axis=1)
    names, member = np.unique(groups[used], return_inverse=True)
    by_patient = np.bincount(member, apart[used]) / np.bincount(member, both[used].sum(axis=1))
    return Comparison(
        images=int(used.sum()),
        patients=len(names),
        landmarks=int(both.sum()),
        mean_error=error,
        success_rates=rates,
        nearer=share_below_zero(apart[used]),
        wilcoxon_p=_wilcoxon(by_patient),
    )


def _matched(one: ErrorTable, other: ErrorTable) -> FloatArray:
    """The errors of the other in the order of the one."""
    for what, mine, theirs in (("images", one.images, other.images), ("landmarks", one.landmarks, other.landmarks)):
        if apart := sorted(set(mine) ^ set(theirs)):
            raise PairingError(
                f"Two models can only be compared on the same {what}; "
                f"{len(apart)} were measured with one of them only, such as '{apart[0]}'."
            )
    return other.ordered(one.images, one.landmarks)


def _difference(
    first: FloatArray, second: FloatArray, counted: npt.NDArray[np.bool_], resampling: Resampling
) -> Difference:
    """Of two means over what is counted, (M, N) each."""
    number = counted.sum(axis=1)
    sums = [values.sum(axis=1) for values in (first, second)]
    one, other = (float(values.sum() / number.sum()) for values in sums)
    if resampling.num_groups < 2:
        return Difference(one, other, one - other, None, None)
    drawn = resampling.ratios(sums[0] - sums[1], number)
    known, patients = drawn[~np.isnan(drawn)], int(resampling.counted(number)[0])
    p_value = max(_p_value(known), 2.0 ** (1 - patients)) if known.size else None
    return Difference(one, other, one - other, interval_of(drawn), p_value)


def _p_value(drawn: FloatArray) -> float:
    """Twice the smaller tail beyond zero; never 0, which no number of draws can show."""
    below = share_below_zero(drawn) * len(drawn)
    return float(min(1.0, 2.0 * (min(below, len(drawn) - below) + 1.0) / (len(drawn) + 1.0)))


def _wilcoxon(differences: FloatArray) -> float | None:
    if len(differences) < 2:
        return None
    if not differences.any():
        return 1.0  # two equal models: there is nothing to rank
    return float(scipy.stats.wilcoxon(differences).pvalue)

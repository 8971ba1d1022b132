"""One model against another on the same images, as reports tell it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lib.evaluation.intervals import interval_of
from lib.evaluation.metrics import FloatArray
from lib.evaluation.paired import Comparison, Difference, ErrorTable, compare
from lib.evaluation.report import Report, rounded, rounded_pair
from lib.evaluation.wording import count

LEVEL = 0.05
"""Of the signed-rank test, beside the 95 % of the interval."""


@dataclass(frozen=True, eq=False)
class Versus:
    """Two models on the same images against the same reader.

    Args:
        names: of both.
        ours: errors of the first.
        theirs: errors of the second on the same images.
    """

    names: tuple[str, str]
    ours: Report
    theirs: Report

    @property
    def unit(self) -> str:
        """``mm`` where the millimetres of every image are known, otherwise ``px``."""
        return "mm" if self.ours.in_mm else "px"

    @cached_property
    def comparison(self) -> Comparison:
        """What came of it.

        Raises:
            PairingError: the two cannot be compared.
        """
        one, other = (
            ErrorTable(tuple(image.image for image in report.images), report.names, self.errors(report))
            for report in (self.ours, self.theirs)
        )
        patients = {image.image: image.group for image in self.ours.images}
        return compare(one, other, patients, self.ours.thresholds_mm if self.unit == "mm" else ())

    def errors(self, report: Report) -> FloatArray:
        """(M, N) errors of one of the two in :attr:`unit`."""
        return report.mm if self.unit == "mm" else report.px

    @cached_property
    def landmarks(self) -> dict[str, dict[str, Any]]:
        """Difference of the mean error of each landmark that both found somewhere, and its 95 % interval."""
        ours, theirs = self.errors(self.ours), self.errors(self.theirs)
        both = np.isfinite(ours) & np.isfinite(theirs)
        apart = np.where(both, ours - np.where(both, theirs, 0.0), 0.0)
        draws = self.ours.resampling
        drawn = draws.ratios(apart, both) if draws.num_groups > 1 else None
        return {
            name: {
                "difference": rounded(float(apart[:, column].sum() / both[:, column].sum())),
                "interval": None if drawn is None else rounded_pair(interval_of(drawn[:, column])),
            }
            for column, name in enumerate(self.ours.names)
            if both[:, column].any()
        }

    @property
    def images(self) -> tuple[FloatArray, FloatArray]:
        """(M,) mean errors of each image under both, of images that both found something in."""
        ours, theirs = self.errors(self.ours), self.errors(self.theirs)
        both = np.isfinite(ours) & np.isfinite(theirs)
        some, counted = both.any(axis=1), np.maximum(both.sum(axis=1), 1)
        first, second = (np.where(both, errors, 0.0).sum(axis=1) / counted for errors in (ours, theirs))
        return first[some], second[some]

    @property
    def sentence(self) -> str:
        """The result in a sentence, for people, with another where not all landmarks could be compared."""
        alone = self._found_by_one
        if not alone:
            return self._verdict
        return f"{self._verdict} This is without {count(alone, 'landmark')} that only one of them found."

    @property
    def _found_by_one(self) -> int:
        """Annotated landmarks of which one of the two has no distance."""
        ours, theirs = (np.isfinite(self.errors(report)) for report in (self.ours, self.theirs))
        return int((ours ^ theirs).sum())

    @property
    def _verdict(self) -> str:
        """What the mean error says.

        More than chance is what both the interval and the signed-rank test call so: the bootstrap alone finds a
        difference between two equal models in 50 % of comparisons on 2 patients, 19 % on 5 and 13 % on 10, both
        together in 0, 0 and 5 % (400 made comparisons each).
        """
        mean, names = self.comparison.mean_error, self.names
        size = f"{abs(mean.difference):.3f} {self.unit}"
        if mean.interval is None:
            return f"{names[0]} and {names[1]} differ by {size} on one patient, which says nothing of others."
        (low, high), ranked = mean.interval, self.comparison.wilcoxon_p
        if low <= 0 <= high or ranked is None or ranked > LEVEL:
            return f"{names[0]} and {names[1]} differ by {size}, which may be chance."
        direction = "nearer" if mean.difference < 0 else "farther off"
        return f"{names[0]} is {direction} than {names[1]} by {size} on average, which is more than chance."

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        found = self.comparison
        return {
            "models": list(self.names),
            "unit": self.unit,
            "images": found.images,
            "patients": found.patients,
            "landmarks": found.landmarks,
            "mean_error": _told(found.mean_error),
            "success_rates": {str(radius): _told(rate) for radius, rate in found.success_rates.items()},
            "nearer": rounded(found.nearer),
            "wilcoxon_p": found.wilcoxon_p,
            "per_landmark": self.landmarks,
            "sentence": self.sentence,
        }


def _told(difference: Difference) -> dict[str, Any]:
    return {
        "one": rounded(difference.one),
        "other": rounded(difference.other),
        "difference": rounded(difference.difference),
        "interval": rounded_pair(difference.interval),
        "p_value": difference.p_value,
    }

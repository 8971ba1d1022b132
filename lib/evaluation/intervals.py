"""How far a figure may be chance: 95 % intervals by drawing the images anew.

The landmarks of an image are not independent, nor are the images of a patient: whoever counts 2850 landmarks of 150
cephalograms as 2850 observations finds intervals that are too narrow. So patients are drawn, with all their images and
landmarks, as many as there are and with replacement, and the figure is taken of each draw; the interval reaches from
its 2.5th to its 97.5th percentile (percentile bootstrap; Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13). It tells of other patients like these, not of another training of the network, and with few patients it is
somewhat narrow: in 300 made studies of 40 images it held the true mean in 91 % (that of single landmarks in 65 %), in
400 of each 8, 5, 3 and 2 images in 85, 82, 74 and 48 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lib.evaluation.metrics import FloatArray, percentiles, within

DRAWS = 10_000
LEVELS = (2.5, 97.5)

#: Sums of errors such as 0.1 + 0.2 - 0.3 miss zero by less than this, and no two models differ by so little.
_ROUNDING = 1e-12

Interval = tuple[float, float]


class Resampling:
    """One set of draws for all figures of a report, which thereby can be compared.

    Args:
        groups: the patient of each of M images, or other rows of a table; where patients are not known, the image.
        draws: how often the patients are drawn; they take ``8 * draws * patients`` bytes.
        seed: of the draws.
    """

    def __init__(self, groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> None:
        names, self._member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
        self.num_groups = len(names)
        self._draws, self._seed = draws, seed

    @cached_property
    def _counts(self) -> FloatArray:
        """(draws, groups): how often each group was drawn."""
        shape = (self._draws, self.num_groups)
        drawn = np.random.default_rng(self._seed).integers(self.num_groups, size=shape)
        cells = drawn + self.num_groups * np.arange(self._draws)[:, np.newaxis]
        return np.bincount(cells.ravel(), minlength=self._draws * self.num_groups).reshape(shape).astype(np.float64)

    def ratios(self, numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> FloatArray:
        """The ratio of two sums in each draw, as means and shares are: sum of errors over their number.

        Args:
            numerators: (M, ...) of each image, for one figure or for several at once.
            denominators: the same shape.

        Returns:
            (draws, ...); NaN where a draw has nothing to divide by, and of a figure that rests on one patient, whose
            draws are all alike and would look like certainty.
        """
        above, below = (self._counts @ self._by_group(values) for values in (numerators, denominators))
        known = (below != 0) & (self.counted(denominators) > 1)
        shape = np.shape(numerators)[1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(known, above / below, np.nan).reshape(-1, *shape)

    def counted(self, denominators: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """(...) flat: how many patients a ratio of sums rests on, see :meth:`ratios`."""
        rests_on: npt.NDArray[np.intp] = np.count_nonzero(self._by_group(denominators), axis=0)
        return rests_on

    def interval_of_ratio(self, numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> Interval | None:
        """The interval of one ratio of sums, see :meth:`ratios`; both (M,)."""
        if self.num_groups < 2:
            return None
        return interval_of(self.ratios(numerators, denominators))

    def interval_of_mean(self, errors: npt.ArrayLike) -> Interval | None:
        """The interval of the mean of all finite errors, (M, ...): of the mean radial error."""
        table = _flat(errors)
        finite = np.isfinite(table)
        return self.interval_of_ratio(np.where(finite, table, 0.0).sum(axis=1), finite.sum(axis=1))

    def interval_of_success_rate(self, errors: npt.ArrayLike, threshold: float) -> Interval | None:
        """The interval of :func:`~lib.evaluation.metrics.success_detection_rate` of errors (M, ...); shares, 0 to 1."""
        table = _flat(errors)
        return self.interval_of_ratio(within(table, threshold).sum(axis=1), (~np.isnan(table)).sum(axis=1))

    def interval(self, statistic: Callable[[FloatArray], float], values: npt.ArrayLike) -> Interval | None:
        """The interval of any figure; slower, since the figure is taken of one draw after the other.

        Args:
            statistic: the figure of (D, ...) values of D drawn images, such as ``np.nanmedian``.
            values: (M, ...) of each image.

        Returns:
            None with images of one patient only, or where no draw has the figure: NaN is none.
        """
        if self.num_groups < 2:
            return None
        table = np.asarray(values, dtype=np.float64)
        times = self._counts.astype(np.intp)
        return interval_of([statistic(np.repeat(table, row[self._member], axis=0)) for row in times])

    def _by_group(self, values: npt.ArrayLike) -> FloatArray:
        """(groups, ...) sums, the trailing axes flat."""
        table = _flat(values)
        sums = np.zeros((self.num_groups, table.shape[1]))
        np.add.at(sums, self._member, table)
        return sums


def interval_of(figures: npt.ArrayLike) -> Interval | None:
    """The interval from the figures of all draws; those that are NaN say nothing, and None comes from nothing else."""
    low, high = percentiles(figures, LEVELS)
    return None if np.isnan(low) else (low, high)


def share_below_zero(figures: npt.ArrayLike) -> float:
    """Share of the draws whose figure is negative, 0 to 1; zero counts half, and so does what is rounding beside it."""
    values = np.asarray(figures, dtype=np.float64)
    signs = np.where(np.abs(values) < _ROUNDING, 0.0, np.sign(values))
    return float(0.5 - 0.5 * signs.mean())


def _flat(values: npt.ArrayLike) -> FloatArray:
    """(M, whatever there is of each image)."""
    table = np.asarray(values, dtype=np.float64)
    return table.reshape(len(table), math.prod(table.shape[1:]))

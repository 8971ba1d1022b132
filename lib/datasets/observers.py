"""Eleven readers of five landmarks on the cephalograms of ISBI 2015 (Thaler et al., MELBA 2021)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lib.datasets.folders import existing_folder
from lib.datasets.studies import DatasetError
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import PixelSpacing

LANDMARKS = (9, 10, 3, 12, 15)
"""Numbers, from 1, of the five among the 19 of the challenge."""
FILM_MM = 0.1
"""Size of a pixel of the films as published; the files count in millimetres from the centre of the first pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class ObserverReading:
    """One reader's marks on one film.

    Args:
        annotator: ``senior``, ``junior``, ``ann1`` to ``ann9``.
        image: the film's id, as :func:`~lib.datasets.isbi2015.read_isbi2015` gives it.
        millimetres: (5, 2) places of x and y.
    """

    annotator: str
    image: str
    millimetres: npt.NDArray[np.float64]

    def landmarks(self, spacing: PixelSpacing) -> Landmarks:
        """The marks in pixels of a copy of the film, which may be smaller than the film; the other 14 undefined.

        Args:
            spacing: of the copy.

        Raises:
            DatasetError: it is not known.
        """
        if spacing.x is None or spacing.y is None:
            raise DatasetError(
                f"The size of a pixel of {self.image} is not known, and the readings are in millimetres."
            )
        names = _names()
        points = np.full((len(names), 2), np.nan)
        shrunk = FILM_MM / np.array([spacing.x, spacing.y])
        points[np.array(LANDMARKS) - 1] = (self.millimetres / FILM_MM + 0.5) * shrunk - 0.5  # pixel centres to centres
        return Landmarks.from_points(names, points)


def read_observers(source: str | Path) -> Iterator[ObserverReading]:
    """Read ``5lms_READER.csv``: without header, ``film,x1,y1,...,x5,y5``.

    Yields:
        One reading for each line, reader by reader.

    Raises:
        DatasetError: no such folder, no such file in it, a line that is not a film and ten numbers.
    """
    root = existing_folder(source, "ISBI 2015 observers")
    files = sorted(root.glob("5lms_*.csv"))
    if not files:
        raise DatasetError(f"There are no files 5lms_READER.csv in {root}.")
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            for line, row in enumerate(csv.reader(stream), start=1):
                yield ObserverReading(file.stem.removeprefix("5lms_"), *_parsed(row, f"Line {line} of {file}"))


@cache
def _names() -> tuple[str, ...]:
    return LandmarkSet.load("cephalometric_19").names


def _parsed(row: list[str], where: str) -> tuple[str, npt.NDArray[np.float64]]:
    try:
        numbers = np.array(row[1:], dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"{where} has a coordinate that is not a number.") from error
    if len(numbers) != 2 * len(LANDMARKS) or not np.isfinite(numbers).all():
        raise DatasetError(f"{where} is not a film and {2 * len(LANDMARKS)} numbers.")
    return f"isbi2015_{row[0]}", numbers.reshape(-1, 2)

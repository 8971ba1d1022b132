"""Annotators who place a landmark systematically elsewhere than the others: they may mean another point by its name."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lib.evaluation.metrics import TOLERANCE_MM
from lib.evaluation.observers import PANEL, FloatArray, Observers, mean_place
from lib.evaluation.wording import count, number

LEAST_IMAGES = 10
"""On fewer radiographs a shift may be chance."""
LEAST_MM = TOLERANCE_MM / 2
"""A smaller shift does not matter to anybody, however regular it is."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A landmark that one annotator places elsewhere.

    Args:
        annotator: who; with two annotators nobody can say which of them is right.
        other: the second of two annotators; empty where there are more.
        landmark: which.
        dx, dy: mean shift to the right and down, in ``unit``.
        scatter: radial standard deviation around it.
        images: on how many radiographs.
        unit: ``mm`` or ``px``.
    """

    annotator: str
    other: str
    landmark: str
    dx: float
    dy: float
    scatter: float
    images: int
    unit: str

    @property
    def size(self) -> float:
        """Length of the mean shift."""
        return math.hypot(self.dx, self.dy)

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        than = f"than {self.other}" if self.other else "than the others"
        return (
            f"{self.annotator} places {self.landmark} {number(self.size)} {self.unit} {self.direction} {than}, "
            f"on average of {count(self.images, 'radiograph')}; around that, single readings scatter by "
            f"{number(self.scatter)} {self.unit}."
        )

    @property
    def direction(self) -> str:
        """Where to, in the image as it is shown."""
        vertical, horizontal = (
            ("lower" if self.dy > 0 else "higher"),
            ("to the right" if self.dx > 0 else "to the left"),
        )
        if abs(self.dx) < self.size / 3:
            return vertical
        return f"further {horizontal}" if abs(self.dy) < self.size / 3 else f"{vertical} and further {horizontal}"


def find_shifts(observers: Observers) -> list[Shift]:
    """The shifts that are larger than the scatter around them, the largest first.

    Of each landmark the largest is found first, and that annotator is no longer among the others with whom the rest are
    compared: one who is far off would otherwise make the others look shifted to the other side. More than half of the
    annotators stay, to be compared with.
    """
    shifts = []
    people = len(observers.annotators)
    for landmark in range(len(observers.landmarks)):
        left = list(range(people))
        for _ in range(max(1, (people - 1) // 2)):
            candidates = (_shift(observers, landmark, annotator, left) for annotator in left)
            found = max(
                (shift for shift in candidates if shift is not None), key=lambda shift: shift.size, default=None
            )
            if found is None:
                break
            shifts.append(found)
            left.remove(observers.annotators.index(found.annotator))
    return sorted(shifts, key=lambda shift: -shift.size)


def _shift(observers: Observers, landmark: int, annotator: int, among: list[int]) -> Shift | None:
    others = [other for other in among if other != annotator]
    if not others:
        return None
    places = observers.first[:, :, landmark]
    differences = places[annotator] - mean_place(places[others], min(PANEL, len(others)))
    differences = differences[~np.isnan(differences).any(axis=1)]
    if len(differences) < LEAST_IMAGES:
        return None
    bias, scatter = differences.mean(axis=0), _scatter(differences)
    size = float(np.hypot(*bias))
    if size <= scatter or (observers.unit == "mm" and size < LEAST_MM):
        return None
    return Shift(
        observers.annotators[annotator],
        observers.annotators[others[0]] if len(others) == 1 else "",
        observers.landmarks[landmark],
        float(bias[0]),
        float(bias[1]),
        scatter,
        len(differences),
        observers.unit,
    )


def _scatter(differences: FloatArray) -> float:
    return float(np.sqrt(differences.var(axis=0, ddof=1).sum()))

"""Readings of the same radiograph by several people, and the one label that they amount to."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.landmarks.landmarks import Landmark, Landmarks, LandmarksError, State

Method = Literal["mean", "median"]

# Exact in rationals and rounded once: readings that agree give themselves back, in whichever order they come.
_MIDDLE = {"mean": statistics.mean, "median": statistics.median}


@dataclass(frozen=True, slots=True)
class Reading:
    """One person's label of one radiograph.

    Args:
        annotator: who.
        landmarks: in pixels of the file as stored, one a landmark of the set.
        landmark_set: the set's name.
        number: 1, or 2 and more where the same person has read the radiograph again without looking at the first.
        info: what is noted about it, plain JSON.
    """

    annotator: str
    landmarks: Landmarks
    landmark_set: str = ""
    number: int = 1
    info: dict[str, Any] = field(default_factory=dict)


def first_readings(readings: Iterable[Reading]) -> list[Reading]:
    """Of each annotator the reading of the lowest number, by name: one person, one vote."""
    ordered = sorted(readings, key=lambda reading: (reading.annotator, reading.number))
    first: dict[str, Reading] = {}
    for reading in ordered:
        first.setdefault(reading.annotator, reading)
    return list(first.values())


def consensus(labels: Sequence[Landmarks], method: Method) -> Landmarks:
    """The label in the middle of several.

    Each landmark for itself, from the labels that say something about it:

    - more than half say that it is missing: it is ``MISSING``; with a tie it counts as there;
    - otherwise the mean or the median of x and of y of those that have a place. With an even number the median is the
      middle between the two in the middle. ``OCCLUDED`` if more than half of these say so;
    - none says anything: ``UNDEFINED``.

    Args:
        labels: at least one; all have the same landmarks in the same order.
        method: the mean uses all readings best where they agree on what a landmark is; the median, from three on, is
            not drawn aside by one that is somewhere else.

    Raises:
        LandmarksError: no label, or labels of different landmarks.
    """
    if not labels:
        raise LandmarksError("A consensus needs at least one label.")
    if any(label.names != labels[0].names for label in labels):
        raise LandmarksError("Labels of different landmarks have no consensus.")
    if len(labels) == 1:
        return labels[0]
    return Landmarks(tuple(_together(items, method) for items in zip(*labels, strict=True)))


def completed(label: Landmarks, by: Landmarks) -> Landmarks:
    """A label with the landmarks it says nothing about taken from another one of the same landmarks."""
    pairs = zip(label, by, strict=True)
    return Landmarks(tuple(other if item.state is State.UNDEFINED else item for item, other in pairs))


def _together(items: Sequence[Landmark], method: Method) -> Landmark:
    name = items[0].name
    placed = [item for item in items if item.state.has_position]
    missing = sum(item.state is State.MISSING for item in items)
    if missing > len(placed):
        return Landmark(name, state=State.MISSING)
    if not placed:
        return Landmark(name, state=State.UNDEFINED)
    middle = _MIDDLE[method]
    occluded = sum(item.state is State.OCCLUDED for item in placed)
    state = State.OCCLUDED if 2 * occluded > len(placed) else State.DEFINED
    return Landmark(name, middle([item.x for item in placed]), middle([item.y for item in placed]), state)

"""Whose work a landmark is: a model's, a person's, or a model's that a person has looked after."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lib.landmarks.landmarks import Landmark, State


class Origin(StrEnum):
    """How a landmark of a label came about.

    ``PREDICTED``: by a model, and nobody has submitted it. The others are of submitted labels. ``ACCEPTED``: where a
    model put it; ``MOVED``: a person put it elsewhere than a model had; ``PLACED``: by a person, without a model;
    ``SKIPPED``: a person says that it is not in the radiograph.
    """

    PREDICTED = "predicted"
    ACCEPTED = "accepted"
    MOVED = "moved"
    PLACED = "placed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one landmark of a label comes from.

    Args:
        origin: see :class:`Origin`.
        model: model that predicted it, as ``"name version"``; empty where none did.
        moved_px: distance in pixels from the prediction to where a person put it; None unless moved.
    """

    origin: Origin
    model: str = ""
    moved_px: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, without what does not apply."""
        told: dict[str, Any] = {"origin": str(self.origin)}
        if self.model:
            told["model"] = self.model
        if self.moved_px is not None:
            told["moved_px"] = round(self.moved_px, 3)
        return told


def provenance(landmark: Landmark, *, submitted: bool, tolerance_px: float) -> Provenance | None:
    """Where a landmark comes from; None where it is not annotated.

    Args:
        landmark: one landmark of a label.
        submitted: a person has submitted the label.
        tolerance_px: a distance from the prediction that is none, since coordinates were text on the way.
    """
    predicted = landmark.predicted
    model = "" if predicted is None else predicted.model
    if landmark.state is State.UNDEFINED:
        return None
    if landmark.state is State.MISSING:
        return Provenance(Origin.SKIPPED, model)
    if predicted is None:
        return Provenance(Origin.PLACED if submitted else Origin.PREDICTED)
    distance = math.hypot(landmark.x - predicted.x, landmark.y - predicted.y)
    if distance > tolerance_px:
        return Provenance(Origin.MOVED, model, distance)
    return Provenance(Origin.ACCEPTED if submitted else Origin.PREDICTED, model)


def provenance_table(landmarks: Iterable[Landmark], *, submitted: bool, tolerance_px: float) -> dict[str, Any]:
    """:func:`provenance` of each annotated landmark by its name, as plain JSON."""
    found = {item.name: provenance(item, submitted=submitted, tolerance_px=tolerance_px) for item in landmarks}
    return {name: known.as_dict() for name, known in found.items() if known is not None}

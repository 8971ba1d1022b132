"""What an annotator has to look at: the landmarks of one radiograph, worst first, and how many are left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from FARNetLandmarksLib.notes import MOVED_PX, Notes

DEFINED, UNDEFINED, MISSING = "defined", "undefined", "missing"


class Status(Enum):
    """Where a landmark stands on its way to a label; the value is what the table shows."""

    TO_PLACE = "to place"
    UNSURE = "unsure"
    PREDICTED = "predicted"
    ACCEPTED = "accepted"
    MOVED = "moved"
    PLACED = "placed"
    SKIPPED = "skipped"


LEFT = (Status.TO_PLACE, Status.UNSURE, Status.PREDICTED)
"""What an annotator has not decided about, most urgent first."""


@dataclass(frozen=True)
class Row:
    """One landmark of the list.

    Args:
        index: of its control point.
        name: its name in the landmark set.
        state: ``defined``, ``undefined`` (not annotated yet) or ``missing`` (an annotator says that it is not there).
        pixel: ``(x, y)`` in pixels of the file as stored; None where it has no position.
        notes: what its description says.
        unsure: somebody should look at where the model put it.
        checked: an annotator has accepted it where it is.
    """

    index: int
    name: str
    state: str
    pixel: tuple[float, float] | None
    notes: Notes
    unsure: bool = False
    checked: bool = False

    @property
    def moved_px(self) -> float:
        """Distance in pixels from where a model put it; 0 where there is no position or no prediction."""
        if self.pixel is None or self.notes.predicted is None:
            return 0.0
        distance = math.dist(self.pixel, self.notes.predicted)
        return distance if distance > MOVED_PX else 0.0

    @property
    def status(self) -> Status:
        """Follows from the list alone, so it is right whoever changed the list."""
        if self.state == MISSING:
            return Status.SKIPPED
        if self.state != DEFINED:
            return Status.TO_PLACE
        if self.notes.predicted is None:
            return Status.PLACED
        if self.moved_px:
            return Status.MOVED
        if self.checked:
            return Status.ACCEPTED
        return Status.UNSURE if self.unsure else Status.PREDICTED

    @property
    def is_left(self) -> bool:
        """Whether the annotator has still to decide about it."""
        return self.status in LEFT

    @property
    def edited(self) -> bool:
        """Whether an annotator has decided something that another prediction would overwrite."""
        return self.status in (Status.MOVED, Status.PLACED, Status.SKIPPED, Status.ACCEPTED) or self.notes.occluded

    def status_text(self) -> str:
        """``"moved 12.3 px"``, ``"unsure"``, ``"accepted, occluded"``."""
        status = self.status
        text = f"{status.value} {self.moved_px:.1f} px" if status is Status.MOVED else status.value
        return f"{text}, occluded" if self.notes.occluded and self.state == DEFINED else text


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """Landmarks without a place, then those that the model says to look at.

    Among them the largest radius comes first or, where none is known, the least confident; those that have no
    confidence come last. Accepting and moving do not change the order, so that rows do not run away from under the
    mouse.
    """

    def key(row: Row) -> tuple[int, float, int]:
        notes = row.notes
        urgency = 0 if row.state == UNDEFINED else 1 if notes.check else 2
        doubt = 2.0 if notes.confidence is None else notes.confidence
        return (urgency, doubt if notes.region is None else -notes.region[0], row.index)

    return sorted(rows, key=key)


def neighbour(rows: Sequence[Row], name: str | None, step: int) -> Row | None:
    """The row ``step`` further than the one of that name, round the ends; the first where none has that name."""
    if not rows:
        return None
    at = next((place for place, row in enumerate(rows) if row.name == name), None)
    return rows[0] if at is None else rows[(at + step) % len(rows)]


def next_left(rows: Sequence[Row], name: str | None) -> Row | None:
    """The next row after the one of that name that is left to decide; None where all is done."""
    at = next((place + 1 for place, row in enumerate(rows) if row.name == name), 0)
    return next((row for row in [*rows[at:], *rows[:at]] if row.is_left), None)


def summary(rows: Sequence[Row]) -> str:
    """``"5 of 19 left: 2 to place, 1 unsure, 2 predicted"``."""
    counts = [(status, sum(row.status is status for row in rows)) for status in LEFT]
    left = sum(count for _, count in counts)
    if not rows:
        return "No landmarks yet"
    if not left:
        return f"All {len(rows)} landmarks are decided"
    told = ", ".join(f"{count} {status.value}" for status, count in counts if count)
    return f"{left} of {len(rows)} left: {told}"


def submission_question(rows: Sequence[Row]) -> str | None:
    """What to ask before submitting a list in which landmarks have no place; None where nothing is to be asked."""
    open_names = [row.name for row in rows if row.state == UNDEFINED]
    if not open_names:
        return None
    return (
        f"Neither placed nor skipped: {listed(open_names)}.\n\n"
        "Submit without? They count as not annotated, and nothing is learnt from them; "
        "skip those that cannot be seen in this radiograph."
    )


def listed(names: Sequence[str], most: int = 6) -> str:
    """``"Sella, Nasion and 3 more"``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

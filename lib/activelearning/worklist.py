"""Which radiographs are still to be labelled, and which of them nobody is working on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

from lib.activelearning.decision import Decision, Verdict
from lib.activelearning.ranking import Ranking
from lib.changes import ChangeLog

WORKING_S = 30 * 60
"""Who was handed a radiograph this long ago or less is still working on it."""
_CLOCKS_DIFFER_S = 3600

Noted = tuple[bool, Mapping[str, Any]]
"""Whether an image has a submitted label, and what is noted about it."""


class Labelling(Protocol):
    """What a worklist asks of a datastore."""

    def labelling(self, mark: int | None) -> tuple[int, bool, Mapping[str, Noted | None]]:
        """What is different from an earlier time, so that nobody has to look at everything.

        Args:
            mark: of the earlier time; None the first time.

        Returns:
            The mark of now; whether all images follow, since that is not known any more; and what is known of each
            image that is different, None for one that is not there.
        """


class Part(Enum):
    """What is to be done with a radiograph."""

    LABELLED = auto()
    FREE = auto()
    """Nobody is working on it."""
    BUSY = auto()
    """Somebody was handed it lately."""
    DEFERRED = auto()
    """Put off until nothing else is left."""
    REJECTED = auto()
    """Never to be labelled."""


class Worklist:
    """The radiographs of a datastore by what is to be done with them; only what has changed is looked at again.

    Use it while ``lock`` is held: another thread may bring it up to date.
    """

    _of_studies: ClassVar[WeakKeyDictionary[Any, Worklist]] = WeakKeyDictionary()
    _making: ClassVar = threading.Lock()

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.log = ChangeLog()
        """The images of which something has changed."""
        self.kept: dict[Any, Any] = {}
        """What others keep as long as this worklist, see :class:`~lib.activelearning.standing.Standing`."""
        self._mark: int | None = None
        self._parts: dict[str, Part] = {}
        self._notes: dict[str, Mapping[str, Any]] = {}
        self._of_part = dict.fromkeys(Part, 0)
        self._busy, self._deferred = Ranking(), Ranking()
        self._rejected: dict[str, Decision] = {}
        self._to_come: set[str] = set()

    @classmethod
    def of(cls, studies: Labelling, now: float | None = None) -> Worklist:
        """That of a datastore, as it is at this moment; the same object each time."""
        with cls._making:
            worklist = cls._of_studies.setdefault(studies, cls())
        worklist.update(studies, time.time() if now is None else now)
        return worklist

    def update(self, studies: Labelling, now: float) -> None:
        """Bring it up to date."""
        with self.lock:
            self._mark, whole, found = studies.labelling(self._mark)
            gone = self._parts.keys() - found.keys() if whole else set()
            for image in gone:
                self._place(image, None, now)
            for image, noted in found.items():
                self._place(image, noted, now)
            again = {*self._busy.below(now - WORKING_S), *self._to_come}  # who was at work has gone home
            for image in again:
                self._place(image, (self._parts[image] is Part.LABELLED, self._notes[image]), now)
            if whole:
                self.log.reset()
            else:
                self.log.add([*found, *again])

    @property
    def total(self) -> int:
        """How many radiographs there are, labelled ones too."""
        return len(self._parts)

    @property
    def free(self) -> list[str]:
        """Nobody is working on these; by name."""
        return sorted(image for image, part in self._parts.items() if part is Part.FREE)

    @property
    def busy(self) -> list[str]:
        """Somebody was handed these lately; the one handed out longest ago first."""
        return self._busy.first()

    @property
    def deferred(self) -> list[str]:
        """These were put off; the one put off longest ago first."""
        return self._deferred.first()

    @property
    def rejected(self) -> dict[str, Decision]:
        """Never to be labelled, with the reason; by name."""
        return dict(sorted(self._rejected.items()))

    def count(self, part: Part) -> int:
        """How many radiographs are in a part."""
        return self._of_part[part]

    def part(self, image: str) -> Part | None:
        """The part of an image; None where there is no such image."""
        return self._parts.get(image)

    def images(self) -> Iterable[str]:
        """All, in no order."""
        return self._parts.keys()

    def notes(self, image: str) -> Mapping[str, Any]:
        """What was noted about an image when the worklist was brought up to date; not to be changed."""
        return self._notes[image]

    def end(self) -> str:
        """What to say when nothing is left to hand out."""
        labelled, rejected = self.count(Part.LABELLED), self.count(Part.REJECTED)
        if not self.total:
            return "There are no radiographs yet."
        if not rejected:
            return f"All {self.total} radiographs have labels."
        return f"Nothing is left: {labelled} of {self.total} radiographs have labels, {rejected} were rejected."

    def _place(self, image: str, noted: Noted | None, now: float) -> None:
        earlier = self._parts.pop(image, None)
        if earlier is not None:
            self._of_part[earlier] -= 1
        self._notes.pop(image, None)
        self._to_come.discard(image)
        part, busy, deferred, decision = None, None, None, None
        if noted is not None:
            labelled, notes = noted
            part, handed, decision = self._judged(labelled, notes, now)
            self._notes[image], self._parts[image] = notes, part
            self._of_part[part] += 1
            busy = handed if part is Part.BUSY else None
            if part is Part.DEFERRED and decision is not None:
                deferred = max(decision.time, handed)
            if _has_time_to_come(notes, now):
                self._to_come.add(image)
        self._busy.put(image, busy)
        self._deferred.put(image, deferred)
        if part is Part.REJECTED and decision is not None:
            self._rejected[image] = decision
        else:
            self._rejected.pop(image, None)

    @staticmethod
    def _judged(labelled: bool, notes: Mapping[str, Any], now: float) -> tuple[Part, float, Decision | None]:
        """Part, when it was handed out, and the decision."""
        if labelled:
            return Part.LABELLED, 0.0, None
        decision, handed = Decision.noted(notes), handed_out(notes, now)
        if decision is not None:
            return Part.REJECTED if decision.verdict is Verdict.REJECT else Part.DEFERRED, handed, decision
        return Part.BUSY if now - handed <= WORKING_S else Part.FREE, handed, None


def handed_out(notes: Mapping[str, Any], now: float) -> float:
    """When an image was last handed out by any strategy, in seconds since 1970; 0 for never.

    Times to come are none: an index may have been edited by hand.
    """
    return max((moment for moment in _times(notes) if 0 <= moment <= now + _CLOCKS_DIFFER_S), default=0)


def _has_time_to_come(notes: Mapping[str, Any], now: float) -> bool:
    """Whether :func:`handed_out` will say something else only because time passes."""
    return any(moment > now + _CLOCKS_DIFFER_S for moment in _times(notes))


def _times(notes: Mapping[str, Any]) -> list[float]:
    noted = notes.get("strategy")
    entries = noted.values() if isinstance(noted, Mapping) else ()
    times = (entry.get("ts", 0) for entry in entries if isinstance(entry, Mapping))
    return [moment for moment in times if isinstance(moment, int | float)]

"""Which radiographs are still to be labelled, and which of them nobody is working on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

WORKING_S = 30 * 60
"""Who was handed a radiograph this long ago or less is still working on it."""
MAX_REASON = 500
_CLOCKS_DIFFER_S = 3600


class Verdict(StrEnum):
    """What an annotator says of a radiograph instead of labelling it."""

    DEFER = "defer"
    REJECT = "reject"
    NONE = "none"


class DecisionError(ValueError):
    """A verdict that cannot be noted; one sentence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A radiograph that was set aside.

    Args:
        verdict: ``DEFER`` comes again when nothing else is left, ``REJECT`` never; ``NONE`` takes either back.
        reason: why, in the annotator's words.
        by: who; empty where nobody says.
        time: seconds since 1970.
    """

    verdict: Verdict
    reason: str = ""
    by: str = ""
    time: int = 0

    @classmethod
    def asked(cls, verdict: object, reason: object, by: str) -> Decision:
        """What a client asks for.

        Raises:
            DecisionError: no such verdict, or a reason that is no text or too long.
        """
        if not isinstance(verdict, str) or verdict not in list(Verdict):
            raise DecisionError(f"'decision' is one of {', '.join(Verdict)}.")
        if not isinstance(reason, str) or len(reason) > MAX_REASON:
            raise DecisionError(f"'reason' is a text of at most {MAX_REASON} characters.")
        if verdict == Verdict.REJECT and not reason.strip():
            raise DecisionError("Say why the radiograph is rejected: 'reason' is empty.")
        return cls(Verdict(verdict), reason.strip(), by, int(time.time()))

    @classmethod
    def noted(cls, notes: Mapping[str, Any]) -> Decision | None:
        """What is noted about an image; None where nothing is, or what cannot be understood."""
        found = notes.get("decision")
        if not isinstance(found, Mapping) or found.get("decision") not in (Verdict.DEFER, Verdict.REJECT):
            return None
        verdict, reason, by = Verdict(found["decision"]), str(found.get("reason", "")), str(found.get("by", ""))
        moment = found.get("ts", 0)
        return cls(verdict, reason, by, moment if isinstance(moment, int) else 0)

    def as_dict(self) -> dict[str, Any]:
        """As it is noted and told."""
        return {"decision": str(self.verdict), "reason": self.reason, "by": self.by, "ts": self.time}


class Labelling(Protocol):
    """What a worklist asks of a datastore."""

    def unlabeled_notes(self) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        """How many images there are, and what is noted about each of those without a submitted label."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """The radiographs without a label.

    Args:
        total: all radiographs, labelled ones too.
        free: nobody is working on them.
        busy: somebody was handed them lately; the one handed out longest ago first.
        deferred: put off, the one put off longest ago first.
        rejected: never to be labelled, with the reason.
    """

    total: int
    free: Sequence[str]
    busy: Sequence[str]
    deferred: Sequence[str]
    rejected: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def of(cls, studies: Labelling, now: float | None = None) -> Worklist:
        """Of a datastore, at this moment."""
        now = time.time() if now is None else now
        free: list[str] = []
        busy: list[tuple[float, str]] = []
        deferred: list[tuple[float, str]] = []
        rejected: dict[str, Decision] = {}
        total, unlabelled = studies.unlabeled_notes()
        for image, notes in sorted(unlabelled.items()):
            decision, handed = Decision.noted(notes), handed_out(notes, now)
            if decision is not None and decision.verdict is Verdict.REJECT:
                rejected[image] = decision
            elif decision is not None:
                deferred.append((max(decision.time, handed), image))
            elif now - handed <= WORKING_S:
                busy.append((handed, image))
            else:
                free.append(image)
        return cls(total, free, _oldest_first(busy), _oldest_first(deferred), rejected)

    def end(self) -> str:
        """What to say when nothing is left to hand out."""
        labelled = self.total - len(self.free) - len(self.busy) - len(self.deferred) - len(self.rejected)
        if not self.total:
            return "There are no radiographs yet."
        if not self.rejected:
            return f"All {self.total} radiographs have labels."
        return (
            f"Nothing is left: {labelled} of {self.total} radiographs have labels, {len(self.rejected)} were rejected."
        )


def handed_out(notes: Mapping[str, Any], now: float) -> float:
    """When an image was last handed out by any strategy, in seconds since 1970; 0 for never.

    Times to come are none: an index may have been edited by hand.
    """
    noted = notes.get("strategy")
    entries = noted.values() if isinstance(noted, Mapping) else ()
    times = (entry.get("ts", 0) for entry in entries if isinstance(entry, Mapping))
    known = (moment for moment in times if isinstance(moment, int | float) and 0 <= moment <= now + _CLOCKS_DIFFER_S)
    return max(known, default=0)


def _oldest_first(part: Sequence[tuple[float, str]]) -> list[str]:
    return [image for _, image in sorted(part)]

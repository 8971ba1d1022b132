"""What annotators say of a radiograph instead of labelling it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_REASON = 500


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

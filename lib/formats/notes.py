"""What a point's description in Slicer says about it: occluded, how sure a model was, what the landmark is."""

from __future__ import annotations

from typing import Any

from lib.landmarks import Landmark, State

CONFIDENCE = "confidence"
_DEFINITION_FOLLOWS = "|"
_ROUNDED_BY = 0.006
"""Two decimals are told, so half a hundredth and a little."""


def describe(item: Landmark, definition: str | None) -> str:
    """``"occluded, confidence=0.93 | Centre of the sella turcica."``, each part where it applies."""
    notes = []
    if item.state is State.OCCLUDED:
        notes.append(str(State.OCCLUDED))
    if item.confidence is not None:
        notes.append(f"{CONFIDENCE}={item.confidence:.2f}")
    text = ", ".join(notes)
    return text if definition is None else f"{text} {_DEFINITION_FOLLOWS} {definition}".strip()


def is_occluded(description: object) -> bool:
    """Whether the description says that the landmark lies behind other anatomy."""
    return str(State.OCCLUDED) in _notes(description)


def confidence(description: object, exact: Any) -> float | None:
    """The confidence that the description tells, in full where ``exact`` agrees with it; None where it tells none.

    The description goes with its point wherever somebody sorts it; a measurement is only a list of numbers. People may
    write into a description whatever they like, so what does not read as a confidence is none.
    """
    for note in _notes(description):
        key, _, text = note.partition("=")
        if key.strip() == CONFIDENCE:
            break
    else:
        return None
    try:
        told = float(text)
    except ValueError:
        return None
    if type(exact) in (int, float) and 0.0 <= exact <= 1.0 and abs(exact - told) < _ROUNDED_BY:
        return float(exact)
    return told if 0.0 <= told <= 1.0 else None


def _notes(description: object) -> list[str]:
    told = description.partition(_DEFINITION_FOLLOWS)[0] if isinstance(description, str) else ""
    return [note.strip().casefold() for note in told.split(",")]

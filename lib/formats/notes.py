"""What a point's description in 3D Slicer says of it: occluded, what a model predicted, what the landmark is.

Of all that a markups file can hold beside positions, the description alone goes with its point through every version of
Slicer, every order of the points, and from points to boxes. The companion module for Slicer has a copy of this
file, kept the same by a test; so it stands alone and runs on Python 3.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

OCCLUDED = "occluded"
CHECK = "check"
CONFIDENCE = "confidence"
RADIUS = "radius"
ELLIPSE = "ellipse"
PREDICTED = "predicted"
MODEL = "model"

MOVED_PX = 1e-3
"""A point this many pixels from its prediction was moved by somebody; less is lost on the way to text and back."""

_KEYS = (OCCLUDED, CHECK, CONFIDENCE, RADIUS, ELLIPSE, PREDICTED, MODEL)
_DEFINITION_FOLLOWS = "|"
_FARTHEST_PX = 1e6
_SHORTEST_PX = 0.01
"""A length is told with two decimals, and none may become 0."""
_ROUNDED_BY = 0.006
"""Two decimals of the confidence are told, so half a hundredth and a little."""


@dataclass(frozen=True)
class Notes:
    """What stands in a description.

    Args:
        occluded: the landmark lies behind other anatomy.
        confidence: of the model, 0 to 1.
        predicted: ``(x, y)`` in pixels of the file as stored, where a model put the point.
        model: that model, as ``"name version"``.
        definition: what the landmark is; or whatever else somebody wrote.
        check: of the prediction: a person should look at it.
        region: of the prediction, where the landmark lies in nine cases of ten, in pixels of the file as stored: radius
            of the circle, then the ellipse's longer and shorter semi-axis and, in degrees from x towards y, its angle.
    """

    occluded: bool = False
    confidence: float | None = None
    predicted: tuple[float, float] | None = None
    model: str = ""
    definition: str = ""
    check: bool = False
    region: tuple[float, float, float, float] | None = None


def write_notes(notes: Notes) -> str:
    """``"occluded, confidence=0.93, predicted=812.2500 1034.0000, model=ceph 3 | What it is."``, what applies of it.

    Of a calibrated model ``"check, confidence=0.93, radius=14.20, ellipse=16.00 10.10 35.0, predicted=..."``.
    """
    told = [OCCLUDED] if notes.occluded else []
    if notes.check and notes.predicted is not None:
        told.append(CHECK)
    if notes.confidence is not None:
        told.append(f"{CONFIDENCE}={notes.confidence:.2f}")
    if notes.region is not None and notes.predicted is not None:
        radius, longer, shorter = (max(length, _SHORTEST_PX) for length in notes.region[:3])
        told.append(f"{RADIUS}={radius:.2f}")
        told.append(f"{ELLIPSE}={longer:.2f} {shorter:.2f} {notes.region[3]:.1f}")
    if notes.predicted is not None:
        told.append("{}={:.4f} {:.4f}".format(PREDICTED, *notes.predicted))
        if notes.model:
            told.append(f"{MODEL}={_within_a_note(notes.model)}")
    text = ", ".join(told)
    return f"{text} {_DEFINITION_FOLLOWS} {notes.definition}".strip() if notes.definition else text


def read_notes(description: object) -> Notes:
    """What a description says. People may write into it whatever they like: what does not read as a note is none."""
    text, _, definition = description.partition(_DEFINITION_FOLLOWS) if isinstance(description, str) else ("", "", "")
    values: dict[str, str] = {}
    remarks = []
    for note in text.split(","):
        key, _, value = note.partition("=")
        if key.strip().casefold() in _KEYS:
            values.setdefault(key.strip().casefold(), value.strip())
        elif note.strip():
            remarks.append(note.strip())
    predicted = _point(values.get(PREDICTED, ""))
    model = values.get(MODEL, "") if predicted is not None else ""
    check = values.get(CHECK) == "" and predicted is not None
    region = None if predicted is None else _region(values.get(RADIUS, ""), values.get(ELLIPSE, ""))
    if predicted is None and CHECK in values:
        remarks.append(CHECK)  # somebody's own word: no prediction is meant
    free_text = " ".join(part for part in (", ".join(remarks), definition.strip()) if part)
    occluded = values.get(OCCLUDED) == ""
    return Notes(occluded, _fraction(values.get(CONFIDENCE, "")), predicted, model, free_text, check, region)


def exact_confidence(told: float | None, measured: Any) -> float | None:
    """The confidence in full: ``measured``, from the list's measurement, where it agrees with what the notes tell.

    The notes go with their point wherever somebody sorts it; a measurement is only a list of numbers.
    """
    if told is None or type(measured) not in (int, float) or not 0.0 <= measured <= 1.0:
        return told
    return float(measured) if abs(measured - told) < _ROUNDED_BY else told


def _fraction(text: str) -> float | None:
    value = _number(text)
    return value if value is not None and 0.0 <= value <= 1.0 else None


def _point(text: str) -> tuple[float, float] | None:
    numbers = _numbers(text, 2)
    return None if numbers is None else (numbers[0], numbers[1])


def _region(radius: str, ellipse: str) -> tuple[float, float, float, float] | None:
    """Radius and ellipse, which is the circle where none is told; None where either is no length."""
    lengths = _numbers(radius, 1)
    longer, shorter, angle = _numbers(ellipse, 3) or (lengths or [0.0]) * 2 + [0.0]
    if lengths is None or min(lengths[0], longer, shorter) <= 0:
        return None
    return lengths[0], longer, shorter, angle


def _numbers(text: str, count: int) -> list[float] | None:
    found = [_number(part) for part in text.split()]
    numbers = [number for number in found if number is not None and abs(number) <= _FARTHEST_PX]
    return numbers if len(numbers) == len(found) == count else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _within_a_note(text: str) -> str:
    return " ".join(text.replace(",", " ").replace(_DEFINITION_FOLLOWS, " ").split())

"""What a model says of its own predictions, and what that means to an annotator."""

from __future__ import annotations

from FARNetLandmarksLib.notes import Notes


def is_unsure(notes: Notes, second_colour: bool) -> bool:
    """Whether somebody should look at a prediction.

    A calibrated model says so itself. Of another one the server shows what has a low confidence in the second colour.
    """
    return notes.check or (second_colour and notes.region is None)


def radius_text(notes: Notes) -> str:
    """``"±14 px"``, of the file; empty where the model is not calibrated.

    The millimetres of a volume place it in Slicer's scene; those on the patient are another matter, and not known here.
    """
    return "" if notes.region is None else f"±{_short(notes.region[0])} px"


def trust_text(notes: Notes) -> str:
    """What confidence and radius mean."""
    confidence = notes.confidence
    if notes.region is None:
        return "" if confidence is None else "How sure the model is, 0 to 1; it has not been calibrated"
    told = f"In nine cases of ten within {_short(notes.region[0])} px of where the model put it"
    if confidence is None:
        return told
    return f"{told}; within the tolerance with a probability of {100 * confidence:.0f} %"


def whole_text(trust: object) -> str:
    """What an annotator should know of a prediction as a whole; empty where there is nothing to say.

    Args:
        trust: as the server sends it: ``note``, and ``shape`` with a ``note``.
    """
    if not isinstance(trust, dict):
        return ""
    shape = trust.get("shape")
    notes = (shape.get("note") if isinstance(shape, dict) else "", trust.get("note"))
    return " ".join(str(note) for note in notes if note)


def _short(length: float) -> str:
    return f"{length:.1f}" if length < 9.95 else f"{length:.0f}"

"""What a report says of the comparison between the best model of a run and the model in use."""

from __future__ import annotations

from collections.abc import Callable

from lib.evaluation.run_record import ComparedImage, GateRecord, ScoredModel
from lib.evaluation.wording import DASH, count, number, percent

#: Fewer held-out patients than these say little, or not everything, about other patients.
FEW_PATIENTS, SOME_PATIENTS = 8, 30


def reason(gate: GateRecord) -> str:
    """The verdict without the words that the headline above it says already."""
    text = gate.verdict.removeprefix("Published: ").removeprefix("Not published: ")
    return text[:1].upper() + text[1:]


def both_models(gate: GateRecord) -> list[tuple[str, tuple[str, str]]]:
    """The figures of candidate and model in use, row by row, as the page shows them."""
    none = ScoredModel(version=DASH)
    pair = (gate.candidate or none, gate.served or none)
    rows: dict[str, Callable[[ScoredModel], str]] = {
        "version": lambda model: model.version,
        "epoch": lambda model: DASH if model.epoch is None else str(model.epoch),
        "mean radial error": lambda model: number(model.mre_mm) + (" mm" if model.mre_mm is not None else ""),
        "in pixels": lambda model: number(model.mre_px, 1) + (" px" if model.mre_px is not None else ""),
        "within 2 mm": lambda model: percent(model.sdr),
        "score": lambda model: number(model.score, 3),
    }
    return [(name, (text(pair[0]), text(pair[1]))) for name, text in rows.items()]


def worst_images(gate: GateRecord) -> list[ComparedImage]:
    """The compared images, those on which the candidate is farthest off first."""
    return sorted(gate.images, key=lambda item: -1.0 if item.candidate is None else item.candidate, reverse=True)


def largest_error(gate: GateRecord) -> float:
    """The largest error of the compared images, in tolerances, for an axis: at least 1."""
    errors = (error for item in gate.images for error in (item.candidate, item.served))
    return max((1.0, *(error for error in errors if error is not None)))


def is_weak(gate: GateRecord) -> bool:
    """Whether so few patients were compared that a reader should be warned."""
    return _num_patients(gate) < FEW_PATIENTS


def comparison_strength(gate: GateRecord) -> str:
    """In plain words, how much a comparison on so many patients can say."""
    patients = _num_patients(gate)
    if not patients:
        return "It is not recorded which images the two models were compared on."
    on = f"The comparison rests on {count(len(gate.images), 'image')} of {count(patients, 'patient')}"
    if patients == 1:
        return f"{on}: it says nothing about other patients. Label and hold out more before relying on it."
    if patients < FEW_PATIENTS:
        return f"{on}. That is few: it is a weak comparison, and on other patients it may come out the other way."
    if patients < SOME_PATIENTS:
        return f"{on}: small differences may be chance, so read the interval with the difference."
    return f"{on}."


def _num_patients(gate: GateRecord) -> int:
    return len({item.group for item in gate.images})

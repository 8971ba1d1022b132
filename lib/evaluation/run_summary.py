"""A run in a few words and numbers: what came of it, how far it is, how well it did, on what."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lib.evaluation.history import EpochRecord, Validation
from lib.evaluation.run_record import RunRecord, Side
from lib.evaluation.wording import DASH, count, distance, duration, number, percent

_LAST_EPOCHS = 10  # whose time tells how long the others will take


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number that stands out, what it is, and a line below it."""

    name: str
    value: str
    note: str = ""


def headline(record: RunRecord, history: Sequence[EpochRecord] = ()) -> str:
    """In a few words, what came of a run, or how far it is."""
    if record.gate is not None and record.status != "running":
        candidate = record.gate.candidate
        version = candidate.version if candidate else record.run
        return f"Published as version {version}" if record.gate.publish else "Not published"
    if record.status == "running":
        done = history[-1].epoch if history else 0
        total = epochs_planned(record)
        return f"Training: {done} of {total} epochs done" if total else f"Training: {done} epochs done"
    return {
        "finished": "Finished without a comparison",
        "stopped": "Stopped before there was a model to compare",
        "interrupted": "Interrupted",
        "failed": "Failed",
    }[record.status]


def outcome(record: RunRecord) -> str:
    """In a line, whether a run's model was published, or why not."""
    gate = record.gate
    if gate is None or record.status == "running":
        return record.message or ""
    why = gate.verdict.removeprefix("Not published: ")
    return "published" if gate.publish else f"not published: {why}"


def epochs_planned(record: RunRecord) -> int | None:
    """How many epochs a run shall train, where its record says."""
    wanted = record.options.get("max_epochs")
    return record.epochs or (wanted if isinstance(wanted, int) and wanted > 0 else None)


def key_figures(record: RunRecord, history: Sequence[EpochRecord]) -> list[KeyFigure]:
    """The numbers at the top: errors of the best epoch so far, epochs, images, time."""
    mre_mm, mre_px, share = _best_figures(record, history)
    served = record.gate.served if record.gate else None
    result = [
        KeyFigure(
            "Mean radial error",
            distance(mre_mm, mre_px),
            f"in use: {distance(served.mre_mm, served.mre_px)}" if served else "",
        ),
        KeyFigure(
            "Within 2 mm",
            percent(share),
            f"in use: {percent(served.sdr)}" if served else "",
        ),
        KeyFigure(
            "Best epoch",
            DASH if record.best_epoch is None else str(record.best_epoch),
            f"of {len(history)} trained",
        ),
    ]
    if record.data:
        train, held_out = record.data.train, record.data.held_out
        sides = (("Trained on", train), ("Held out", held_out))
        result += [
            KeyFigure(name, str(side.images), f"images of {count(side.patients, 'patient')}") for name, side in sides
        ]
    result.append(KeyFigure("Time", *_time(record, history)))
    speed = _speed(history)
    return result if speed is None else [*result, speed]


def worst_first(names: Sequence[str], validation: Validation) -> list[tuple[str, float | None]]:
    """Each landmark with its mean radial error in pixels, the largest first, those without one last."""
    errors = {**dict.fromkeys(names), **validation.per_landmark}
    return sorted(errors.items(), key=lambda item: -math.inf if item[1] is None else item[1], reverse=True)


def groups_of(record: RunRecord, side: Side) -> list[tuple[str, list[str]]]:
    """The groups of one side with their images, by name."""
    groups: dict[str, list[str]] = {}
    for item in record.data.split if record.data else ():
        if item.side == side:
            groups.setdefault(item.group, []).append(item.image)
    return sorted((group, sorted(images)) for group, images in groups.items())


def shown_validation(history: Sequence[EpochRecord], best_epoch: int | None) -> tuple[int, Validation] | None:
    """The validation that the page shows, with its epoch: the best one's, otherwise the last one's."""
    found = {record.epoch: record.validation for record in history if record.validation is not None}
    if not found:
        return None
    epoch = best_epoch if best_epoch is not None and best_epoch in found else max(found)
    return epoch, found[epoch]


def _best_figures(record: RunRecord, history: Sequence[EpochRecord]) -> tuple[float | None, float | None, float | None]:
    """Mean radial error in mm and in pixels and share within 2 mm: as compared, otherwise of the best validation."""
    if record.gate and (candidate := record.gate.candidate):
        return candidate.mre_mm, candidate.mre_px, candidate.sdr
    shown = shown_validation(history, record.best_epoch)
    validation = shown[1] if shown else Validation()
    return validation.mre_mm, validation.mre_px, validation.sdr_2mm


def _speed(history: Sequence[EpochRecord]) -> KeyFigure | None:
    """How many images a second the last epochs took, and how busy the machine was."""
    last = [item.usage for item in history[-_LAST_EPOCHS:]]

    def usual(name: str) -> float | None:
        known = [value for usage in last if (value := usage.get(name)) is not None]
        return statistics.median(known) if known else None

    if (rate := usual("images_per_second")) is None:
        return None
    gpu, memory, waiting = usual("gpu"), usual("gpu_memory_gb"), usual("waiting")
    notes = [
        None if gpu is None else f"GPU {percent(gpu)} busy",
        None if memory is None else f"{number(memory, 1)} GB of its memory",
        None if waiting is None else f"{percent(waiting)} of it waiting for data",
    ]
    return KeyFigure("Speed", f"{number(rate, 1)} images/s", ", ".join(note for note in notes if note))


def _time(record: RunRecord, history: Sequence[EpochRecord]) -> tuple[str, str]:
    """How long it took so far, and how long it will take yet, or how long an epoch takes."""
    seconds = [item.seconds for item in history[-_LAST_EPOCHS:] if item.seconds is not None]
    usual = statistics.median(seconds) if seconds else None
    # not from start to end, which may be days where a run was resumed
    total = sum(item.seconds or 0.0 for item in history)
    shown = duration(total) if total > 0 else DASH
    planned = epochs_planned(record)
    if usual is None:
        return shown, ""
    if record.status == "running" and planned:
        return shown, f"about {duration(usual * max(0, planned - history[-1].epoch))} to go"
    return shown, f"{number(usual, 1)} s an epoch"

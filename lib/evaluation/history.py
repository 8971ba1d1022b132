"""The epochs of a run, one line each in its ``history.jsonl``: appended as they end, readable while the run goes on."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from lib.evaluation.run_record import Measured, Strict
from lib.formats import write_atomic

logger = logging.getLogger(__name__)

HISTORY_FILE = "history.jsonl"


class Validation(Strict):
    """Figures on the held-out images after an epoch.

    Attributes:
        sdr_2mm: share, 0 to 1, of the landmarks within 2 mm or what stands in for them.
        mre_px, mre_mm: mean radial error in pixels of the files as stored, and in mm where these are known.
        score: see :class:`~lib.evaluation.run_record.ScoredModel`.
        images: score of each held-out image.
        per_landmark: mean radial error of each landmark in pixels.
    """

    sdr_2mm: Measured = None
    mre_px: Measured = None
    mre_mm: Measured = None
    score: Measured = None
    images: dict[str, Measured] = Field(default_factory=dict)
    per_landmark: dict[str, Measured] = Field(default_factory=dict)


class EpochRecord(Strict):
    """One epoch.

    Attributes:
        epoch: counted from 1.
        loss: mean of the training loss; None where it was not finite.
        learning_rate: at its end.
        seconds: how long it took, validation included.
        usage: how busy the machine was, see :class:`~lib.trainers.usage.Usage`.
        validation: None where there was none.
    """

    epoch: Annotated[int, Field(ge=1)]
    loss: Measured = None
    learning_rate: Measured = None
    seconds: Measured = None
    usage: dict[str, Measured] = Field(default_factory=dict)
    validation: Validation | None = None


def append_epoch(folder: Path, record: EpochRecord) -> None:
    """Add an epoch to the history in a run's folder; it is on the disk when this returns."""
    with (folder / HISTORY_FILE).open("a+b") as file:
        # what a killed process has left unfinished stays a line of its own and takes nothing with it
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        torn = size > 0 and file.read(1) != b"\n"
        file.write(b"\n" * torn + _line(record))
        file.flush()
        os.fsync(file.fileno())


def read_history(folder: Path) -> list[EpochRecord]:
    """The epochs of a run in their order; empty where there are none yet.

    A line that a killed process has torn is left out, with a line in the log. After a resume an epoch may stand there
    twice: the later counts.
    """
    epochs: dict[int, EpochRecord] = {}
    path = folder / HISTORY_FILE
    content = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = EpochRecord.model_validate_json(line)
        except ValidationError:
            logger.warning("Line %d of %s is damaged and left out", number, path)
            continue
        epochs[record.epoch] = record
    return [epochs[epoch] for epoch in sorted(epochs)]


def cut_history(folder: Path, epoch: int) -> None:
    """Forget what came after an epoch, to go on from it; 0 forgets everything."""
    kept = [record for record in read_history(folder) if record.epoch <= epoch]
    write_atomic(folder / HISTORY_FILE, b"".join(map(_line, kept)))


def _line(record: EpochRecord) -> bytes:
    content = json.dumps(record.model_dump(mode="json"), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return content.encode() + b"\n"

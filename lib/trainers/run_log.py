"""What a run writes down while it goes on: its record and history, figures for viewers, pictures, the report."""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoints import ModelCard
from lib.evaluation import save_overlay
from lib.evaluation.history import EpochRecord, Validation, append_epoch, cut_history, read_history
from lib.evaluation.run_record import (
    ComparedImage,
    GateRecord,
    LeftOutImage,
    RunData,
    RunRecord,
    ScoredModel,
    Side,
    SideCount,
    SplitImage,
    Status,
    list_runs,
    read_run,
    write_run,
)
from lib.evaluation.run_report import write_run_report
from lib.formats import json_text, write_atomic
from lib.landmarks import Landmarks
from lib.radiographs import RadiographError, read_radiograph
from lib.trainers.best import Best
from lib.trainers.gate import Verdict, rule
from lib.trainers.lock import TrainingStoppedError, is_training
from lib.trainers.metrics import HeldOutTable
from lib.trainers.plan import RunPlan
from lib.trainers.tracking import Tracker

logger = logging.getLogger(__name__)

PICTURED_IMAGES = 4
PICTURED_EPOCHS = 6
REPORT_EVERY_S = 20.0
STATS_FILE = "train_stats.json"
UNDECIDED = "Not decided yet."
NOTHING_TO_JUDGE = "there was no validation that gave a figure."


class RunLog:
    """The written side of a run; in processes that do not lead it writes nothing.

    Args:
        plan: the run.
        card: of its model.
        device: in words.
        start: what it started from, in words.
        leads: whether this process writes.
    """

    def __init__(self, plan: RunPlan, card: ModelCard, device: str, start: str, *, leads: bool) -> None:
        self.plan, self.card, self.leads = plan, card, leads
        self._begun = time.time()
        self._reported = -math.inf
        self._published = False
        self._figures: dict[str, float] = {}
        self._tracker: Tracker | None = None
        if not leads:
            return
        before = read_run(plan.folder) if plan.resumed else None
        self.record = _record(plan, card, device, start, before)
        self._write()

    # --- while it goes on ----------------------------------------------------------------------------------------

    def resumed_after(self, epoch: int) -> None:
        """The run goes on after so many epochs; what was written about later ones is forgotten."""
        if not self.leads:
            return
        cut_history(self.plan.folder, epoch)
        self._write_stats(epoch, None)
        with self.tolerated("Figures are not tracked"):
            self._tracker = Tracker(self.plan, epoch)

    def scores(self) -> list[Mapping[str, float]]:
        """The scores of the held-out images in each validation so far."""
        if not self.leads:
            return []
        validations = (epoch.validation for epoch in read_history(self.plan.folder))
        return [
            {image: score for image, score in validation.images.items() if score is not None}
            for validation in validations
            if validation is not None
        ]

    def note(self, sentence: str) -> None:
        """Something that a person should know; once."""
        if self.leads and sentence in self.record.notes:
            return
        logger.info("%s", sentence)
        if self.leads:
            self._update(notes=(*self.record.notes, sentence))

    def epoch(
        self,
        epoch: int,
        figures: Mapping[str, float],
        usage: Mapping[str, float],
        seconds: float,
        table: HeldOutTable | None,
        best: Best,
    ) -> None:
        """An epoch has ended.

        Args:
            epoch: its number.
            figures: its ``loss`` and ``learning_rate``.
            usage: see :class:`~lib.trainers.usage.Usage`.
            seconds: how long it took, validation included.
            table: of its validation, if there was one.
            best: the best so far.
        """
        tracked = {**figures, **usage}
        validation = None
        if table is not None:
            measured = self._figures = table.figures()
            tracked |= measured
            validation = Validation(
                sdr_2mm=measured["val_sdr_2mm"],
                mre_px=measured["val_mre_px"],
                mre_mm=measured["val_mre_mm"],
                score=measured["val_score"],
                images=dict(table.scores()),
                per_landmark=dict(table.per_landmark(self.card.landmark_set.names)),
            )
        record = EpochRecord(epoch=epoch, **figures, usage=dict(usage), seconds=seconds, validation=validation)
        append_epoch(self.plan.folder, record)
        if self._tracker is not None:
            with self.tolerated("Figures are not tracked any more"):
                self._tracker.epoch(epoch, tracked)
        if table is not None and self._is_pictured(epoch):
            with self.tolerated("Pictures are missing"):
                self._draw(table, f"epoch_{epoch:04d}")
        if best.epoch and best.epoch != self.record.best_epoch:
            self._update(best_epoch=best.epoch)
        self._write_stats(epoch, best)
        self._report(at_most_every=REPORT_EVERY_S)

    def to_beat(self, card: ModelCard, table: HeldOutTable) -> None:
        """The figures of the model in use are known."""
        served = _scored(card, table.figures())
        confidence = self.plan.options.gate_confidence
        self._update(gate=GateRecord(rule=rule(confidence), verdict=UNDECIDED, publish=False, served=served))

    # --- at its end ----------------------------------------------------------------------------------------------

    def judged(self, verdict: Verdict, candidate: ModelCard, served: tuple[ModelCard, HeldOutTable] | None) -> None:
        """The comparison with the model in use is done."""
        theirs: Sequence[float | None] = verdict.served or [None] * len(verdict.images)
        pairs = zip(verdict.images, verdict.groups, verdict.candidate, theirs, strict=True)
        gate = GateRecord(
            rule=rule(self.plan.options.gate_confidence),
            verdict=verdict.sentence,
            publish=verdict.publish,
            candidate=_scored(candidate, candidate.metrics),
            served=None if served is None else _scored(served[0], served[1].figures()),
            difference=verdict.difference,
            interval=verdict.interval,
            chance=verdict.chance,
            images=tuple(
                ComparedImage(image=image, group=group, candidate=ours, served=their)
                for image, group, ours, their in pairs
            ),
        )
        logger.info("%s", verdict.sentence)
        self._published = verdict.publish
        self._update(gate=gate)

    def ended(self, status: Status, message: str | None, best: Best | None) -> dict[str, Any]:
        """The run has ended; returns the statistics that viewers see."""
        gate = self.record.gate
        if gate is not None and gate.verdict == UNDECIDED:
            gate = gate.model_copy(update={"verdict": f"Not published: {NOTHING_TO_JUDGE}"})
        self._update(status=status, message=message, ended=datetime.now().astimezone(), gate=gate)
        done = read_history(self.plan.folder)
        stats = self._write_stats(done[-1].epoch if done else 0, best)
        self._report()
        if self._tracker is not None:
            with self.tolerated("Figures are not tracked any more"):
                self._tracker.close(finished=status == "finished")
        return stats

    # --- how -----------------------------------------------------------------------------------------------------

    def _update(self, **changes: Any) -> None:
        self.record = self.record.model_copy(update=changes)
        self._write()

    def _write(self) -> None:
        write_run(self.plan.folder, self.record)

    def _write_stats(self, epoch: int, best: Best | None) -> dict[str, Any]:
        """What ``/train`` and ``/info`` show, in MONAI Label's words."""
        took = str(timedelta(seconds=int(time.time() - self._begun)))
        figures = {} if best is None else best.figures
        gate = self.record.gate
        stats: dict[str, Any] = {
            "epoch": epoch,
            "total_epochs": self.plan.epochs,
            "start_ts": int(self._begun),
            "best_metric": figures.get("val_sdr_2mm") or 0.0,
            ("current_time" if self.record.status == "running" else "total_time"): took,
            "eval": {
                "metrics": {name: value if math.isfinite(value) else None for name, value in self._figures.items()},
                "key_metric_name": "val_sdr_2mm",
                "best_metric": figures.get("val_sdr_2mm"),
                "best_metric_epoch": 0 if best is None else best.epoch,
            },
            "version": self.card.version,
            "run": self.plan.run,
            "status": self.record.status,
            "message": self.record.message,
            "published": self._published,
            "verdict": None if gate is None else gate.verdict,
            "notes": list(self.record.notes),
            "train_images": len(self.plan.train),
            "held_out_images": len(self.plan.held_out),
        }
        write_atomic(self.plan.runs / STATS_FILE, json_text(stats))
        return stats

    def _report(self, at_most_every: float = 0.0) -> None:
        if time.monotonic() - self._reported < at_most_every:
            return
        with self.tolerated("The report could not be written"):
            write_run_report(self.plan.folder)
        self._reported = time.monotonic()

    @contextmanager
    def tolerated(self, what: str) -> Iterator[None]:
        """A picture less is no reason to lose a training: what goes wrong here becomes a note, once."""
        try:
            yield
        except Exception as error:
            logger.exception("%s", what)
            if not any(note.startswith(what) for note in self.record.notes):
                self._update(notes=(*self.record.notes, f"{what}: {error}"))

    def _is_pictured(self, epoch: int) -> bool:
        interval = self.plan.options.val_interval
        first = min(interval, self.plan.epochs)
        apart = max(interval, math.ceil(self.plan.epochs / PICTURED_EPOCHS / interval) * interval)
        return epoch in (first, self.plan.epochs) or epoch % apart == 0

    def _draw(self, table: HeldOutTable, name: str) -> None:
        folder = self.plan.folder / "overlays" / name
        folder.mkdir(parents=True, exist_ok=True)
        names = self.card.landmark_set.names
        results = table.results()
        for sample in self.plan.held_out[:PICTURED_IMAGES]:
            if sample["id"] not in results:
                continue
            try:
                pixels = read_radiograph(sample["image"]).pixels
            except RadiographError:
                continue
            found, truth = (
                Landmarks.from_points(names, np.asarray(points, dtype=np.float64))
                for points in (results[sample["id"]].points, sample["label"])
            )
            path = folder / f"{sample['id']}.jpg"
            save_overlay(path, pixels, found, self.card.landmark_set, truth=truth, title=f"{sample['id']}, {name}")


def tell_failure(runs: Path, error: Exception, before: Mapping[str, Any]) -> None:
    """Tell viewers of a training that has failed, where it could not do so itself: before it had begun, say.

    Args:
        runs: the folder of the model's runs.
        error: its message is what they see.
        before: the statistics when the training was asked for.
    """
    stats = read_stats(runs)
    if stats == before:  # they are of another training
        stats = {"epoch": 0, "total_epochs": 1, "start_ts": int(time.time()), "published": False}
    status = "stopped" if isinstance(error, TrainingStoppedError) else "failed"
    if stats.get("status") not in ("stopped", "interrupted"):
        write_atomic(runs / STATS_FILE, json_text({**stats, "status": status, "message": str(error)}))


def read_stats(runs: Path) -> dict[str, Any]:
    """What the last training of a model has written for viewers; empty before the first."""
    try:
        stats: dict[str, Any] = json.loads((runs / STATS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stats


def note_interrupted(runs: Path) -> list[RunRecord]:
    """Write down that runs whose process is gone were interrupted; returns their records."""
    if is_training(runs):
        return []
    found = [
        record.model_copy(update={"status": "interrupted", "message": "Its process was ended."})
        for record in list_runs(runs)
        if record.status == "running"
    ]
    for record in found:
        write_run(runs / record.run, record)
    return found


def _record(plan: RunPlan, card: ModelCard, device: str, start: str, before: RunRecord | None) -> RunRecord:
    now = datetime.now().astimezone()
    notes: tuple[str, ...] = () if plan.note is None else (plan.note,)
    if before is not None:
        ended = "stopped" if before.status == "stopped" else "interrupted"
        notes = (*before.notes, plan.note or f"{now:%Y-%m-%d %H:%M}: goes on after it was {ended}.")
    sides: dict[Side, tuple[dict[str, Any], ...]] = {"train": plan.train, "held_out": plan.held_out}
    return RunRecord(
        run=plan.run,
        model=card.model,
        landmark_set=card.landmark_set.name,
        title=card.landmark_set.title,
        landmarks=card.landmark_set.names,
        status="running",
        started=now if before is None else before.started,
        process=os.getpid(),
        host=platform.node(),
        code=card.code or "",
        device=device,
        epochs=plan.epochs,
        options=plan.options.model_dump(mode="json"),
        start=start if before is None else before.start,
        parent=card.parent,
        data=RunData(
            hash=plan.data_hash,
            train=SideCount(images=len(plan.train), patients=plan.patients(plan.train)),
            held_out=SideCount(images=len(plan.held_out), patients=plan.patients(plan.held_out)),
            left_out=tuple(LeftOutImage(image=image, reason=why) for image, why in plan.left_out.items()),
            split=tuple(
                SplitImage(image=sample["id"], side=side, group=plan.groups[sample["id"]])
                for side, part in sides.items()
                for sample in part
            ),
            split_source=plan.split_source,
        ),
        notes=notes,
    )


def _scored(card: ModelCard, figures: Mapping[str, float | None]) -> ScoredModel:
    epoch = card.training.get("epoch")
    return ScoredModel(
        version=card.version,
        epoch=epoch if isinstance(epoch, int) else None,
        sdr=figures.get("val_sdr_2mm"),
        mre_px=figures.get("val_mre_px"),
        mre_mm=figures.get("val_mre_mm"),
        score=figures.get("val_score"),
    )

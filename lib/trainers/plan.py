"""What a run trains on, settled before it begins and written down, so that a stopped run can go on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.checkpoints import ModelCard, TrainingData
from lib.evaluation.run_record import RunRecord, list_runs
from lib.formats import json_text, write_atomic
from lib.landmarks import LandmarkSet
from lib.trainers.best import BEST_FILE
from lib.trainers.options import OptionsError, TrainOptions
from lib.trainers.origin import ORIGIN_FILE, network_of, read_origin
from lib.trainers.samples import LabelledStudies, labelled_samples
from lib.trainers.split import Split, SplitFile, gather_cases
from lib.trainers.state import STATE_FILE

logger = logging.getLogger(__name__)

CACHE_FOLDER = "cache"
SAMPLES_FILE = "samples.json"
NO_MEMORY_FILE = "out_of_memory"
WHERE = ("device", "gpus", "multi_gpu")
"""Options that a run which goes on takes anew."""
KEEP_RUNS = 20
KEEP_WEIGHTS = 3
"""Unfinished runs, and models that were not published, are large: only those of the last runs stay."""


@dataclass(frozen=True)
class RunPlan:
    """A run that is about to begin or to go on.

    Args:
        run: its id, which becomes the version of its model.
        runs: the folder of the model's runs.
        options: with which it trains.
        train: samples to learn from, see :func:`~lib.trainers.samples.labelled_samples`.
        held_out: samples to measure on.
        groups: the group, patient or study, of each image.
        fingerprints: of each image.
        data_hash: of images and labels of both sides, and of which labels these are.
        left_out: labelled images that are on neither side, with the reason.
        split_source: ``automatic`` or the user's file.
        resumed: whether it goes on.
        note: why, where there is more to say than that it was stopped.
    """

    run: str
    runs: Path
    options: TrainOptions
    train: tuple[dict[str, Any], ...]
    held_out: tuple[dict[str, Any], ...]
    groups: Mapping[str, str]
    fingerprints: Mapping[str, str]
    data_hash: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    split_source: str = "automatic"
    resumed: bool = False
    note: str | None = None

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.runs / self.run

    @property
    def epochs(self) -> int:
        """How many it trains."""
        return self.options.epochs(len(self.train))

    def again(self, options: TrainOptions, note: str) -> RunPlan:
        """The same run from where it is, with other options."""
        return replace(self, options=options, resumed=(self.folder / STATE_FILE).is_file(), note=note)

    def data(self, learnt_before: Iterable[str] = (), *, complete: bool = True) -> TrainingData:
        """For the model's card; with what the model that it goes on from has learnt from, and whether that is all."""
        return TrainingData(
            hash=self.data_hash,
            train=tuple(sorted({self.fingerprints[sample["id"]] for sample in self.train} | set(learnt_before))),
            held_out=tuple(sorted({self.fingerprints[sample["id"]] for sample in self.held_out})),
            train_patients=self.patients(self.train),
            held_out_patients=self.patients(self.held_out),
            complete=complete,
        )

    def patients(self, part: Sequence[Mapping[str, Any]]) -> int:
        """How many patients a side has."""
        return len({self.groups[sample["id"]] for sample in part})


def new_run(
    runs: Path, landmark_set: LandmarkSet, options: TrainOptions, studies: LabelledStudies, *, progress: bool = False
) -> RunPlan:
    """Settle what a new run trains on, and make its folder.

    Raises:
        NotEnoughLabelsError: too few labels, or all of one patient.
        SplitError: the file of the split is damaged.
        RadiographError: an image cannot be read.
    """
    samples = labelled_samples(studies, landmark_set, options.target)
    images = [sample["id"] for sample in samples]
    split = SplitFile(studies.folder).extend(gather_cases(studies, images, progress=progress), options.val_split)
    plan = _plan(_run_id(runs), runs, options, samples, split)
    plan.folder.mkdir(parents=True)
    write_atomic(plan.folder / SAMPLES_FILE, json_text(_written(plan)))
    return plan


def unfinished_run(runs: Path) -> RunRecord | None:
    """The last run, if it was stopped, killed or failed and can go on."""
    last = next(iter(list_runs(runs)), None)
    if last is None or last.status == "finished":
        return None
    needed = (STATE_FILE, SAMPLES_FILE, ORIGIN_FILE)
    return last if all((runs / last.run / name).is_file() for name in needed) else None


def resumed_run(
    runs: Path, card: ModelCard, options: TrainOptions, studies: LabelledStudies, record: RunRecord
) -> RunPlan:
    """The plan of an unfinished run, with its own options and data; only where it computes may be another.

    Raises:
        OptionsError: labels, images or sides of the run have changed since, or the network is another one.
    """
    written = json.loads((runs / record.run / SAMPLES_FILE).read_text(encoding="utf-8"))
    if read_origin(runs / record.run).network != network_of(card):
        raise OptionsError(
            f"The run {record.run} cannot go on, because it trains another network: give the options of the network "
            "that it began with, or start a new training."
        )
    own = TrainOptions.model_validate(record.options)
    where = options.model_dump(include=set(WHERE))
    now = {sample["id"]: sample for sample in labelled_samples(studies, card.landmark_set, own.target)}
    there = [image for image in written["images"] if image in now]
    present = {case.image: case for case in gather_cases(studies, there)}
    split = SplitFile(studies.folder).read()
    sides: dict[str, list[dict[str, Any]]] = {"train": [], "held_out": []}
    for image, noted in written["images"].items():
        fault = None
        if image not in now or _label_hash(now[image]["label"]) != noted["label"]:
            fault = f"the label of '{image}' is not the one it began with"
        elif present[image].fingerprint.exact != noted["fingerprint"]:
            fault = f"the image '{image}' is another one than it began with"
        elif image not in split.entries or split.side(image) != noted["side"]:
            fault = f"'{image}' is on another side of the split than it began with"
        if fault:
            raise OptionsError(f"The run {record.run} cannot go on, because {fault}: start a new training.")
        sides[noted["side"]].append(now[image])
    logger.info("Going on with the run %s", record.run)
    return RunPlan(
        run=record.run,
        runs=runs,
        options=own.model_copy(update={**where, "resume": True}),
        train=tuple(sides["train"]),
        held_out=tuple(sides["held_out"]),
        groups={image: noted["group"] for image, noted in written["images"].items()},
        fingerprints={image: noted["fingerprint"] for image, noted in written["images"].items()},
        data_hash=written["hash"],
        left_out=written["left_out"],
        split_source=written["split_source"],
        resumed=True,
    )


def _plan(run: str, runs: Path, options: TrainOptions, samples: Sequence[dict[str, Any]], split: Split) -> RunPlan:
    train = tuple(sample for sample in samples if split.side(sample["id"]) == "train")
    held_out = tuple(sample for sample in samples if split.side(sample["id"]) == "held_out")
    images = [sample["id"] for sample in samples]
    summary = split.summary(images)
    digest = hashlib.sha256()
    if options.target != "last":  # the same points, where everybody agrees, are still another target
        digest.update(options.target.encode() + b"\n")
    for sample in samples:
        parts = (split.fingerprint(sample["id"]).exact, split.side(sample["id"]), _label_hash(sample["label"]))
        digest.update(" ".join(parts).encode() + b"\n")
    return RunPlan(
        run=run,
        runs=runs,
        options=options,
        train=train,
        held_out=held_out,
        groups={image: split.group(image) for image in images},
        fingerprints={image: split.fingerprint(image).exact for image in images},
        data_hash=digest.hexdigest()[:16],
        left_out={item["image"]: item["reason"] for item in summary["left_out"]},
        split_source=summary["source"],
    )


def _written(plan: RunPlan) -> dict[str, Any]:
    images = {
        sample["id"]: {
            "side": side,
            "group": plan.groups[sample["id"]],
            "fingerprint": plan.fingerprints[sample["id"]],
            "label": _label_hash(sample["label"]),
        }
        for side, part in (("train", plan.train), ("held_out", plan.held_out))
        for sample in part
    }
    rest = {"hash": plan.data_hash, "left_out": dict(plan.left_out), "split_source": plan.split_source}
    return {**rest, "images": images}


def _label_hash(label: npt.NDArray[np.float32]) -> str:
    return hashlib.sha256(np.round(label.astype(np.float64), 3).tobytes()).hexdigest()[:16]


def _run_id(runs: Path) -> str:
    """The time, to the second; with a number behind it where two runs began in the same one."""
    now = datetime.now().strftime("%Y%m%d_%H%M%S")
    taken = {path.name for path in runs.glob(f"{now}*")}
    names = (now, *(f"{now}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def make_room(runs: Path, present: str) -> None:
    """Keep the disk bounded: old runs go, and of those that stay, the weights of all but the last.

    Args:
        runs: the folder of a model's runs.
        present: a run that has begun and can be gone on with; those before it cannot any more.
    """
    names = sorted((path.parent.name for path in runs.glob(f"*/{SAMPLES_FILE}")), reverse=True)
    for unfinished in (path for name in names for path in (runs / name).glob(".*.tmp")):
        _delete(unfinished)  # of a process that was killed while it wrote; beside the runs others may be writing
    older = [name for name in names if name != present]
    for number, name in enumerate(older, start=2):
        shutil.rmtree(runs / name / CACHE_FOLDER, ignore_errors=True)
        if number > KEEP_RUNS:
            shutil.rmtree(runs / name, ignore_errors=True)
            continue
        _delete(runs / name / STATE_FILE)  # a run begun since takes its place
        if number > KEEP_WEIGHTS:
            _delete(runs / name / BEST_FILE)


def _delete(path: Path) -> None:
    """Unless another program holds it, as Windows and network drives have it: then the next training tries again."""
    with suppress(OSError):
        path.unlink(missing_ok=True)

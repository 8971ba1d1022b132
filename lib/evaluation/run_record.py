"""What a training run says of itself in its ``run.json``: how it went, what it learnt from, and what was decided.

The training rewrites the file at each change; its report and the command line read it, also while the run goes on.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lib.formats import json_text, write_atomic

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"

Status = Literal["running", "finished", "stopped", "interrupted", "failed"]
Side = Literal["train", "held_out"]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[float | None, BeforeValidator(_finite)]
"""A figure; NaN and infinity, for which JSON has no form, become None: there is no such figure."""


class RunRecordError(ValueError):
    """A record that cannot be read; one sentence that names the file and the fault."""


class Strict(BaseModel):
    """Unknown keys are refused, and so are numbers that JSON cannot hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ScoredModel(Strict):
    """A model's figures on the held-out images of a run.

    Attributes:
        version: of its card.
        epoch: of its run, where known.
        sdr: share, 0 to 1, of the landmarks within 2 mm or what stands in for them, see
            :func:`~lib.evaluation.metrics.detection_errors`.
        mre_px, mre_mm: mean radial error in pixels of the files as stored, and in mm where these are known.
        score: what models are compared by: mean capped error in tolerances; lower is better.
    """

    version: str
    epoch: int | None = None
    sdr: Measured = None
    mre_px: Measured = None
    mre_mm: Measured = None
    score: Measured = None


class ComparedImage(Strict):
    """One held-out image in the comparison.

    Attributes:
        image: its id.
        group: its patient; images of a group are not independent.
        candidate, served: mean capped error of either model in tolerances; ``served`` is None where there is none.
    """

    image: str
    group: str
    candidate: Measured = None
    served: Measured = None


class GateRecord(Strict):
    """Whether the best model of a run took the place of the one in use, and why.

    Attributes:
        rule: the rule in a sentence.
        verdict: in a sentence, what it came to: the reason, whether it was published or not.
        publish: whether it was.
        candidate: the best model of the run.
        served: the model in use, on the same images; None where there was none.
        difference: score of the candidate minus score of the model in use; negative where the candidate is better.
        interval: the 95 % interval of the difference, paired bootstrap over patients.
        chance: the share, 0 to 1, of that bootstrap in which the candidate is better.
        images: the held-out images, each with both errors.
    """

    rule: str
    verdict: str
    publish: bool
    candidate: ScoredModel | None = None
    served: ScoredModel | None = None
    difference: Measured = None
    interval: tuple[float, float] | None = None
    chance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    images: tuple[ComparedImage, ...] = ()


class SideCount(Strict):
    """How many images of how many patients."""

    images: Annotated[int, Field(ge=0)]
    patients: Annotated[int, Field(ge=0)]


class LeftOutImage(Strict):
    """A labelled image that was not used, and why."""

    image: str
    reason: str


class SplitImage(Strict):
    """The side that an image is on, with the group that keeps it together with others of the same patient."""

    image: str
    side: Side
    group: str


class RunData(Strict):
    """What a run learnt from and was measured on.

    Attributes:
        hash: of images and labels: another number is other data.
        train, held_out: how many there are.
        left_out: labelled images that were not used.
        split: every image that was used.
        split_source: ``"automatic"``, or the user's file.
    """

    hash: str
    train: SideCount
    held_out: SideCount
    left_out: tuple[LeftOutImage, ...] = ()
    split: tuple[SplitImage, ...] = ()
    split_source: str = "automatic"


class RunRecord(Strict):
    """The record of one training run.

    Attributes:
        run: its id and the name of its folder, such as ``20261125_161203``.
        model: name under which the model is served.
        landmark_set, title, landmarks: name, title and landmarks of the set.
        status: ``stopped`` was somebody's wish, ``interrupted`` was nobody's.
        message: why it failed or stopped, in a sentence.
        started, ended: with time zone.
        process, host: where it runs.
        code: version of this software.
        device: in words.
        epochs: how many it shall train, where that is settled.
        options: as they are after all defaults.
        start: what it started from, in words: ``"ImageNet weights"``.
        parent: version of the model that it went on from; None from scratch.
        data: None until the data are known.
        notes: what else happened, a sentence each.
        gate: None until the comparison.
        best_epoch: whose weights are the candidate; None until the first validation.
    """

    format: Literal[1] = 1
    run: Annotated[str, Field(min_length=1)]
    model: str
    landmark_set: str
    title: str
    landmarks: tuple[str, ...]
    status: Status
    message: str | None = None
    started: AwareDatetime
    ended: AwareDatetime | None = None
    process: int
    host: str
    code: str
    device: str
    epochs: Annotated[int, Field(ge=1)] | None = None
    options: dict[str, str | int | float | bool | None] = {}
    start: str
    parent: str | None = None
    data: RunData | None = None
    notes: tuple[str, ...] = ()
    gate: GateRecord | None = None
    best_epoch: int | None = None


def write_run(folder: Path, record: RunRecord) -> None:
    """Write a run's record into its folder, made where absent; readers see the old one or the new one.

    Raises:
        ValidationError: ``model_copy`` has put something into the record that does not belong there.
    """
    checked = RunRecord.model_validate(record.model_dump())
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / RUN_FILE, json_text(checked.model_dump(mode="json")))


def read_run(folder: Path) -> RunRecord:
    """The record in a run's folder.

    Raises:
        RunRecordError: there is none, or it is damaged.
    """
    path = folder / RUN_FILE
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunRecordError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RunRecordError(f"{path} is damaged ({where + ': ' if where else ''}{fault['msg']}).") from error


def run_folders(folder: Path) -> list[Path]:
    """The runs, damaged or not, in a model's folder, by name; empty where there is no such folder."""
    return sorted(path.parent for path in folder.glob(f"*/{RUN_FILE}"))


def list_runs(folder: Path) -> list[RunRecord]:
    """The records of the runs in a model's folder, the newest first; a damaged one is logged and left out."""
    records = []
    for run in run_folders(folder):
        try:
            records.append(read_run(run))
        except RunRecordError as error:
            logger.warning("%s", error)
    return sorted(records, key=lambda record: record.started, reverse=True)

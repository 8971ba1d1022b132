"""Run folders as a training would leave them, small and to measure."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from lib.evaluation import (
    ComparedImage,
    EpochRecord,
    GateRecord,
    LeftOutImage,
    RunData,
    RunRecord,
    ScoredModel,
    SideCount,
    SplitImage,
    Validation,
    append_epoch,
    write_run,
)

NAMES = ("Sella", "Nasion", "Orbitale")
STARTED = datetime(2026, 11, 25, 16, 12, 3, tzinfo=timezone(timedelta(hours=1)))
SERVED = ScoredModel(version="20261120_090112", epoch=58, sdr=0.7, mre_px=8.5, mre_mm=1.71, score=0.8)


def make_record(**changes) -> RunRecord:
    """A run that has just begun, with changes."""
    content = {
        "run": "20261125_161203",
        "model": "farnet_ceph",
        "landmark_set": "tiny",
        "title": "Tiny set",
        "landmarks": NAMES,
        "status": "running",
        "started": STARTED,
        "process": 4711,
        "host": "workstation",
        "code": "0.1.0",
        "device": "CPU",
        "start": "ImageNet weights",
    }
    return RunRecord.model_validate({**content, **changes})


def make_epoch(epoch, error=10.0, mm=True, validated=True) -> EpochRecord:
    """An epoch whose landmarks lie ``error``, twice and three times that far off."""
    validation = Validation(
        sdr_2mm=1 / error,
        mre_px=2 * error,
        mre_mm=0.2 * error if mm else None,
        score=error / 10,
        per_landmark={name: error * times for times, name in enumerate(NAMES, start=1)},
    )
    rate = 1e-3 / epoch
    return EpochRecord(
        epoch=epoch, loss=error / 100, learning_rate=rate, seconds=2.0, validation=validation if validated else None
    )


def make_gate(pairs=((0.5, 0.7), (0.9, 0.6)), **changes) -> GateRecord:
    """A comparison of the errors ``(candidate, served)`` of an image each, every image of another patient."""
    content = {
        "rule": "The nearer one is published.",
        "verdict": "Published: it is nearer.",
        "publish": True,
        "candidate": ScoredModel(version="20261125_161203", epoch=2, sdr=0.75, mre_px=7.2, mre_mm=1.45, score=0.7),
        "served": SERVED,
        "difference": -0.1,
        "interval": (-0.3, 0.05),
        "chance": 0.91,
        "images": [
            ComparedImage(image=f"image {number}", group=f"patient {number}", candidate=ours, served=theirs)
            for number, (ours, theirs) in enumerate(pairs)
        ],
    }
    return GateRecord.model_validate({**content, **changes})


def make_data(train=4, held_out=2) -> RunData:
    """Two images a patient."""
    numbers = range(train + held_out)
    split = [
        SplitImage(image=f"image {n}", side="held_out" if n < held_out else "train", group=f"patient {n // 2}")
        for n in numbers
    ]
    return RunData(
        hash="8d0f2a6b",
        train=SideCount(images=train, patients=-(-train // 2)),
        held_out=SideCount(images=held_out, patients=-(-held_out // 2)),
        left_out=[LeftOutImage(image="image 99", reason="its label is empty")],
        split=split,
        split_source="splits.csv",
    )


def make_run(folder: Path, record: RunRecord, epochs=()) -> Path:
    """A folder with a record and a history."""
    write_run(folder, record)
    for epoch in epochs:
        append_epoch(folder, epoch)
    return folder

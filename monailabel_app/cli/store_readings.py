"""Putting the readings of a data set beside the labels of a folder of studies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from lib.datasets import DatasetError, ObserverReading
from lib.formats import json_text, write_atomic
from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import LandmarkSet
from monailabel_app.cli.common import UsageError
from monailabel_app.datastores import StudiesFolder
from monailabel_app.errors import ClientError


@dataclass
class Stored:
    """What became of readings.

    Args:
        stored: how many were.
        there: how many their annotator had already; these stay as they are.
        annotators: whose they are.
        absent: ids of radiographs that are not among the studies.
        refused: a sentence for each that cannot be stored.
    """

    stored: int = 0
    there: int = 0
    annotators: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


def store_readings(readings: Iterable[ObserverReading], folder: Path, landmark_set: LandmarkSet) -> Stored:
    """Store readings of radiographs that are in a folder of studies; one that an annotator has already stays.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: import the radiographs first.")
    store = StudiesFolder(folder, {landmark_set.name: landmark_set})
    taken, images, done = store.annotated(), set(store.list_images()), Stored()
    with tempfile.TemporaryDirectory(prefix="farnet-import-") as scratch:
        for _, group in groupby(tqdm(readings, desc="storing", unit="reading"), key=lambda reading: reading.annotator):
            interrupted: KeyboardInterrupt | None = None
            with store.transaction():  # which an interruption would leave unwritten, though the files are there
                try:
                    for reading in group:
                        if reading.image not in images:
                            done.absent.add(reading.image)
                        elif (reading.annotator, 1) in taken.get(reading.image, []):
                            done.there += 1
                            done.annotators.add(reading.annotator)
                        else:
                            _store(reading, store, Path(scratch) / "reading.json", done)
                except KeyboardInterrupt as error:
                    interrupted = error
            if interrupted is not None:
                raise interrupted
    return done


def _store(reading: ObserverReading, store: StudiesFolder, scratch: Path, done: Stored) -> None:
    info = {"annotator": reading.annotator, "source": {"dataset": "ISBI 2015 observers"}}
    try:
        landmarks = reading.landmarks(store.pixel_spacing(reading.image))
        write_atomic(scratch, json_text(pixel_label_document(landmarks)))
        store.save_reading(reading.image, scratch, info)
    except (ClientError, DatasetError) as error:
        done.refused.append(f"{reading.image} by {reading.annotator}: {error}")
        return
    done.stored += 1
    done.annotators.add(reading.annotator)

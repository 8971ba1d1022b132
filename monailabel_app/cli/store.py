"""Putting the studies of a data set into a folder of studies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from lib.datasets import Study
from lib.landmarks import LandmarkSet
from monailabel_app.datastores import StudiesFolder
from monailabel_app.errors import ClientError

COMMIT_EVERY = 50
"""Studies between two writes of the index: an interrupted import keeps what it has, and the next run goes over it at
no cost."""


def store_studies(studies: Iterable[Study], folder: Path, landmark_set: LandmarkSet) -> tuple[int, list[str]]:
    """Store images and labels.

    Returns:
        How many were stored, and a sentence for each that was refused.
    """
    store = StudiesFolder(folder, {landmark_set.name: landmark_set})
    refused: list[str] = []
    count = 0
    with tempfile.TemporaryDirectory(prefix="farnet-import-") as scratch:
        batch: list[Study] = []
        for study in tqdm(studies, desc="storing", unit="image"):
            batch.append(study)
            if len(batch) == COMMIT_EVERY:
                count += _store(batch, store, landmark_set, Path(scratch), refused)
                batch = []
        count += _store(batch, store, landmark_set, Path(scratch), refused)
    return count, refused


def _store(
    batch: list[Study], store: StudiesFolder, landmark_set: LandmarkSet, scratch: Path, refused: list[str]
) -> int:
    stored = 0
    with store.transaction():
        for study in batch:
            source = study.image if isinstance(study.image, Path) else _as_png(study, scratch)
            spacing = study.pixel_spacing
            image_info = {"source": study.provenance, **({"pixel_spacing": spacing.as_dict()} if spacing else {})}
            if patient := study.provenance.get("patient"):  # whose radiographs are held out together
                image_info["patient"] = patient
            try:
                store.import_study(
                    study.name, source, study.landmarks, landmark_set, image_info, {"source": study.provenance}
                )
                stored += 1
            except ClientError as error:
                refused.append(f"{study.name}: {error}")
    return stored


def _as_png(study: Study, scratch: Path) -> Path:
    path = scratch / f"{study.name}.png"
    Image.fromarray(study.image).save(path)
    return path

"""Labels by annotator, ``labels/annotators/ANNOTATOR/READING/ID.mrk.json``: nobody's is lost when another submits.

The files are what counts: one that somebody puts there is a reading. What is noted about a reading stands in the index
beside the labels of its image, under ``readings``, a key that MONAI Label passes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.formats import copy_atomic, write_atomic
from monailabel_app.datastores import rules
from monailabel_app.datastores.annotators import (
    MAX_READING,
    alike,
    annotator_of,
    folder_of,
    is_of_a_data_set,
    name_of,
    noted_annotator,
)
from monailabel_app.datastores.entries import Entry, Study
from monailabel_app.datastores.rules import LABEL_EXTENSIONS
from monailabel_app.datastores.scan import LABELS_FOLDER

ANNOTATORS_FOLDER = "annotators"


@dataclass(frozen=True, slots=True, order=True)
class Shelf:
    """Where the readings of one annotator and number lie.

    Args:
        annotator: who.
        number: of the reading.
        folder: the files, one an image.
    """

    annotator: str
    number: int
    folder: Path

    @property
    def key(self) -> str:
        """Under which a reading is noted with its image."""
        return f"{folder_of(self.annotator)}/{self.number}"

    def path(self, image_id: str, extension: str = LABEL_EXTENSIONS[0]) -> Path:
        """Of an image's reading, whether or not there is one."""
        return self.folder / f"{rules.checked_id(image_id)}{extension}"

    def find(self, image_id: str) -> tuple[Path, str] | None:
        """Path and extension of an image's reading; None where there is none."""
        paths = ((self.path(image_id, extension), extension) for extension in LABEL_EXTENSIONS)
        return next((found for found in paths if found[0].is_file()), None)


class ReadingFiles:
    """The readings in a folder of studies.

    Args:
        studies: the folder.
    """

    def __init__(self, studies: Path) -> None:
        self._root = studies / LABELS_FOLDER / ANNOTATORS_FOLDER

    def shelves(self) -> list[Shelf]:
        """All that there are, by annotator and number."""
        return sorted(
            Shelf(name, int(folder.name), folder)
            for home in _folders(self._root)
            if (name := name_of(home.name)) is not None
            for folder in _folders(home)
            if folder.name in _NUMBERS
        )

    def shelf(self, annotator: str, number: int) -> Shelf:
        """Of an annotator, whose name is spelled as in the first reading, and a number; there or not."""
        known = (name for home in _folders(self._root) if (name := name_of(home.name)) is not None)
        name = next((name for name in sorted(known) if alike(name, annotator)), annotator)
        return Shelf(name, number, self._root / folder_of(name) / str(number))

    def of(self, image_id: str) -> Iterator[tuple[Shelf, Path, str]]:
        """Shelf, path and extension of each reading of an image."""
        for shelf in self.shelves():
            found = shelf.find(image_id)
            if found is not None:
                yield shelf, *found

    def images(self, shelf: Shelf) -> set[str]:
        """Ids of the images that a shelf has readings of; also of images that are no longer there."""
        names = (rules.label_id(path.name) for path in shelf.folder.iterdir())
        return {known[0] for known in names if known is not None}

    def remove(self, image_id: str, shelves: Iterable[Shelf]) -> None:
        """Remove the readings of an image from these shelves."""
        for shelf in shelves:
            for extension in LABEL_EXTENSIONS:
                shelf.path(image_id, extension).unlink(missing_ok=True)

    def write(self, image_id: str, text: str, extension: str, info: Mapping[str, Any]) -> tuple[Shelf, Path]:
        """Write a reading in the place of the annotator's earlier one of that number; its shelf and path.

        Raises:
            StudiesError: ``info`` tells no annotator, see :func:`~monailabel_app.datastores.annotators.annotator_of`.
        """
        shelf = self.shelf(*annotator_of(info))
        shelf.folder.mkdir(parents=True, exist_ok=True)
        path = shelf.path(image_id, extension)
        write_atomic(path, text)
        for other in LABEL_EXTENSIONS:
            if other != extension:
                shelf.path(image_id, other).unlink(missing_ok=True)
        return shelf, path

    def remove_submitted(self, image_id: str, study: Study) -> Study:
        """Remove the reading that is the submitted label; the study without it."""
        final = study.labels[rules.FINAL]
        shelf = self.shelf(*noted_annotator(final.info))
        kept = study.readings.get(shelf.key)
        if kept is None or kept.info.get("checksum") != final.info.get("checksum"):
            return study
        self.remove(image_id, [shelf])
        return study.with_reading(shelf.key, None)

    def only_submitted(self, image_id: str, study: Study) -> Shelf | None:
        """Where the submitted label would be kept, if it is somebody's and not kept yet.

        So it is with labels of an earlier version of this app, those that were put into ``labels/final`` by hand, and
        reports that others have sent to a DICOMweb server.
        """
        final = study.labels.get(rules.FINAL)
        if final is None or final.ext not in LABEL_EXTENSIONS or is_of_a_data_set(final.info):
            return None
        checksum = final.info.get("checksum")
        if checksum is not None and any(entry.info.get("checksum") == checksum for entry in study.readings.values()):
            return None
        shelf = self.shelf(*noted_annotator(final.info))
        if shelf.find(image_id) is None:
            return shelf
        kept = study.readings.get(shelf.key)  # one that was put there by hand is left alone
        return shelf if kept is not None and _seconds(kept) < _seconds(final) else None

    def keep_submitted(self, image_id: str, study: Study, path: Path) -> Study:
        """Keep the submitted label, which is about to be replaced, as the reading that it is; the study with it.

        Args:
            image_id: the image.
            study: what is noted about it.
            path: the label's file.
        """
        shelf = self.only_submitted(image_id, study)
        if shelf is None or not path.is_file():
            return study
        final = study.labels[rules.FINAL]
        shelf.folder.mkdir(parents=True, exist_ok=True)
        copy_atomic(path, shelf.path(image_id, final.ext))
        return study.with_reading(shelf.key, reading_entry(final, shelf))


def reading_entry(entry: Entry, shelf: Shelf) -> Entry:
    """What is noted about a label, as the reading that it is."""
    own = {"annotator": shelf.annotator, "reading": shelf.number}
    return entry.model_copy(update={"info": {**entry.info, **own}})


def _folders(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _seconds(entry: Entry) -> float:
    when = entry.info.get("ts")
    return when if isinstance(when, int | float) else 0.0


_NUMBERS = frozenset(str(number) for number in range(1, MAX_READING + 1))

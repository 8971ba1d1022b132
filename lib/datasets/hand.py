"""Hand radiographs of the Digital Hand Atlas with the 37 landmarks of Payer et al."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lib.datasets.folders import existing_folder, index_by_stem
from lib.datasets.studies import DatasetError, Study
from lib.landmarks import Landmarks, LandmarkSet

NUM_COORDINATES = 2 * 37


def read_hand(source: str | Path) -> Iterator[Study]:
    """Read hand radiographs in one of two layouts.

    * Payer's: ``all.csv`` without header, ``id,x0,y0,...,x36,y36``, beside ``images/<id>.jpg`` (ids of four digits);
    * ``landmarks_px.csv`` with a header, the file's name first, the 74 coordinates last, beside the radiographs.

    A table may list more radiographs than there are (Payer's has 910 rows for 895 used): rows without an image are
    passed over. There is no pixel size in the files; the landmark set's rule (a wrist of 50 mm) gives millimetres.

    Yields:
        One study for each radiograph, in the order of the table, read only when asked for.

    Raises:
        DatasetError: no such folder, no table, no radiograph, one without label, a row without 37 points.
    """
    root = existing_folder(source, "hand")
    names = LandmarkSet.load("hand_37").names
    images = index_by_stem(root, ("", "images"))
    table = _table(root)
    rows = dict(_read_rows(table))
    unlabelled = [stem for stem in images if stem not in rows]
    if unlabelled:
        raise DatasetError(f"Radiograph {images[unlabelled[0]].name} has no label in {table}.")
    for stem, points in rows.items():
        if stem in images:
            yield Study(
                image=images[stem],
                name=f"hand_{stem}",
                landmarks=Landmarks.from_points(names, points),
                pixel_spacing=None,
                provenance={"dataset": "Digital Hand Atlas", "table": table.name},
            )


def read_folds(source: str | Path, count: int = 3) -> dict[str, int]:
    """The fold of each radiograph by the study's name, counted from 1: the one in which it is not learnt from.

    From a list of ids of each fold, one a line: ``cv/set1/test.txt``, or ``cv/set1.txt``, beside the table or in a
    folder ``setup``. Without lists each third radiograph of the table is of one fold.

    Raises:
        DatasetError: no such data set, or lists that leave a radiograph out or have it twice.
    """
    root = existing_folder(source, "hand")
    stems = [study.name.removeprefix("hand_") for study in read_hand(root)]
    files = [_fold_list(root, number) for number in range(1, count + 1)]
    if not any(files):
        return {f"hand_{stem}": place % count + 1 for place, stem in enumerate(stems)}
    folds: dict[str, int] = {}
    for number, file in enumerate(files, start=1):
        if file is None:
            raise DatasetError(f"Hand folder {root} has lists of folds, but none of fold {number}.")
        for stem in file.read_text(encoding="utf-8").split():
            if folds.setdefault(f"hand_{stem}", number) != number:
                raise DatasetError(f"Radiograph {stem} is in fold {folds[f'hand_{stem}']} and in {file}.")
    lost = [stem for stem in stems if f"hand_{stem}" not in folds]
    if lost:
        raise DatasetError(f"Radiograph {lost[0]} is in none of the {count} lists of folds.")
    return folds


def _fold_list(root: Path, number: int) -> Path | None:
    names = (f"cv/set{number}/test.txt", f"cv/set{number}.txt")
    return next((path for name in names for path in (root / name, root / "setup" / name) if path.is_file()), None)


def _table(root: Path) -> Path:
    for name in ("landmarks_px.csv", "all.csv"):
        if (root / name).is_file():
            return root / name
    raise DatasetError(f"Hand folder {root} has neither landmarks_px.csv nor all.csv.")


def _read_rows(table: Path) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Name without extension and (37, 2) pixels of each row."""
    with table.open(encoding="utf-8", newline="") as stream:
        for line, row in enumerate(csv.reader(stream), start=1):
            if not row or row[0] == "file":
                continue
            if len(row) <= NUM_COORDINATES:
                raise DatasetError(f"Line {line} of {table} has {len(row)} columns; a name and 37 points are expected.")
            try:
                points = np.array(row[-NUM_COORDINATES:], dtype=np.float64).reshape(-1, 2)
            except ValueError as error:
                raise DatasetError(f"Line {line} of {table} has a coordinate that is not a number.") from error
            yield Path(row[0]).stem, points

"""The lateral cephalograms of the ISBI 2014/2015 challenges: 400 films, 19 landmarks by two readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lib.datasets.folders import existing_folder, index_by_stem
from lib.datasets.studies import DatasetError, MissingReaderError, Study
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import PixelSpacing, SpacingSource

Reader = Literal["mean", "senior", "junior", "challenge"]

FILM_MM = 0.1
"""Size of a pixel of the films as published."""

IMAGE_FOLDERS = (
    "images",
    "RawImage/TrainingData",
    "RawImage/Test1Data",
    "RawImage/Test2Data",
    "TrainingData",
    "Test1Data",
    "Test2Data",
)
LABEL_FOLDERS = ("", "AnnotationsByMD")


def read_isbi2015(
    source: str | Path, reader: str = "mean", pixel_spacing_mm: float = FILM_MM, chosen: str | None = None
) -> Iterator[Study]:
    """Read the data set in its published layout, or with all films in one folder ``images``.

    ::

        RawImage/TrainingData/001.bmp ...   RawImage/Test1Data/151.bmp ...   RawImage/Test2Data/301.bmp ...
        AnnotationsByMD/400_senior/001.txt ...   AnnotationsByMD/400_junior/001.txt ...

    Coordinates are kept as the text files have them (whole pixels in the published ones), the centre of the first pixel
    being (0, 0). The two readers differ by 2.4 mm in the mean, and in landmark 16 (soft-tissue pogonion) they
    follow two definitions: say which reader a result was measured against. The challenge scored against the senior,
    landmark 16 of the films 301 to 400 aside: its own labels of these are read from a third folder ``400_challenge``.

    Args:
        source: the folder that holds films and labels.
        reader: a :data:`Reader`, whose landmarks; ``"mean"`` is the middle between the two, and needs both.
        pixel_spacing_mm: 0.1 for the films as published; twice that for copies of half the size.
        chosen: ``first-last``, only films of these numbers, whose labels alone must be there.

    Yields:
        One study for each film, in the order of their numbers, read only when asked for; ``provenance["split"]`` is
        ``"train"``, ``"test1"`` or ``"test2"``.

    Raises:
        MissingReaderError: the folder has no labels by this reader.
        DatasetError: no such folder, no film, a film without label, a label that is not 19 points.
    """
    if reader not in get_args(Reader):
        raise DatasetError(f"No reader '{reader}' in ISBI 2015: give one of {', '.join(get_args(Reader))}.")
    root = existing_folder(source, "ISBI 2015")
    films = index_by_stem(root, IMAGE_FOLDERS)
    names = LandmarkSet.load("cephalometric_19").names
    spacing = PixelSpacing(pixel_spacing_mm, pixel_spacing_mm, SpacingSource.USER)
    readers = ("senior", "junior") if reader == "mean" else (reader,)
    for number, film in _numbered(films, chosen).items():
        folders = [_label_folder(root, _whose(one, number)) for one in readers]
        points = np.mean([_read_points(folder / f"{number}.txt", film) for folder in folders], axis=0)
        yield Study(
            image=film,
            name=f"isbi2015_{number}",
            landmarks=Landmarks.from_points(names, points),
            pixel_spacing=spacing,
            provenance={"dataset": "ISBI 2015", "reader": reader, "split": _split(number)},
        )


def _numbered(films: dict[str, Path], chosen: str | None) -> dict[str, Path]:
    if chosen is None:
        return films
    first, last = map(int, chosen.split("-"))
    found = {number: film for number, film in films.items() if number.isdecimal() and first <= int(number) <= last}
    if not found:
        raise DatasetError(f"There is none of the films {chosen} in the folder: {len(films)} others are.")
    return found


def _whose(reader: str, number: str) -> str:
    """The challenge's labels are the senior's for all films of which the challenge has no others."""
    return "senior" if reader == "challenge" and _split(number) in ("train", "test1") else reader


def _label_folder(root: Path, reader: str) -> Path:
    for parent in LABEL_FOLDERS:
        folder = root / parent / f"400_{reader}"
        if folder.is_dir():
            return folder
    raise MissingReaderError(f"ISBI 2015 folder {root} has no labels by the {reader} reader: 400_{reader} is missing.")


def _read_points(path: Path, film: Path) -> npt.NDArray[np.float64]:
    """(19, 2) pixels from the first 19 lines ``x,y``; lines with one number after them are classes and are ignored."""
    if not path.is_file():
        raise DatasetError(f"Film {film.name} has no label: {path} is missing.")
    lines = path.read_text(encoding="utf-8", errors="replace").split()
    rows = [line.split(",") for line in lines if "," in line]
    if len(rows) != 19 or any(len(row) != 2 for row in rows):
        raise DatasetError(f"Label {path} has {len(rows)} lines 'x,y'; 19 are expected.")
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"Label {path} has a coordinate that is not a number.") from error


def _split(number: str) -> str:
    if not number.isdigit():
        return "unknown"
    return "train" if int(number) <= 150 else "test1" if int(number) <= 300 else "test2"

"""Predictions that lie in a folder, ours or another program's: one table of all images, or a file an image."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from lib.formats.labels import LabelError
from lib.formats.results import parse_result
from lib.landmarks import Landmark, Landmarks, LandmarksError, State

TABLES: dict[str, tuple[str, str]] = {"landmarks.csv": ("x_px", "y_px"), "errors.csv": ("x_predicted", "y_predicted")}
"""Tables by name and the columns of x and y in pixels; both have ``image`` and ``landmark``. What ``predict`` and what
``evaluate`` writes; whoever has predictions from elsewhere writes the first, with these four columns."""


def read_predictions(folder: str | Path, names: Sequence[str]) -> dict[str, Landmarks]:
    """The predictions of a folder by image; a landmark without a place, or with NaN, was not found.

    From ``landmarks.csv``, else ``errors.csv``, else from a JSON file an image as ``predict`` writes it, named after
    the image.

    Args:
        folder: where they lie.
        names: the landmarks there are; those that a prediction lacks are undefined.

    Raises:
        LabelError: there is none, one is damaged, or one has a landmark that is not among ``names``.
    """
    root = Path(folder)
    if not root.is_dir():
        raise LabelError(f"There is no folder {root} with predictions.")
    for table in TABLES:
        if (root / table).is_file():
            return _read_table(root / table, names)
    found = {}
    for path in sorted(root.glob("*.json")):
        if not path.name.endswith(".mrk.json"):
            found[path.stem] = _ordered(_read_result(path), names, path)
    if not found:
        raise LabelError(
            f"There are no predictions in {root}: neither {', '.join(TABLES)} nor a JSON file an image as 'predict' "
            "writes it."
        )
    return found


def _read_result(path: Path) -> Landmarks:
    try:
        return parse_result(path.read_bytes()).landmarks
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error


def _read_table(path: Path, names: Sequence[str]) -> dict[str, Landmarks]:
    x, y = TABLES[path.name]
    images: dict[str, list[Landmark]] = {}
    try:
        lines = io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")  # spreadsheets write such a mark
        reader = csv.DictReader(lines, restval="")
        missing = [column for column in ("image", "landmark", x, y) if column not in (reader.fieldnames or ())]
        if missing:
            raise LabelError(f"Table {path} has no column '{missing[0]}'.")
        for row in reader:
            images.setdefault(row["image"], []).append(_landmark(row, (x, y), f"Line {reader.line_num} of {path}"))
    except (csv.Error, UnicodeDecodeError) as error:
        raise LabelError(f"{path} is not a table of comma-separated values in UTF-8.") from error
    if not images:
        raise LabelError(f"Table {path} has no predictions.")
    return {image: _ordered(_unique(items, image, path), names, path) for image, items in images.items()}


def _landmark(row: dict[str, str], columns: tuple[str, str], where: str) -> Landmark:
    texts = [row[column].strip() for column in columns]
    if all(text.lower() in ("", "nan") for text in texts):
        return Landmark(row["landmark"], state=State.UNDEFINED)
    try:
        x, y = map(float, texts)
        confidence = float(row.get("confidence") or math.nan)
        return Landmark(row["landmark"], x, y, confidence=None if math.isnan(confidence) else confidence)
    except LandmarksError as error:
        raise LabelError(f"{where}: {error}") from error
    except ValueError as error:
        raise LabelError(f"{where} has a place, or a confidence, that is no number.") from error


def _unique(items: list[Landmark], image: str, path: Path) -> Landmarks:
    try:
        return Landmarks(tuple(items))
    except LandmarksError as error:
        raise LabelError(f"{path}, image {image}: {error}") from error


def _ordered(landmarks: Landmarks, names: Sequence[str], path: Path) -> Landmarks:
    try:
        return landmarks.ordered(tuple(names))
    except LandmarksError as error:
        raise LabelError(f"{path} is of another landmark set: {error}") from error

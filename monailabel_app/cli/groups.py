"""``evaluate --groups``: figures of each group of images apart, by device, say, or by age."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from lib.evaluation import LeftOut
from monailabel_app.cli.common import UsageError
from monailabel_app.cli.truth import Labelled, Truth

COLUMNS = ("image", "group")


def in_groups(truth: Truth, file: Path) -> Truth:
    """The same with a view for each group.

    Args:
        truth: labelled images.
        file: a table with the columns :data:`COLUMNS`; images by id or by their file's name, with or without
            extension. Those that it does not name are in no group.

    Raises:
        UsageError: it is no such table, names an image twice, or none of the images.
    """
    groups = _read(file)
    belongs = [_group(item, groups) for item in truth.images]
    names = sorted({group for group in belongs if group})
    if not names:
        raise UsageError(f"{file} names none of the {len(truth.images)} radiographs.")
    views = tuple(LeftOut(f"only {name}", f"Those that {file.name} says to be '{name}'.") for name in names)
    images = tuple(
        replace(item, left_out_by=item.left_out_by | {f"only {name}" for name in names if name != group})
        for item, group in zip(truth.images, belongs, strict=True)
    )
    looking = replace(truth.looking, left_out=(*truth.looking.left_out, *views))
    return replace(truth, images=images, looking=looking)


def _read(file: Path) -> dict[str, str]:
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} is no table in UTF-8.") from error
    if not rows or any(rows[0].get(column) is None for column in COLUMNS):
        raise UsageError(f"{file} has no table with the columns {' and '.join(COLUMNS)}.")
    groups: dict[str, str] = {}
    for row in rows:
        image, group = ((row[column] or "").strip() for column in COLUMNS)
        if groups.setdefault(image, group) != group:
            raise UsageError(f"{file} names '{image}' in two groups: '{groups[image]}' and '{group}'.")
    return groups


def _group(item: Labelled, groups: dict[str, str]) -> str:
    return next((groups[name] for name in item.names if name in groups), "")

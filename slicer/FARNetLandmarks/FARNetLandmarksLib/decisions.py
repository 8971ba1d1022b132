"""What an annotator decides about a landmark: functions on a landmark list. Needs MRML, no windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from FARNetLandmarksLib.lists import CHECKED, checked_names, pixel_to_world, rows_of, volume_of
from FARNetLandmarksLib.notes import write_notes
from FARNetLandmarksLib.review import MISSING, Row

BEFORE = "FARNet.Before"
"""Attribute: where landmarks were before they were skipped or unset."""


def check(node: Any, names: Iterable[str]) -> None:
    """Note landmarks as accepted where they are."""
    node.SetAttribute(CHECKED, json.dumps(sorted(checked_names(node).union(names))))


def uncheck(node: Any, name: str) -> None:
    """Take an acceptance back."""
    node.SetAttribute(CHECKED, json.dumps(sorted(checked_names(node) - {name})))


def skip(node: Any, row: Row) -> None:
    """An annotator says that the landmark is not in the radiograph; where it was can be brought back."""
    _remember(node, row)
    node.SetNthControlPointPositionMissing(row.index)


def unset(node: Any, row: Row) -> None:
    """The landmark waits for being placed; where it was can be brought back."""
    _remember(node, row)
    node.UnsetNthControlPointPosition(row.index)


def bring_back(node: Any, row: Row) -> bool:
    """Put a landmark back to where it was before it was skipped or unset; False where it was nowhere."""
    pixel = _table(node, BEFORE).get(row.name)
    if not pixel or volume_of(node) is None:
        return False
    put(node, row.index, (float(pixel[0]), float(pixel[1])))
    return True


def _remember(node: Any, row: Row) -> None:
    if row.pixel is not None:
        node.SetAttribute(BEFORE, json.dumps({**_table(node, BEFORE), row.name: row.pixel}))


def _table(node: Any, attribute: str) -> dict[str, Any]:
    """What an attribute holds by the landmarks' names."""
    try:
        content = json.loads(node.GetAttribute(attribute) or "{}")
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}


def put(node: Any, index: int, pixel: tuple[float, float]) -> None:
    """Put a landmark on ``(x, y)`` in pixels of the file as stored."""
    to_world = pixel_to_world(volume_of(node))
    if to_world is not None:
        node.SetNthControlPointPosition(index, *to_world.MultiplyPoint([*pixel, 0.0, 1.0])[:3])


def reset(node: Any, row: Row) -> bool:
    """Put a landmark back to where the model had put it, undecided; False where there is no prediction."""
    if row.notes.predicted is None or volume_of(node) is None:
        return False
    put(node, row.index, row.notes.predicted)
    uncheck(node, row.name)
    return True


def set_occluded(node: Any, row: Row, occluded: bool) -> None:
    """Note that a landmark lies behind other anatomy, or that it does not."""
    node.SetNthControlPointDescription(row.index, write_notes(replace(row.notes, occluded=occluded)))


def take_over_edits(old: Sequence[Row], node: Any) -> list[str]:
    """Keep in a new prediction what an annotator had decided on the old one; the names of those landmarks."""
    new_rows = {row.name: row for row in rows_of(node)}
    kept = []
    for row in old:
        fresh = new_rows.get(row.name)
        if fresh is None or not row.edited:
            continue
        if row.state == MISSING:
            skip(node, fresh)
        elif row.pixel is not None and not row.is_left:
            put(node, fresh.index, row.pixel)
            if row.checked:
                check(node, [row.name])
        set_occluded(node, fresh, row.notes.occluded)
        kept.append(row.name)
    return kept

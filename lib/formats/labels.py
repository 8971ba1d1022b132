"""Reading the labels that 3D Slicer sends: markups files, one point list or one box a landmark."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from lib.formats.names import NameTable
from lib.formats.notes import CONFIDENCE, MOVED_PX, Notes, exact_confidence, read_notes
from lib.landmarks import Landmark, Landmarks, LandmarksError, LandmarkSet, Predicted, Region, State
from lib.radiographs import RadiographHeader

MAX_BYTES = 5_000_000
"""A label of 68 landmarks has about 30 kB; nothing that is larger than this is one."""

COMPANION = "'FARNetLandmarks for 3D Slicer' (docs/slicer.md)"

# Multiplying a position by this turns it into LPS; "0" and "1" are what old versions of Slicer wrote.
_TO_LPS = {"LPS": (1.0, 1.0, 1.0), "1": (1.0, 1.0, 1.0), "RAS": (-1.0, -1.0, 1.0), "0": (-1.0, -1.0, 1.0)}
_STATES = {
    "defined": State.DEFINED,
    "missing": State.MISSING,
    "undefined": State.UNDEFINED,
    "preview": State.UNDEFINED,  # the point that hangs at the mouse while somebody places points
}


class LabelError(ValueError):
    """A label file that cannot be used; one sentence that says why and, where it helps, what to do."""


def parse_markups(
    content: str | bytes | dict[str, Any], landmark_set: LandmarkSet, header: RadiographHeader
) -> Landmarks:
    """Read what Slicer, or :func:`~lib.formats.markups.markups_document`, wrote for a radiograph.

    A point list, or boxes where there is none: the box's centre is the landmark, the label of its first point the name.
    Slicer's stock plugin adds the boxes of another run to the old ones: of each name the one counts that somebody has
    dragged away from its prediction, else the last.

    Points are matched to landmarks by label, see :class:`~lib.formats.names.NameTable`. A landmark of the set that
    the list lacks is ``UNDEFINED``, as is a point that nobody has placed. What Slicer does with coordinates is
    followed: LPS unless the list says RAS. The distance from the image plane is dropped.

    Args:
        content: the file's content, schema 1.x.
        landmark_set: the landmarks that are meant.
        header: the radiograph the points lie on.

    Returns:
        One landmark a landmark of the set, in the set's order.

    Raises:
        LabelError: see the messages; nothing is guessed.
    """
    points_list = _points_list(content)
    points: list[dict[str, Any]] = points_list["controlPoints"]
    labels = [_label(point) for point in points]
    of_boxes = points_list.get("type") == "ROI"
    names = _names(labels, landmark_set, once=not of_boxes)
    sign = _sign(points_list)
    try:
        items = []
        for point, name, measured in zip(points, names, _measured(points_list), strict=True):
            notes = read_notes(point.get("description"))
            state, position = _placement(point, name)
            x = y = math.nan
            if position is not None:
                x, y = header.geometry.to_pixels(np.multiply(position, sign))[0].tolist()
                state = State.OCCLUDED if notes.occluded else State.DEFINED
            confidence = exact_confidence(notes.confidence, measured)
            items.append(Landmark(name, x, y, state, confidence, told_prediction(notes)))
        items = _one_of_each(items) if of_boxes else items
        landmarks = Landmarks(tuple(items)).ordered(landmark_set.names)
        landmarks.check_inside(header.height, header.width)
    except LandmarksError as error:
        raise LabelError(str(error)) from error
    if not landmarks.num_placed():
        raise LabelError("No landmark is placed: place at least one point before submitting.")
    return landmarks


def told_prediction(notes: Notes) -> Predicted | None:
    """The prediction that a point's description tells."""
    if notes.predicted is None:
        return None
    region = None if notes.region is None else Region(notes.region[0], notes.region[1:])
    return Predicted(*notes.predicted, notes.model, region, notes.check)


def point_labels(content: str | bytes | dict[str, Any]) -> list[str]:
    """The labels of the points in a markups file, to find the landmark set they are from.

    Raises:
        LabelError: the file has no usable point list.
    """
    return [_label(point) for point in _points_list(content)["controlPoints"]]


def predicting_models(content: str | bytes | dict[str, Any]) -> set[str]:
    """The names of the models that predicted points of a markups file, as the points' descriptions tell.

    Raises:
        LabelError: the file has no usable point list.
    """
    told = (read_notes(point.get("description")).model for point in _points_list(content)["controlPoints"])
    return {model.split()[0] for model in told if model}


def _points_list(content: str | bytes | dict[str, Any]) -> dict[str, Any]:
    document = content if isinstance(content, dict) else _json(content)
    lists = document.get("markups") if isinstance(document, dict) else None
    if not isinstance(lists, list) or not all(isinstance(item, dict) for item in lists):
        raise LabelError("The label is not a 3D Slicer markups file: it has no list 'markups'.")
    filled = [item for item in lists if item.get("type") == "Fiducial" and item.get("controlPoints")]
    filled = filled or _boxes_as_points([item for item in lists if item.get("type") == "ROI"])
    if not filled:
        raise LabelError(
            "The label holds no landmark points, only what the stock MONAI Label plugin collects: install the "
            f"companion module {COMPANION} and submit again."
        )
    if len(filled) > 1:
        raise LabelError(f"The label holds {len(filled)} point lists: submit one list with all landmarks.")
    points = filled[0]["controlPoints"]
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise LabelError("The label is not a 3D Slicer markups file: 'controlPoints' is not a list of points.")
    return dict(filled[0])


def _boxes_as_points(boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point list of boxes, in LPS, run after run of the model; empty where no box has a labelled point."""
    points = []
    for box in boxes:
        inner = box.get("controlPoints")
        first = inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], dict) else {}
        if not _label(first).strip():
            continue
        centre, sign = box.get("center"), _sign(box)
        if isinstance(centre, list) and all(type(value) in (int, float) for value in centre):
            centre = [value * axis for value, axis in zip(centre, sign, strict=False)]
        point = {"label": _label(first), "description": first.get("description"), "position": centre}
        points.append({**point, "positionStatus": "defined" if centre else "undefined"})
    return [{"type": "ROI", "controlPoints": points}] if points else []


def _one_of_each(items: list[Landmark]) -> list[Landmark]:
    """Of the boxes of several runs the one that somebody has dragged, else the last."""
    chosen: dict[str, Landmark] = {}
    dragged: set[str] = set()
    for item in items:
        if _is_dragged(item):
            if item.name in dragged:
                raise LabelError(
                    f"Landmark '{item.name}' has been dragged in the boxes of two runs: delete one of them."
                )
            dragged.add(item.name)
            chosen[item.name] = item
        elif item.name not in dragged:
            chosen[item.name] = item
    return list(chosen.values())


def _is_dragged(item: Landmark) -> bool:
    predicted = item.predicted
    if predicted is None or not item.state.has_position:
        return False
    return math.hypot(item.x - predicted.x, item.y - predicted.y) > MOVED_PX


def _json(content: str | bytes) -> Any:
    if len(content) > MAX_BYTES:
        raise LabelError(f"The label has {len(content) / 1e6:.1f} MB; a list of landmarks has less than 5 MB.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise LabelError(f"The label is not a JSON file: {reason}.") from error


def _label(point: dict[str, Any]) -> str:
    label = point.get("label", "")
    return label if isinstance(label, str) else str(label)


def _names(labels: list[str], landmark_set: LandmarkSet, *, once: bool) -> list[str]:
    table = NameTable(landmark_set)
    names = [table.find(label) for label in labels]
    known = [name for name in names if name is not None]
    if len(known) < len(labels):
        raise LabelError(f"Unknown landmark {_quoted(table.unknown(labels))}: not in the set '{landmark_set.name}'.")
    twice = [name for name in landmark_set.names if known.count(name) > 1]
    if twice and once:
        raise LabelError(f"Landmark {_quoted(twice)} is listed more than once: keep one point for each landmark.")
    return known


def _quoted(names: list[str]) -> str:
    shown = ", ".join(f"'{name[:80]}'" for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _sign(points_list: dict[str, Any]) -> tuple[float, float, float]:
    units = points_list.get("coordinateUnits", "mm")
    if (units[:1] if isinstance(units, list) else [units]) not in (["mm"], [""], [None]):
        # Slicer ignores the unit and takes the numbers as millimetres: a wrong place nobody would notice.
        raise LabelError(f"The label's coordinates are in {json.dumps(units)[:40]}: only mm is understood.")
    system = points_list.get("coordinateSystem") or "LPS"
    if not isinstance(system, str) or system not in _TO_LPS:
        raise LabelError(f"The label's coordinate system {json.dumps(system)[:40]} is neither LPS nor RAS.")
    return _TO_LPS[system]


def _placement(point: dict[str, Any], name: str) -> tuple[State, list[float] | None]:
    status = point.get("positionStatus", "defined")
    if not isinstance(status, str) or status not in _STATES:
        raise LabelError(f"Landmark '{name}' has the unknown position status {json.dumps(status)[:40]}.")
    state = _STATES[status]
    position = point.get("position")
    if state is not State.DEFINED:
        return state, None
    if position in (None, ""):  # what Slicer writes for a point that has no position
        return State.UNDEFINED, None
    if (
        not isinstance(position, list)
        or len(position) != 3
        or any(type(value) not in (int, float) for value in position)
    ):
        raise LabelError(f"Landmark '{name}' has a position that is not three numbers.")
    if not all(abs(value) < 1e9 for value in position):  # NaN is no number below a billion either
        raise LabelError(f"Landmark '{name}' has a position that is not finite.")
    return state, [float(value) for value in position]


def _measured(points_list: dict[str, Any]) -> list[Any]:
    """What the list's measurement says of each point's confidence; None where it says nothing."""
    points: list[dict[str, Any]] = points_list["controlPoints"]
    exact: list[Any] = [None] * len(points)
    measurements = points_list.get("measurements")
    for measurement in measurements if isinstance(measurements, list) else []:
        if isinstance(measurement, dict) and measurement.get("name") == CONFIDENCE:
            values = measurement.get("controlPointValues")
            if isinstance(values, list) and len(values) == len(points):
                exact = values
    return exact

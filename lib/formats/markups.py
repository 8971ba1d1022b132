"""Landmarks as 3D Slicer markups (``.mrk.json``): one point list, or one small box a landmark."""

from __future__ import annotations

from typing import Any, Literal

from lib.formats.notes import CONFIDENCE, Notes, write_notes
from lib.landmarks import Landmark, Landmarks, LandmarkSet, State
from lib.radiographs import Geometry

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
Shape = Literal["points", "boxes"]
SHAPES: tuple[Shape, ...] = ("points", "boxes")

_UNSURE = [1.0, 0.75, 0.0]
_SURE = [0.2, 1.0, 0.4]
_POINTS_DISPLAY = {
    "visibility": True,
    "color": _UNSURE,
    "selectedColor": _SURE,
    "glyphType": "Cross2D",  # open in the middle; Slicer's own sphere hides the anatomy
    "useGlyphScale": True,
    "glyphScale": 2.5,
    "textScale": 2.5,
    "pointLabelsVisibility": True,
    "propertiesLabelVisibility": False,
}
_BOX_PX = 12.0
"""Side of a box: large enough for the mouse on a radiograph of 1000 to 3000 pixels, small enough to see the place."""


def markups_document(
    landmarks: Landmarks,
    geometry: Geometry,
    *,
    title: str,
    landmark_set: LandmarkSet | None = None,
    low_confidence: float = 0.3,
    shape: Shape = "points",
) -> dict[str, Any]:
    """Landmarks as Slicer loads them, in the order given.

    Positions are LPS millimetres. Slicer knows no occluded points: such a point is ``defined``, and its description
    begins with "occluded". The description also tells the confidence to two decimals for the reader of Slicer's
    table (the exact value stands in the measurement), where which model put the point, and what the landmark is.

    Args:
        landmarks: N landmarks in pixels of the file as stored.
        geometry: the geometry of that file.
        title: the name of the list in Slicer's scene.
        landmark_set: adds each landmark's definition to its description.
        low_confidence: what is below it is shown in the second colour, where the model has not been calibrated and so
            does not say itself what to check; a point is written unselected for that.
        shape: ``points``, one list with all of them; or ``boxes`` around those that have a position, which the stock
            plugin of MONAI Label sends back without our companion module.

    Returns:
        A document of schema v1.0.3, ready for ``json_text``.
    """
    definitions = {} if landmark_set is None else {item.name: item.definition for item in landmark_set.landmarks}
    world = geometry.to_world(landmarks.points()).tolist()
    points = []
    for number, (item, position) in enumerate(zip(landmarks, world, strict=True), start=1):
        point = _point(item, definitions.get(item.name, ""), sure=_is_sure(item, low_confidence))
        points.append({"id": str(number), **point, **({"position": position} if item.state.has_position else {})})
    if shape == "boxes":
        return {"@schema": SCHEMA, "markups": [_box(point, geometry) for point in points if "position" in point]}
    confidence = {
        "name": CONFIDENCE,
        "enabled": True,
        "units": "1",
        "controlPointValues": [item.confidence or 0.0 for item in landmarks],
    }
    points_list = {
        "type": "Fiducial",
        "name": title,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": True,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": points,
        "measurements": [confidence] if any(item.confidence is not None for item in landmarks) else [],
        "display": dict(_POINTS_DISPLAY),
    }
    return {"@schema": SCHEMA, "markups": [points_list]}


def told_of(item: Landmark, definition: str = "") -> str:
    """What a file tells of a landmark beside its name and place, in the grammar of :mod:`lib.formats.notes`."""
    predicted = item.predicted
    region = None if predicted is None else predicted.region
    return write_notes(
        Notes(
            occluded=item.state is State.OCCLUDED,
            confidence=item.confidence,
            predicted=None if predicted is None else (predicted.x, predicted.y),
            model="" if predicted is None else predicted.model,
            definition=definition,
            check=predicted is not None and predicted.check,
            region=None if region is None else (region.radius, *region.ellipse),
        )
    )


def _is_sure(item: Landmark, low_confidence: float) -> bool:
    predicted = item.predicted
    if predicted is not None and (predicted.check or predicted.region is not None):
        return not predicted.check
    return item.confidence is None or item.confidence >= low_confidence


def _point(item: Landmark, definition: str, *, sure: bool) -> dict[str, Any]:
    """A control point without its place."""
    return {
        "label": item.name,
        "description": told_of(item, definition),
        "associatedNodeID": "",
        "selected": sure,
        "locked": False,
        "visibility": True,
        "positionStatus": "defined" if item.state.has_position else str(item.state),
    }


def _box(point: dict[str, Any], geometry: Geometry) -> dict[str, Any]:
    """A box with its one point in the centre; the plugin renames the box, but label and description stay with it."""
    colour = _SURE if point["selected"] else _UNSURE
    return {
        "type": "ROI",
        "roiType": "Box",
        "name": point["label"],
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "insideOut": False,
        "center": point["position"],
        "orientation": geometry.direction.ravel().tolist(),
        "size": (geometry.spacing * [_BOX_PX, _BOX_PX, 1.0]).tolist(),
        "controlPoints": [point],
        "display": {
            "visibility": True,
            "color": colour,
            "selectedColor": colour,
            "opacity": 1.0,
            "fillVisibility": False,
            "handlesInteractive": True,
            "textScale": 2.5,
            "pointLabelsVisibility": True,
            "propertiesLabelVisibility": False,
        },
    }

"""Landmark lists in the scene: functions on markups nodes. Needs MRML, no windows.

A landmark list is a point list of a fixed number of named points that carries :data:`LANDMARKS`; others are left alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slicer
import vtk

from FARNetLandmarksLib.notes import Notes, read_notes, write_notes
from FARNetLandmarksLib.review import DEFINED, MISSING, UNDEFINED, Row
from FARNetLandmarksLib.trust import is_unsure

LANDMARKS = "FARNet.Landmarks"
IMAGE = "FARNet.Image"
ON_SERVER = "FARNet.OnServer"
"""Attribute of a list whose radiograph came from the server, so that its id can be no other image of the same name."""
MODEL = "FARNet.Model"
"""Attribute of a list that no model has predicted: the model whose landmarks are placed."""
TRUST = "FARNet.Trust"
"""Attribute of a list: what the model says of its prediction as a whole."""
CHECKED = "FARNet.Checked"
VOLUME_ROLE = "farnetVolume"
ADOPTED_EVENT = vtk.vtkCommand.UserEvent + 68037
"""The scene announces with it that a list has become a landmark list."""

_GEOMETRY_PX = 0.5
"""Points and image disagree by more than half a pixel: the image was opened by another reader than Slicer's usual."""


def is_point_list(path: str) -> bool:
    """Whether a file holds a markups point list; what cannot be read does not."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8")) if path.endswith(".json") else None
        markups = document.get("markups") if isinstance(document, dict) else None
        return any(item.get("type") == "Fiducial" for item in markups or [])
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def landmark_lists(scene: Any) -> list[Any]:
    """All landmark lists, oldest first."""
    found = scene.GetNodesByClass("vtkMRMLMarkupsFiducialNode")
    found.UnRegister(None)
    nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    return [node for node in nodes if node.GetAttribute(LANDMARKS)]


def list_of(scene: Any, volume: Any) -> Any:
    """The newest landmark list of a volume, of any volume where none is given; None where there is none."""
    lists = landmark_lists(scene)
    if volume is not None:
        lists = [node for node in lists if volume_of(node) is None or volume_of(node).GetID() == volume.GetID()]
    return lists[-1] if lists else None


def adopt(node: Any, volume: Any, image_id: str, *, on_server: bool = True) -> Any:
    """Make a point list the landmark list of a volume: named points, none to add, none to lose.

    Its storage node goes: the file was temporary.

    Args:
        node: the point list.
        volume: the radiograph.
        image_id: its id on the server.
        on_server: the radiograph came from there.
    """
    node.SetAttribute(LANDMARKS, "1")
    node.SetAttribute(IMAGE, image_id)
    node.SetAttribute(ON_SERVER, "1" if on_server else None)
    node.SetNodeReferenceID(VOLUME_ROLE, None if volume is None else volume.GetID())
    node.SetFixedNumberOfControlPoints(True)
    node.SetLocked(False)
    storage = node.GetStorageNode()
    if storage is not None:
        node.GetScene().RemoveNode(storage)
    node.GetScene().InvokeEvent(ADOPTED_EVENT)
    return node


def new_list(scene: Any, landmark_set: Mapping[str, Any], volume: Any, image_id: str, *, on_server: bool = True) -> Any:
    """An empty landmark list, to place every point by hand where no model can predict yet.

    Args:
        scene: the scene.
        landmark_set: what the server's ``/info/`` tells of a trainer: ``title``, and ``landmarks`` with ``name`` and
            ``definition``.
        volume: the radiograph.
        image_id: its id on the server.
        on_server: the radiograph came from there.
    """
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", str(landmark_set["title"]))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetGlyphTypeFromString("Cross2D")
    display.SetSelectedColor(0.2, 1.0, 0.4)
    display.SetColor(1.0, 0.75, 0.0)
    display.SetGlyphScale(2.5)
    display.SetTextScale(2.5)
    display.SetPropertiesLabelVisibility(False)
    for landmark in landmark_set["landmarks"]:
        index = node.AddControlPoint(0.0, 0.0, 0.0, str(landmark["name"]))
        node.SetNthControlPointDescription(index, write_notes(Notes(definition=str(landmark["definition"]))))
        node.UnsetNthControlPointPosition(index)
    return adopt(node, volume, image_id, on_server=on_server)


def volume_of(node: Any) -> Any:
    """The radiograph of a landmark list; None where it is not in the scene."""
    return node.GetNodeReference(VOLUME_ROLE)


def rows_of(node: Any) -> list[Row]:
    """The landmarks in the list's order."""
    checked = checked_names(node)
    to_pixel = pixel_to_world(volume_of(node))
    if to_pixel is not None:
        to_pixel.Invert()
    rows = []
    for index in range(node.GetNumberOfControlPoints()):
        state = _state(node, index)
        name = node.GetNthControlPointLabel(index)
        pixel = None
        if state == DEFINED and to_pixel is not None:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPosition(index, position)  # as it will be written, without any transform
            x, y = to_pixel.MultiplyPoint([*position, 1.0])[:2]
            pixel = (x, y)
        notes = read_notes(node.GetNthControlPointDescription(index))
        unsure = is_unsure(notes, not node.GetNthControlPointSelected(index))
        rows.append(Row(index, name, state, pixel, notes, unsure, name in checked))
    return rows


def checked_names(node: Any) -> set[str]:
    """The landmarks that an annotator has accepted where they are."""
    try:
        names = json.loads(node.GetAttribute(CHECKED) or "[]")
    except ValueError:
        names = []
    return {str(name) for name in names}


def save(node: Any, path: str) -> None:
    """Write the list as Slicer writes markups.

    Raises:
        OSError: it cannot be written.
    """
    storage = node.CreateDefaultStorageNode()
    storage.UnRegister(None)
    storage.SetFileName(path)
    if not storage.WriteData(node):
        raise OSError(f"The landmarks could not be written to {path}.")


def geometry_fault(node: Any) -> str | None:
    """Whether a fresh prediction lies where the model put it; one sentence where it does not.

    Asked when a prediction is loaded, before anybody moves a point.
    """
    pairs = [(row.pixel, row.notes.predicted) for row in rows_of(node)]
    off = [math.dist(pixel, place) for pixel, place in pairs if pixel is not None and place is not None]
    if not off or max(off) <= _GEOMETRY_PX:
        return None
    return (
        f"The landmarks are up to {max(off):.0f} pixels off: this radiograph was opened with another position or pixel "
        "spacing than the server reads from its file. Open it with Next Sample, or with Slicer's default DICOM reader."
    )


def transform_fault(node: Any) -> str | None:
    """Whether list and radiograph are moved by different transforms; one sentence where they are."""
    volume = volume_of(node)
    if volume is None or node.GetTransformNodeID() == volume.GetTransformNodeID():
        return None
    return (
        "The landmarks are under another transform than the radiograph, so they are not where they seem to be: "
        "take both out of it (module Data) before submitting."
    )


def _state(node: Any, index: int) -> str:
    status = node.GetNthControlPointPositionStatus(index)
    if status == slicer.vtkMRMLMarkupsNode.PositionDefined:
        return DEFINED
    return MISSING if status == slicer.vtkMRMLMarkupsNode.PositionMissing else UNDEFINED


def pixel_to_world(volume: Any) -> Any:
    """The matrix from pixel index to RAS millimetres of a volume; None without a volume."""
    if volume is None:
        return None
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix

"""Where a landmark lies in nine cases of ten: a thin outline in the slice views. Needs MRML, no windows.

The outline is a closed curve that nobody can drag, that no list of nodes offers, and that no scene file keeps; it is no
landmark list, so no label holds it.
"""

from __future__ import annotations

import math
from typing import Any

import vtk

from FARNetLandmarksLib.lists import pixel_to_world, volume_of
from FARNetLandmarksLib.review import Row

REGION = "FARNet.Region"
"""Attribute of the outline: what it shows."""
CORNERS = 48
COLOUR = (1.0, 0.75, 0.0)


def show_region(scene: Any, node: Any, row: Row | None) -> None:
    """Show the region of a landmark, and no other's; none where the model is not calibrated, or ``row`` is None.

    Args:
        scene: the scene.
        node: the landmark list; None where there is none.
        row: one of its landmarks.
    """
    curve = region_of(scene)
    to_world = None if node is None else pixel_to_world(volume_of(node))
    if row is None or to_world is None or row.notes.region is None or row.notes.predicted is None:
        if curve is not None:
            scene.RemoveNode(curve)
        return
    matrix = [to_world.GetElement(line, column) for line in range(3) for column in range(4)]
    shown = repr((row.notes.predicted, row.notes.region, node.GetTransformNodeID(), matrix))
    if curve is None:
        curve = _new_curve(scene)
    if curve.GetAttribute(REGION) != shown:
        curve.SetAttribute(REGION, shown)
        corners = vtk.vtkPoints()
        for x, y in outline(row.notes.predicted, row.notes.region):
            corners.InsertNextPoint(to_world.MultiplyPoint([x, y, 0.0, 1.0])[:3])
        curve.SetAndObserveTransformNodeID(None)
        curve.SetControlPointPositionsWorld(corners)
        curve.SetAndObserveTransformNodeID(node.GetTransformNodeID())  # so that it moves with the radiograph
        for corner in range(CORNERS):
            curve.SetNthControlPointVisibility(corner, False)  # the line stays


def region_of(scene: Any) -> Any:
    """The outline in the scene; None where there is none."""
    found = scene.GetNodesByClass("vtkMRMLMarkupsClosedCurveNode")
    found.UnRegister(None)
    curves = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    return next((curve for curve in curves if curve.GetAttribute(REGION) is not None), None)


def outline(centre: tuple[float, float], region: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    """Corners of an ellipse in pixels of the file; ``region`` as in :class:`~FARNetLandmarksLib.notes.Notes`."""
    _, longer, shorter, degrees = region
    right, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = []
    for number in range(CORNERS):
        turn = 2 * math.pi * number / CORNERS
        along, across = longer * math.cos(turn), shorter * math.sin(turn)
        corners.append((centre[0] + along * right - across * down, centre[1] + along * down + across * right))
    return corners


def _new_curve(scene: Any) -> Any:
    """Complete before it is in the scene, so that whoever hears of it sees what it is."""
    curve = scene.CreateNodeByClass("vtkMRMLMarkupsClosedCurveNode")
    curve.UnRegister(None)
    curve.SetName("Region of the landmark under review")
    curve.SetAttribute(REGION, "")
    curve.SetLocked(True)
    curve.SetHideFromEditors(True)
    curve.SetSaveWithScene(False)
    curve.SetCurveTypeToLinear()
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    placed = None if selection is None else selection.GetActivePlaceNodeID()
    placed_class = None if selection is None else selection.GetActivePlaceNodeClassName()
    scene.AddNode(curve)
    if selection is not None:  # Slicer takes every new markup for the one that the next click shall place
        selection.SetReferenceActivePlaceNodeClassName(placed_class)
        selection.SetActivePlaceNodeID(placed)
    curve.CreateDefaultDisplayNodes()
    display = curve.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetColor(*COLOUR)
    display.SetSelectedColor(*COLOUR)
    display.SetGlyphScale(1.0)
    display.SetLineThickness(0.15)  # of a corner's size
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    return curve

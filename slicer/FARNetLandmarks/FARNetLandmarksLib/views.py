"""Slice views: show a radiograph upright, jump to a landmark, zoom. Needs MRML, no windows."""

from __future__ import annotations

from typing import Any

import slicer


def slice_nodes(scene: Any) -> list[Any]:
    """All slice views of the scene."""
    found = scene.GetNodesByClass("vtkMRMLSliceNode")
    found.UnRegister(None)
    return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]


def red_view(scene: Any) -> Any:
    """The view that shows radiographs; None where there is none."""
    views = slice_nodes(scene)
    return next((view for view in views if view.GetLayoutName() == "Red"), views[0] if views else None)


def show_volume(app_logic: Any, volume: Any) -> None:
    """Show a radiograph in the slice views, in its own plane however its file is oriented, as a whole."""
    if volume.GetImageData() is None:
        return
    selection = app_logic.GetSelectionNode()
    selection.SetActiveVolumeID(volume.GetID())
    app_logic.PropagateVolumeSelection(0)
    view = red_view(volume.GetScene())
    if view is not None:
        view.RotateToVolumePlane(volume)
        zoom(view, volume, 1.0)
        view.JumpSliceByCentering(*_centre(volume))


def zoom(view: Any, volume: Any, factor: float) -> None:
    """Show ``1 / factor`` of the radiograph's height or width, whichever fills the view."""
    (columns, rows, _), (step_x, step_y, _) = volume.GetImageData().GetDimensions(), volume.GetSpacing()
    across, along = columns * step_x, rows * step_y
    width, height = max(view.GetDimensions()[0], 1), max(view.GetDimensions()[1], 1)
    shown = max(along, across * height / width) / max(factor, 1e-3)
    view.SetFieldOfView(shown * width / height, shown, view.GetFieldOfView()[2])


def jump(scene: Any, node: Any, index: int) -> bool:
    """Centre the slice views on a control point; False where it has no position."""
    if node.GetNthControlPointPositionStatus(index) != slicer.vtkMRMLMarkupsNode.PositionDefined:
        return False
    position = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, position)
    for view in slice_nodes(scene):
        view.JumpSliceByCentering(*position)
    return True


def _centre(volume: Any) -> list[float]:
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    return [(bounds[axis] + bounds[axis + 1]) / 2 for axis in (0, 2, 4)]

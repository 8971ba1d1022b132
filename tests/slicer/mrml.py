"""A minimal 3D Slicer: a scene and the logics that load and save, without windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

vtk.vtkObject.GlobalWarningDisplayOff()
SINGLE_FILE = 4  # vtkSlicerVolumesLogic::SingleFile


class Mrml:
    """A scene with what Slicer has around it when it loads radiographs and landmarks."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.app = slicer.vtkSlicerApplicationLogic()
        self.app.SetMRMLScene(self.scene)
        self.app.GetColorLogic().SetMRMLScene(self.scene)
        self.app.GetColorLogic().AddDefaultColorNodes()
        self.volumes = self.logic(slicer.vtkSlicerVolumesLogic())
        self.markups = self.logic(slicer.vtkSlicerMarkupsLogic())

    def logic(self, logic: Any) -> Any:
        """The same logic, at work on this scene."""
        logic.SetMRMLApplicationLogic(self.app)
        logic.SetMRMLScene(self.scene)
        return logic

    def load_volume(self, path: Path, *, single_file: bool = True) -> Any:
        """The volume node of a file, as Slicer's volume reader makes it; None where it cannot."""
        return self.volumes.AddArchetypeVolume(str(path), path.stem, SINGLE_FILE if single_file else 0)

    def load_markups(self, path: Path) -> list[Any]:
        """The markups nodes of a file, as Slicer's markups reader makes them."""
        before = set(self.nodes("vtkMRMLMarkupsNode"))
        self.markups.LoadMarkups(str(path))
        return [node for node in self.nodes("vtkMRMLMarkupsNode") if node not in before]

    def nodes(self, of_class: str) -> list[Any]:
        """All nodes of a class."""
        found = self.scene.GetNodesByClass(of_class)
        found.UnRegister(None)
        return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]

    def volume_of(self, pixels: npt.NDArray[Any], ijk_to_ras: npt.NDArray[np.float64], name: str = "volume") -> Any:
        """A volume node with these grey values ``(H, W)`` and this matrix: what Slicer makes of a PNG, which the wheel
        of its core has no reader for.
        """
        image = vtk.vtkImageData()
        image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
        image.GetPointData().SetScalars(numpy_to_vtk(pixels.ravel(), deep=True))
        node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetAndObserveImageData(image)
        node.SetIJKToRASMatrix(to_vtk(ijk_to_ras))
        node.CreateDefaultDisplayNodes()
        return node


def save_node(node: Any, path: Path) -> Path:
    """Write a node as ``slicer.util.saveNode`` does, with its default storage."""
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def ijk_to_ras(volume: Any) -> npt.NDArray[np.float64]:
    """(4, 4) matrix of a volume node: pixel index to RAS millimetres."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_vtk(matrix: npt.NDArray[np.float64]) -> Any:
    """A (4, 4) array as VTK's matrix."""
    converted = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            converted.SetElement(row, column, float(matrix[row, column]))
    return converted


def position(node: Any, index: int) -> list[float]:
    """RAS position of a control point."""
    point = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, point)
    return point

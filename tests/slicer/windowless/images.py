"""PNG, JPEG, BMP and TIFF as Slicer reads them; the wheel of its core has no reader for these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import itk
import numpy as np
import SimpleITK
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from tests.slicer.mrml import to_vtk

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def load_picture(scene: Any, path: Path, name: str, *, single_file: bool) -> Any:
    """The volume node of a picture, made as ``vtkITKArchetypeImageSeriesReader`` makes it.

    Args:
        scene: where it is added.
        path: the picture.
        name: of the node.
        single_file: otherwise the files beside it that differ in one number are its next slices.

    Returns:
        A scalar volume of grey pictures, a vector volume of others; None where the slices differ in size.
    """
    slices = [SimpleITK.ReadImage(str(file)) for file in ([path] if single_file else series_of(path))]
    if len({(part.GetSize(), part.GetNumberOfComponentsPerPixel()) for part in slices}) > 1:
        return None
    components = slices[0].GetNumberOfComponentsPerPixel()
    pixels = np.stack([SimpleITK.GetArrayViewFromImage(part) for part in slices])
    image = vtk.vtkImageData()
    image.SetDimensions(pixels.shape[2], pixels.shape[1], pixels.shape[0])
    flat = pixels.reshape(-1, components) if components > 1 else pixels.ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    kind = "vtkMRMLScalarVolumeNode" if components == 1 else "vtkMRMLVectorVolumeNode"
    node = scene.AddNewNodeByClass(kind, name)
    node.SetAndObserveImageData(image)
    width, height = slices[0].GetSpacing()
    node.SetIJKToRASMatrix(to_vtk(np.diag([-width, -height, 1.0, 1.0])))
    storage = scene.AddNode(slicer.vtkMRMLVolumeArchetypeStorageNode())
    storage.SetFileName(str(path))
    node.SetAndObserveStorageNodeID(storage.GetID())
    node.CreateDefaultDisplayNodes()
    return node


def series_of(path: Path) -> list[str]:
    """The files of a folder that Slicer takes for one series."""
    names = itk.ArchetypeSeriesFileNames.New()
    names.SetArchetype(str(path))
    return list(names.GetFileNames())

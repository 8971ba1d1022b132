"""A file as ITK reads it: the same library, and so the same numbers, by which 3D Slicer shows and places it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  its usual name

from lib.radiographs.geometry import Geometry
from lib.radiographs.radiograph import RadiographError
from lib.radiographs.values import Pixels

# ITK complains on stderr about files that we refuse with a sentence of our own.
sitk.ProcessObject.GlobalWarningDisplayOff()


@dataclass(frozen=True, slots=True, eq=False)
class ItkHeader:
    """What ITK knows of a file without decoding its pixels.

    Args:
        size: number of pixels along x, y and any further axes.
        geometry: padded to three dimensions with spacing 1, origin 0 and no rotation.
    """

    size: tuple[int, ...]
    geometry: Geometry


def read_itk_header(path: Path, image_io: str) -> ItkHeader:
    """Read the header with one named ITK reader, so that no other of ITK's twenty is tried on a damaged file.

    Args:
        path: the file.
        image_io: ITK's name of the reader, such as ``"PNGImageIO"``.

    Raises:
        RadiographError: the header places the pixels nowhere: not finite, or axes that are no axes.
        RuntimeError: ITK cannot read it.
    """
    reader = _open(path, image_io)
    reader.ReadImageInformation()
    axes = min(reader.GetDimension(), 3)
    origin, direction, spacing = np.zeros(3), np.eye(3), np.ones(3)
    origin[:axes] = reader.GetOrigin()[:axes]
    spacing[:axes] = reader.GetSpacing()[:axes]
    rotation = np.asarray(reader.GetDirection()).reshape(reader.GetDimension(), -1)
    direction[:axes, :axes] = rotation[:axes, :axes]
    finite = all(np.isfinite(values).all() for values in (origin, direction, spacing))
    if not finite or spacing.min() <= 0 or math.isclose(np.linalg.det(direction), 0.0, abs_tol=1e-6):
        raise RadiographError(f"{path.name} has an impossible position, orientation or spacing in its header.")
    return ItkHeader(tuple(reader.GetSize()), Geometry(origin, direction, spacing))


def read_itk_pixels(path: Path, image_io: str) -> Pixels:
    """Decode a file of one slice: (H, W) values or (H, W, C) channels, ITK's index i being the column, j the row.

    Raises:
        RuntimeError: ITK cannot decode it.
        ValueError: more than one slice.
    """
    image = _open(path, image_io).Execute()
    width, height = image.GetSize()[:2]
    values: Pixels = sitk.GetArrayFromImage(image)
    return values.reshape(height, width, *values.shape[image.GetDimension() :])


def _open(path: Path, image_io: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    return reader

"""NIfTI: a radiograph as 3D Slicer uploads it, one slice of grey or RGB24 values."""

from __future__ import annotations

import math
from pathlib import Path

import nibabel
import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from lib.radiographs.itk_file import read_itk_header
from lib.radiographs.radiograph import RadiographError, RadiographHeader
from lib.radiographs.spacing import PixelSpacing, SpacingSource
from lib.radiographs.values import Pixels, luminance


def read_nifti_header(path: Path) -> RadiographHeader:
    """Size, place and spacing; see :func:`read_header <lib.radiographs.reader.read_header>` for the errors.

    The place is ITK's, never nibabel's affine, which differs where a file has two forms or none. The spacing is in
    millimetres whatever unit the file uses: ITK converts metres and micrometres.
    """
    itk = read_itk_header(path, "NiftiImageIO")
    slices = math.prod(itk.size[2:])
    if slices != 1:
        raise RadiographError(f"{path.name} is a volume of {slices} slices; a radiograph has one.")
    width, height = itk.size[:2]
    x, y, _ = itk.geometry.spacing.tolist()
    pixel_spacing = PixelSpacing.if_plausible(x, y, SpacingSource.NIFTI_HEADER)
    return RadiographHeader(path, height, width, itk.geometry, pixel_spacing, "NIfTI")


def read_nifti_pixels(path: Path, header: RadiographHeader) -> Pixels:
    """(H, W) values, slope and intercept applied; the file's first index is the column x, its second the row y.

    Pixels come by nibabel: ITK fills up a file that is cut off with whatever was in memory, and a damaged header makes
    it end the process.

    Raises:
        ValueError: more values than one grey or one colour a pixel.
    """
    image = nibabel.load(path, mmap=False)  # the file may be replaced while its pixels are in use
    shape = tuple(image.shape)
    if shape[:2] != (header.width, header.height) or math.prod(shape[2:]) not in (1, 3, 4):
        raise ValueError(f"its {' x '.join(str(side) for side in shape)} values are no single slice")
    values = np.asanyarray(image.dataobj)
    if values.dtype.names is not None:  # RGB24, RGBA32
        values = structured_to_unstructured(values)
    columns = values.reshape(header.width, header.height, -1)
    pixels = np.ascontiguousarray(columns.swapaxes(0, 1))
    return pixels[..., 0] if pixels.shape[-1] == 1 else luminance(pixels)

"""What a radiograph's pixels are known by: copies of one picture are found whatever their name and file format."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from lib.radiographs.values import Pixels

FloatArray = npt.NDArray[np.float32]

GRID = 64
"""Cells along each side of the picture: the finer, the better two patients are told apart."""
_LEVELS = 7  # steps to either side of zero, so that a cell takes four bits
_CONTRAST_LIMIT = 2.5  # in units of the local contrast
_SURROUNDINGS, _NEIGHBOURHOOD = 3.0, 4.0  # cells: what is detail, and where its contrast is measured
_PICTURE_TEXT = "[A-Za-z0-9+/]{2731}="  # base64 of GRID * GRID / 2 bytes
_SHADES = 1 << 16
_WHOLE_TYPES = ("|u1", "<u2", "<i2", "<i4")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A radiograph's pixels in 2.7 kB.

    Args:
        exact: 20 hexadecimal digits that stand for shape and grey values, whatever the number of bits they are
            stored with and the file they come from.
        picture: the details of the picture on a grid of :data:`GRID` x :data:`GRID` cells, 4 bits each, base64; by it
            :func:`~lib.radiographs.alike.same_pictures` finds copies that were cropped, scaled or stored with loss.
    """

    exact: str
    picture: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{20}", self.exact) or not re.fullmatch(_PICTURE_TEXT, self.picture):
            raise ValueError("This is no fingerprint of a radiograph.")

    @classmethod
    def of(cls, pixels: Pixels) -> Self:
        """The fingerprint of (H, W) grey values as :class:`~lib.radiographs.radiograph.Radiograph` has them."""
        steps = np.rint(_details(pixels) * (_LEVELS / _CONTRAST_LIMIT)).clip(-_LEVELS, _LEVELS)
        cells = (steps.ravel() + _LEVELS).astype(np.uint8)
        packed = (cells[0::2] << 4 | cells[1::2]).tobytes()
        return cls(_digest(pixels), base64.b64encode(packed).decode("ascii"))

    def details(self) -> FloatArray:
        """(GRID, GRID) contrast to the surroundings, -1 to 1, 0 where the picture is flat."""
        packed = np.frombuffer(base64.b64decode(self.picture), dtype=np.uint8)
        cells = np.stack([packed >> 4, packed & 15], axis=-1).reshape(GRID, GRID)
        contrast: FloatArray = (cells.astype(np.float32) - _LEVELS) / _LEVELS
        return contrast


@lru_cache
def blur_matrix(cells: int, sigma: float) -> FloatArray:
    """(cells, cells) matrix ``b`` by which ``b @ grid @ b.T`` is the grid blurred by a Gaussian of ``sigma`` cells."""
    index = np.arange(cells)
    weights = np.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    blur: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return blur


def _digest(pixels: Pixels) -> str:
    """Of the numbers, not of the type they come in: the first of some types that holds them all is taken."""
    low, high = float(pixels.min()), float(pixels.max())
    whole = pixels.dtype.kind in "iu" or bool((pixels == np.rint(pixels)).all())
    fitting = (name for name in _WHOLE_TYPES if np.iinfo(name).min <= low and high <= np.iinfo(name).max)
    stored = np.ascontiguousarray(pixels, dtype=next(fitting, "<f4") if whole else "<f4")
    digest = hashlib.sha256(f"{stored.dtype.str} {stored.shape}".encode())
    digest.update(stored.data)
    return digest.hexdigest()[:20]


def _details(pixels: Pixels) -> FloatArray:
    """(GRID, GRID) contrast of each cell to its surroundings, in units of the contrast around it.

    Cells are ranked by brightness first, and equal ones share a rank: brightness, contrast, gamma and any other curve
    that keeps the order of the greys change nothing, and a flat background stays flat.
    """
    cells = np.asarray(Image.fromarray(pixels.astype(np.float32)).resize((GRID, GRID), Image.Resampling.BOX))
    low, high = float(cells.min()), float(cells.max())
    if high <= low:
        return np.zeros((GRID, GRID), dtype=np.float32)
    shades = np.rint((cells - low) * (_SHADES / (high - low))).astype(np.int64).ravel()
    _, position, count = np.unique(shades, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - 0.5 * count)[position].reshape(GRID, GRID).astype(np.float32) / shades.size
    wide, near = blur_matrix(GRID, _SURROUNDINGS), blur_matrix(GRID, _NEIGHBOURHOOD)
    detail = ranks - wide @ ranks @ wide.T
    contrast = np.sqrt(np.maximum(near @ (detail * detail) @ near.T, 0.0))
    relative: FloatArray = detail / (contrast + 0.1 * contrast.mean() + 1e-6)
    return relative

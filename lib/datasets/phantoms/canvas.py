"""What an X-ray passes through: a picture of thicknesses on which shapes are laid over each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from lib.datasets.phantoms.curves import FloatArray, rotated

FloatImage = npt.NDArray[np.float32]

SUPERSAMPLING = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the patient stands before the detector.

    Args:
        scale: pixels per millimetre.
        degrees: rotation about the patient's origin, clockwise on the screen.
        shift: ``(x, y)`` pixel of the patient's origin.
    """

    scale: float
    degrees: float
    shift: tuple[float, float]

    def to_pixels(self, points: npt.ArrayLike) -> FloatArray:
        """(N, 2) millimetres of the patient to (N, 2) pixels, the centre of the first pixel being (0, 0)."""
        pixels: FloatArray = rotated(np.asarray(points, dtype=np.float64), self.degrees) * self.scale + self.shift
        return pixels


class Canvas:
    """Thicknesses that add up where shapes lie over each other, as on a radiograph.

    Args:
        height: rows.
        width: columns.
        pose: from the patient's millimetres to pixels.
    """

    def __init__(self, height: int, width: int, pose: Pose) -> None:
        self.thickness: FloatImage = np.zeros((height, width), dtype=np.float32)
        self.pose = pose

    def fill(
        self,
        *outlines: FloatArray,
        amount: float,
        round_mm: float = 0.0,
        rim: float = 0.0,
        rim_mm: float = 1.0,
        soft_mm: float = 0.0,
    ) -> None:
        """Lay shapes on the picture; where several outlines of one call overlap they count once.

        Args:
            outlines: closed polygons in mm.
            amount: thickness inside; negative for air.
            round_mm: from the edge the thickness rises over about this distance, as in a ball or a cylinder.
            rim: thickness added along the inside of the edge, as by the cortex of a bone.
            rim_mm: how far the rim reaches inwards.
            soft_mm: blurs the edge.
        """
        pixels = [self.pose.to_pixels(outline) for outline in outlines]
        box = self._box(np.vstack(pixels), 3 * max(soft_mm, 0.5) * self.pose.scale + 2)
        if box is None:
            return
        rows, columns = box
        mask = _coverage(pixels, rows, columns)
        if soft_mm:
            mask = blurred(mask, soft_mm * self.pose.scale)
        layer = amount * mask
        if round_mm:
            # Twice the blurred mask is 1 at the edge and 2 inside: its excess rises as the distance from the edge.
            depth = np.clip(2 * blurred(mask, round_mm * self.pose.scale) - 1, 0, 1)
            layer = layer * np.sqrt(depth)
        if rim:
            shallow = np.clip(2 - 2 * blurred(mask, rim_mm * self.pose.scale), 0, 1)
            layer += rim * mask * shallow
        self.thickness[rows, columns] += layer

    def _box(self, pixels: FloatArray, margin: float) -> tuple[slice, slice] | None:
        """Rows and columns that hold the points and a margin; None where that lies outside the picture."""
        low = np.floor(pixels.min(axis=0) - margin)
        high = np.ceil(pixels.max(axis=0) + margin)
        height, width = self.thickness.shape
        left, top = int(max(low[0], 0)), int(max(low[1], 0))
        right, bottom = int(min(high[0] + 1, width)), int(min(high[1] + 1, height))
        if right <= left or bottom <= top:
            return None
        return slice(top, bottom), slice(left, right)


def _coverage(polygons: list[FloatArray], rows: slice, columns: slice) -> FloatImage:
    """(H, W) share of each pixel that the union of the polygons covers, 0 to 1."""
    size = ((columns.stop - columns.start) * SUPERSAMPLING, (rows.stop - rows.start) * SUPERSAMPLING)
    picture = Image.new("L", size)
    draw = ImageDraw.Draw(picture)
    corner = np.array([columns.start, rows.start]) - 0.5  # the first pixel's area begins half a pixel before its centre
    for polygon in polygons:
        draw.polygon([tuple(point) for point in ((polygon - corner) * SUPERSAMPLING).tolist()], fill=255)
    return np.asarray(picture.reduce(SUPERSAMPLING), dtype=np.float32) / 255


def blurred(image: FloatImage, sigma: float) -> FloatImage:
    """Gaussian blur of a (H, W) picture, edges extended; a wide one is computed on a smaller copy, much faster."""
    factor = max(1, int(sigma / 3))
    if factor == 1 or min(image.shape) < 2 * factor:
        return np.asarray(gaussian_filter(image, sigma, mode="nearest", truncate=3.0), dtype=np.float32)
    height, width = image.shape
    small_size = (math.ceil(width / factor), math.ceil(height / factor))
    small = np.asarray(Image.fromarray(image).resize(small_size, Image.Resampling.BOX))
    small = gaussian_filter(small, sigma / factor, mode="nearest", truncate=3.0)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)

"""Where the pixels of a radiograph lie in the world that 3D Slicer shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """The header that ITK reads from a file; Slicer places the same file by the same numbers.

    World position (LPS, mm) of pixel ``(x, y)``: ``origin + direction @ (spacing * (x, y, 0))``. It places points on
    the screen. It is no measure of anatomy: for millimetres on the patient see
    :class:`~lib.radiographs.spacing.PixelSpacing`.

    Args:
        origin: (3,) LPS position of the centre of the first pixel, mm.
        direction: (3, 3) direction cosines, one axis a column.
        spacing: (3,) distance of pixel centres along x (columns), y (rows) and z, mm.
    """

    origin: FloatArray
    direction: FloatArray
    spacing: FloatArray

    @classmethod
    def identity(cls) -> Geometry:
        """One millimetre a pixel, no rotation: what Slicer uses for a file that says nothing."""
        return cls(np.zeros(3), np.eye(3), np.ones(3))

    def to_world(self, points: npt.ArrayLike) -> FloatArray:
        """(N, 2) pixels ``(x, y)`` to (N, 3) LPS millimetres; NaN stays NaN."""
        pixels = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        index = np.column_stack([pixels, np.zeros(len(pixels))])
        world: FloatArray = self.origin + (index * self.spacing) @ self.direction.T
        return world

    def to_pixels(self, world: npt.ArrayLike) -> FloatArray:
        """(N, 3) LPS millimetres to (N, 2) pixels ``(x, y)``; the distance from the image plane is dropped."""
        positions = np.asarray(world, dtype=np.float64).reshape(-1, 3)
        index = np.linalg.solve(self.direction, (positions - self.origin).T).T / self.spacing
        pixels: FloatArray = index[:, :2]
        return pixels

"""Moving images and points together: pixel centres are mapped, and one matrix moves both."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def rescale_points(points: Tensor, from_size: tuple[int, int], to_size: tuple[int, int]) -> Tensor:
    """Points of an image after it was resized: ``x_to = (x + 0.5) * W_to / W_from - 0.5``.

    Args:
        points: (..., 2) ``(x, y)`` in pixels of the first image.
        from_size: its ``(height, width)``.
        to_size: ``(height, width)`` after resizing.
    """
    ratio = points.new_tensor([to_size[1] / from_size[1], to_size[0] / from_size[0]])
    return (points + 0.5) * ratio - 0.5


def centred_affine(
    size: tuple[int, int],
    *,
    degrees: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    mirror: bool = False,
) -> Tensor:
    """The matrix that mirrors, scales, shears and rotates about the image's centre, then shifts.

    Args:
        size: ``(height, width)``.
        degrees: rotation, positive from x towards y (clockwise on the screen).
        scale: factors along x and y.
        shear: x gains ``shear * y``.
        shift: share of width and height.
        mirror: exchange left and right first.

    Returns:
        (3, 3) float64, acting on pixels ``(x, y, 1)``.
    """
    # numbers, not tensors: of a dozen tensor operations on four numbers each would take longer than all of this
    height, width = size
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    scale_x, scale_y = -scale[0] if mirror else scale[0], scale[1]
    to_x = cos * scale_x, (cos * shear - sin) * scale_y
    to_y = sin * scale_x, (sin * shear + cos) * scale_y
    x, y = (width - 1) / 2, (height - 1) / 2
    return torch.tensor(
        [
            [*to_x, x + shift[0] * width - (to_x[0] * x + to_x[1] * y)],
            [*to_y, y + shift[1] * height - (to_y[0] * x + to_y[1] * y)],
            [0.0, 0.0, 1.0],
        ],
        dtype=torch.float64,
    )


def warp_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Points (..., 2) moved by a (3, 3) matrix on pixels; NaN stays NaN."""
    moved = points.to(matrix.dtype) @ matrix[:2, :2].T + matrix[:2, 2]
    return moved.to(points.dtype)


def warp_image(image: Tensor, matrix: Tensor) -> Tensor:
    """The image after its pixels moved by the same (3, 3) matrix: (C, H, W) to (C, H, W), bilinear, black outside.

    The matrix stays on the CPU, wherever the image is: its numbers are needed there.
    """
    height, width = image.shape[-2:]
    # a sum of one row and one column each: torch's affine_grid is several times slower than the sampling itself
    grid = torch.empty(1, height, width, 2, dtype=image.dtype, device=image.device)
    for axis, (side, (to_x, to_y, offset)) in enumerate(zip((width, height), _inverse(matrix), strict=True)):
        # grid_sample counts from -1 to 1 over the pixels' outer edges: x_normal = (2 x + 1) / W - 1
        begin, to_x, to_y = (2 * offset + 1) / side - 1, to_x * 2 / side, to_y * 2 / side
        row = torch.linspace(0.0, to_x * (width - 1), width, dtype=image.dtype, device=image.device)
        column = torch.linspace(begin, begin + to_y * (height - 1), height, dtype=image.dtype, device=image.device)
        torch.add(row, column[:, None], out=grid[0, ..., axis])
    warped = functional.grid_sample(image[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return warped[0]


def _inverse(matrix: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The first two rows of the inverse of an affine (3, 3) matrix."""
    (a, b, x), (c, d, y), _ = matrix.tolist()
    determinant = a * d - b * c
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return (a, b, -(a * x + b * y)), (c, d, -(c * x + d * y))

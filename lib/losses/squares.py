"""The weighted squared error against targets that are 0 but for a window, without drawing what is 0.

Written out, this loss reads and writes maps of full size a dozen times: the targets, their weights, the difference, its
square, the product, and again on the way back. Outside the window all that is left of it is the square of the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True, slots=True)
class TargetWindows:
    """Targets of (B, N) maps that are 0 but for one window in each.

    Args:
        values: (B, N, h, w) the targets in the windows, on the device of the maps, at least float32.
        first: (B, N, 2) column and row of each window's first cell; the window must lie inside its map. Best on the
            CPU.
    """

    values: Tensor
    first: Tensor

    def places(self, maps: Tensor) -> Tensor:
        """Where in the memory of dense maps (B, N, H, W) the windows' cells lie, counted in elements: (B, N, h, w)."""
        of_image, of_landmark, of_row, of_column = maps.stride()
        batch, landmarks, height, width = self.values.shape
        images, numbers = (torch.arange(count, device=self.first.device) for count in (batch, landmarks))
        corner = images[:, None] * of_image + numbers * of_landmark
        corner = corner + self.first[..., 0] * of_column + self.first[..., 1] * of_row
        rows, columns = (torch.arange(count, device=maps.device) for count in (height, width))
        corner = corner.to(maps.device, non_blocking=True)
        return corner[..., None, None] + (rows[:, None] * of_row + columns * of_column)


def weighted_squares(maps: Tensor, targets: TargetWindows, alpha: float, annotated: Tensor | None) -> Tensor:
    """``mean(alpha^y * (y - y_hat)^2)`` of each map, in float32 or better; its gradient has the type of the maps.

    Args:
        maps: (B, N, H, W), channels last or not.
        targets: what they should be.
        alpha: weight where the target is 1.
        annotated: (B, N) bool on the device of the maps, false where the loss is 0 whatever the map; None: all are.

    Returns:
        (B, N).
    """
    found: Tensor = _WeightedSquares.apply(maps, targets, alpha, annotated)  # type: ignore[no-untyped-call]
    return found


class _WeightedSquares(torch.autograd.Function):
    """For the way back it keeps the maps as they came, and the windows."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, targets: TargetWindows, alpha: float, annotated: Tensor | None) -> Tensor:
        rest = maps.clone(memory_format=_layout(maps))
        places, values = targets.places(rest), targets.values
        exact = torch.promote_types(maps.dtype, values.dtype)
        difference = _flat(rest)[places].to(exact) - values
        slope = torch.exp(math.log(alpha) * values) * difference
        _flat(rest).index_fill_(0, places.flatten(), 0.0)
        means = (_squares(rest, exact) + (slope * difference).sum((-2, -1))) / maps[0, 0].numel()
        ctx.save_for_backward(maps, places, slope, annotated)
        # replaced, not multiplied: a NaN in what is left out must not leak through 0 * NaN
        return means if annotated is None else torch.where(annotated, means, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        maps, places, slope, annotated = ctx.saved_tensors
        scale = (gradient * (2 / maps[0, 0].numel()))[..., None, None]
        result = torch.empty_like(maps, memory_format=_layout(maps))
        if annotated is None:
            torch.mul(maps, scale, out=result)
        else:
            annotated = annotated[..., None, None]
            torch.where(annotated, maps, maps.new_zeros(()), out=result).mul_(scale)
            slope = torch.where(annotated, slope, 0.0)
        _flat(result)[places] = (slope * scale).to(maps.dtype)
        return result, None, None, None


def _layout(maps: Tensor) -> torch.memory_format:
    return torch.channels_last if maps.stride(1) == 1 else torch.contiguous_format


def _flat(dense: Tensor) -> Tensor:
    return dense.as_strided((dense.numel(),), (1,))


def _squares(maps: Tensor, exact: torch.dtype) -> Tensor:
    """The sum of the squares of each map, added up in a better type; the maps are lost."""
    if maps.dtype is exact and maps.is_cpu and _layout(maps) is torch.channels_last:
        return maps.square_().sum((-2, -1))  # there in half the time
    norms: Tensor = torch.linalg.vector_norm(maps, dim=(-2, -1), dtype=exact)
    return norms.square()

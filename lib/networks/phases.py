"""A 3x3 convolution of up-sampled maps, computed from the maps before they are up-sampled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lib.networks.upsampling import upsample


def convolved_upsampled(features: Tensor, weight: Tensor, kernels: Tensor) -> Tensor:
    """What a 3x3 convolution padded by 1 makes of up-sampled features, whose large map is never there; differentiable.

    Each fine cell sees three by three up-sampled cells, which lie between three by three of those that were up-sampled:
    four convolutions of them, one for each of the four places of a fine cell in a coarse one, give the same sums. Only
    along the border the up-sampled cells outside are 0 and not what up-sampling would put there: those lines are
    computed as they are written.

    Args:
        features: (B, C, h, w).
        weight: (N, C, 3, 3).
        kernels: its :func:`phases`.

    Returns:
        (B, N, 2h, 2w), the same as ``conv2d(upsample(features), weight, padding=1)``.
    """
    framed = features
    for axis in (2, 3):
        size = framed.shape[axis]
        framed = torch.cat([framed.narrow(axis, 0, 1), framed, framed.narrow(axis, size - 1, 1)], axis)
    drawn = functional.pixel_shuffle(functional.conv2d(framed, kernels), 2)
    for axis in (2, 3):
        size = features.shape[axis]
        few = min(2, size)
        first, last = (
            functional.conv2d(upsample(features.narrow(axis, start, few)), weight, padding=1)
            for start in (0, size - few)
        )
        inner = drawn.narrow(axis, 1, 2 * size - 2)
        drawn = torch.cat([first.narrow(axis, 0, 1), inner, last.narrow(axis, 2 * few - 1, 1)], axis)
    return drawn


def phases(weight: Tensor, spread: Tensor) -> Tensor:
    """(N, C, 3, 3) over up-sampled cells to (4 N, C, 3, 3) over the cells before, in the order of a pixel shuffle."""
    maps, channels = weight.shape[:2]
    made = (weight.reshape(maps, channels, 9) @ spread).reshape(maps, channels, 4, 3, 3)
    return made.transpose(1, 2).reshape(4 * maps, channels, 3, 3)


def spread_of_phases() -> Tensor:
    """(9, 36) what each tap over up-sampled cells gives to the taps over the cells before, in each of four phases."""
    # rows: what the cell itself and its two neighbours give to three up-sampled cells in a row
    even = torch.tensor([[0.75, 0.25, 0.0], [0.25, 0.75, 0.75], [0.0, 0.0, 0.25]])
    odd = torch.tensor([[0.25, 0.0, 0.0], [0.75, 0.75, 0.25], [0.0, 0.25, 0.75]])
    parts = [torch.einsum("ia,jb->abij", down, across) for down in (even, odd) for across in (even, odd)]
    return torch.stack(parts, 2).reshape(9, 36)

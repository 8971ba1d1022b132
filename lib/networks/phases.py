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
    along the border the up-sampled cells outside are 0 and not what up-sampling would put there: the two lines that see
    any of them are computed as they are written.

    Args:
        features: (B, C, h, w).
        weight: (N, C, 3, 3).
        kernels: its :func:`phases`.

    Returns:
        (B, N, 2h, 2w), the same as ``conv2d(upsample(features), weight, padding=1)``.
    """
    drawn = woven(functional.conv2d(features, kernels, padding=1))
    for axis in (2, 3):
        size = features.shape[axis]
        few = min(2, size)
        for start, line in ((0, 0), (size - few, 2 * few - 2)):
            # else a GPU up-samples so few cells as if each channel were a map of its own
            seen = features.narrow(axis, start, few).contiguous(memory_format=torch.channels_last)
            lines = functional.conv2d(upsample(seen), weight, padding=1)
            drawn.narrow(axis, 2 * start + line, 2).copy_(lines.narrow(axis, line, 2))  # no copy of all of them
    return drawn


def phases(weight: Tensor, spread: Tensor) -> Tensor:
    """(N, C, 3, 3) over up-sampled cells to (4 N, C, 3, 3) over the cells before, one phase after the other."""
    maps, channels = weight.shape[:2]
    made = (weight.reshape(maps, channels, 9) @ spread).reshape(maps, channels, 4, 3, 3)
    return made.permute(2, 0, 1, 3, 4).reshape(4 * maps, channels, 3, 3)


def woven(drawn: Tensor) -> Tensor:
    """What the kernels of :func:`phases` draw, (B, 4 N, h, w), as (B, N, 2h, 2w), laid out channels last.

    A pixel shuffle with the phases outermost: of two fine cells beside each other all maps lie together before and
    after, so that they are moved in one piece.
    """
    batch, channels, height, width = drawn.shape
    rows = drawn.permute(0, 2, 3, 1).reshape(batch, height, width, 2, channels // 2).transpose(2, 3)
    return rows.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


def spread_of_phases() -> Tensor:
    """(9, 36) what each tap over up-sampled cells gives to the taps over the cells before, in each of four phases."""
    # rows: what the cell itself and its two neighbours give to three up-sampled cells in a row
    even = torch.tensor([[0.75, 0.25, 0.0], [0.25, 0.75, 0.75], [0.0, 0.0, 0.25]])
    odd = torch.tensor([[0.25, 0.0, 0.0], [0.75, 0.75, 0.25], [0.0, 0.25, 0.75]])
    parts = [torch.einsum("ia,jb->abij", down, across) for down in (even, odd) for across in (even, odd)]
    return torch.stack(parts, 2).reshape(9, 36)

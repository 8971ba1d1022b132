"""The part of each map around a cell, and how high the map is there."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(maps: Tensor, cells: Tensor, half: int) -> Tensor:
    """The square of cells around one cell of each map.

    Args:
        maps: (M, h, w).
        cells: (M, 2) whole ``(x, y)``.
        half: cells on each side of it.

    Returns:
        (M, 2 half + 1, 2 half + 1); 0 beyond the border.
    """
    height, width = maps.shape[1:]
    steps = torch.arange(-half, half + 1, device=maps.device)
    columns, rows = (cells.long()[:, :, None] + steps).unbind(dim=1)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
    around = maps.flatten(1).gather(1, index.flatten(1)).reshape(index.shape)
    return torch.where(inside, around, 0.0)


def highest_near(maps: Tensor, cells: Tensor, sigma: float) -> Tensor:
    """(M,) the highest value within about a sigma, at least two cells, to each side of (M, 2) ``(x, y)``."""
    return windows(maps, cells.round(), max(2, round(sigma))).flatten(1).amax(dim=1)

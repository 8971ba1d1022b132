"""Where each map is highest, the part of it around a cell, and how high it is there."""

from __future__ import annotations

import torch
from torch import Tensor

_STRIP = 16
"""Rows that are looked at together."""


def highest_cells(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Value (M,) and place (M, 2) ``(x, y)`` of the highest cell of (M, h, w) maps; of several, the first by rows.

    On a CPU they are read in the order in which they lie in memory, be it map by map or, as a network that works
    channels last leaves them, pixel by pixel: flattened, the latter would be copied, which takes ten times as long.
    """
    width = maps.shape[2]
    if maps.device.type != "cpu" or maps.dtype != torch.float32:
        peak, index = maps.flatten(1).max(dim=1)
        return peak, torch.stack([index % width, index // width], dim=-1)
    maps = maps.detach()
    each, first_row = torch.arange(len(maps)), torch.zeros(len(maps), dtype=torch.long)
    if not maps.is_contiguous():
        strips = torch.stack([strip.amax(dim=0) for strip in torch.split(maps.permute(1, 2, 0), _STRIP)])
        first_row = _STRIP * _first_highest(strips.permute(2, 0, 1).contiguous().amax(dim=2))
        rows = (first_row[:, None] + torch.arange(_STRIP)).clamp_max(maps.shape[1] - 1)
        maps = maps[each[:, None], rows]
    index = _first_highest(maps.flatten(1))
    x, y = index % width, index // width
    return maps[each, y, x], torch.stack([x, first_row + y], dim=-1)


def _first_highest(values: Tensor) -> Tensor:
    # (M,) of (M, K), by numpy: torch's argmax does not promise the first, and takes ten times as long
    return torch.from_numpy(values.numpy().argmax(axis=1))


def windows(maps: Tensor, cells: Tensor, half: int, among: Tensor | None = None) -> Tensor:
    """The square of cells around one cell of each map.

    Args:
        maps: (N, h, w).
        cells: (M, 2) whole ``(x, y)``.
        half: cells on each side of it.
        among: (M,) indices of the maps that are meant; None: each, M = N.

    Returns:
        (M, 2 half + 1, 2 half + 1); 0 beyond the border.
    """
    steps = torch.arange(-half, half + 1, device=maps.device)
    there = cells.long()[:, :, None] + steps
    columns, rows = window_cells(maps, cells, half)
    inside = (there[:, 1] == rows)[:, :, None] & (there[:, 0] == columns)[:, None]
    of_map = torch.arange(len(maps), device=maps.device) if among is None else among
    around = maps[of_map[:, None, None], rows[:, :, None], columns[:, None]]
    return torch.where(inside, around, 0.0)


def window_cells(maps: Tensor, cells: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """The columns and the rows of that square, each (M, 2 half + 1); those beyond the border are the last before it."""
    height, width = maps.shape[1:]
    steps = torch.arange(-half, half + 1, device=maps.device)
    columns, rows = (cells.long()[:, :, None] + steps).unbind(dim=1)
    return columns.clamp(0, width - 1), rows.clamp(0, height - 1)


def highest_near(maps: Tensor, cells: Tensor, sigma: float) -> Tensor:
    """(M,) the highest value within about a sigma, at least two cells, to each side of (M, 2) ``(x, y)``."""
    return windows(maps, cells.round(), max(2, round(sigma))).flatten(1).amax(dim=1)

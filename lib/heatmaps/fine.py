"""The fine maps of one image, and what several who look at them need, made once."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from lib.heatmaps.codec import HeatmapCodec

CELLS_A_SIGMA = (2.5, 1.0)
"""How finely maps are looked at besides as they are: for their evidence, and to decode them together."""


class FineMaps:
    """Fine heat maps as a network gives them, and what is made of them once for all who look at them.

    They are large, and a network that works channels last leaves them pixel by pixel, not map by map; as they lie, they
    are read once for each thing here, and never copied.

    Args:
        maps: (N, h, w), any floating type and layout.
        codec: of the maps.

    Attributes:
        values: (N, h, w) float32, apart from any gradient.
    """

    def __init__(self, maps: Tensor, codec: HeatmapCodec) -> None:
        self.values, self.codec = maps.detach().float(), codec
        self._sums: dict[int, Tensor] = {1: self.values}

    @cached_property
    def decoded(self) -> tuple[Tensor, Tensor]:
        """Points (N, 2) and peaks (N,), as :meth:`~lib.heatmaps.HeatmapCodec.decode` finds them."""
        return self.codec.decode(self.values)

    def means(self, cells_a_sigma: float) -> tuple[Tensor, HeatmapCodec]:
        """The maps' means over squares of cells, so large that about so many cross a sigma, and the codec of these.

        A square that reaches beyond the maps counts with what it has of them.

        Args:
            cells_a_sigma: one of :data:`CELLS_A_SIGMA`.
        """
        step = self._step(cells_a_sigma)
        shared = math.gcd(*map(self._step, CELLS_A_SIGMA))
        if shared not in self._sums:
            self._sums[shared] = block_sums(self.values, shared)
        sums = block_sums(self._sums[shared], step // shared).contiguous()
        rows, columns = (_block_lengths(side, step).to(sums) for side in self.values.shape[1:])
        codec = HeatmapCodec(sigma=self.codec.sigma / step, stride=self.codec.stride * step)
        return sums / (rows[:, None] * columns), codec

    def _step(self, cells_a_sigma: float) -> int:
        return max(1, int(self.codec.sigma / cells_a_sigma))


def block_sums(maps: Tensor, step: int) -> Tensor:
    """Sums over squares of ``step`` cells: (N, h, w) to (N, ceil(h / step), ceil(w / step))."""
    for axis in (1, 2):
        if step > 1:
            maps = _strip_sums(maps, step, axis)
    return maps


def _strip_sums(maps: Tensor, step: int, axis: int) -> Tensor:
    # adding every step-th row (column) at a time: torch's own pooling takes several times as long on a CPU
    where = (slice(None),) * axis
    sums = maps[(*where, slice(0, None, step))].clone()
    for first in range(1, step):
        part = maps[(*where, slice(first, None, step))]
        sums[(*where, slice(0, part.shape[axis]))] += part
    return sums


def _block_lengths(side: int, step: int) -> Tensor:
    """(ceil(side / step),) how many of the ``side`` cells each block has."""
    starts = torch.arange(0, side, step)
    return (side - starts).clamp_max(step)

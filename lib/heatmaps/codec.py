"""The heat-map codec: draws targets and decodes them again; it owns sigma, stride and the pixel-centre rule.

Cell ``i`` of a map with stride ``s`` covers the input pixels ``s * i`` to ``s * i + s - 1``; its centre lies at ``s *
(i + 0.5) - 0.5``. Both directions use :meth:`HeatmapCodec.to_cells` and :meth:`HeatmapCodec.to_pixels`, so the
released code's shift by one cell (targets drawn on 1..W, decoded on 0..W-1) happens only where it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from lib.heatmaps.window import highest_cells

Decoder = Literal["subpixel", "argmax", "released"]


@dataclass(frozen=True, slots=True)
class HeatmapCodec:
    """Landmarks to heat maps and back.

    Args:
        sigma: standard deviation of the Gaussian in cells of the map (paper's code: 10, at both resolutions).
        stride: input pixels a cell covers, 1 for the fine and 2 for the coarse map.
        decoder: ``"subpixel"`` fits a Gaussian around the highest cell; ``"argmax"`` takes its centre, as the paper
            does; ``"released"`` does so too and draws targets one cell too far left and up, as the released code does,
            so that points come back with that error.

    Raises:
        ValueError: a sigma that is not positive, a stride below 1, an unknown decoder.

    Example:
        >>> codec = HeatmapCodec(sigma=3.0)
        >>> points, scores = codec.decode(codec.encode(torch.tensor([[[10.25, 7.5]]]), size=(32, 48)))
        >>> [round(value, 2) for value in points[0, 0].tolist()], round(scores.item(), 1)
        ([10.25, 7.5], 1.0)
    """

    sigma: float = 10.0
    stride: int = 1
    decoder: Decoder = "subpixel"

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise ValueError(f"Argument sigma should be positive, got {self.sigma}.")
        if self.stride < 1:
            raise ValueError(f"Argument stride should be at least 1, got {self.stride}.")
        if self.decoder not in get_args(Decoder):
            raise ValueError(f"Argument decoder should be one of {', '.join(get_args(Decoder))}, got {self.decoder!r}.")

    def with_stride(self, stride: int) -> Self:
        """The same codec for maps of another resolution; sigma stays the same number of cells, as in the paper."""
        return replace(self, stride=stride)

    def to_cells(self, pixels: Tensor) -> Tensor:
        """Coordinates in input pixels to coordinates in cells of the map."""
        return (pixels + 0.5) / self.stride - 0.5

    def to_pixels(self, cells: Tensor) -> Tensor:
        """Coordinates in cells of the map to coordinates in input pixels."""
        return (cells + 0.5) * self.stride - 0.5

    def encode(self, points: Tensor, size: tuple[int, int], *, channels_last: bool = False) -> Tensor:
        """Draw the targets, on the device of ``points``.

        ``exp(-((i - y)^2 + (j - x)^2) / (2 sigma^2))`` at the true, fractional place; separable, so it costs H + W
        exponentials a map.

        Args:
            points: (..., N, 2) landmarks ``(x, y)`` in input pixels; NaN where there is none.
            size: ``(height, width)`` of the network's input.
            channels_last: lay them out in memory as (..., h, w, N), as networks that are so themselves do: what
                compares maps of two layouts is several times slower.

        Returns:
            (..., N, ceil(height / stride), ceil(width / stride)) float32, peak 1; all zero for a landmark that is NaN.

        Raises:
            ValueError: points of another shape.
        """
        if points.ndim < 2 or points.shape[-1] != 2:
            raise ValueError(f"Expected points of shape (..., N, 2), got {tuple(points.shape)}.")
        height, width = (-(-side // self.stride) for side in size)
        cells = self.to_cells(points.float())
        if self.decoder == "released":
            cells = cells - 1.0  # the place of cell x on a grid that counts from 1
        along_x = self._profile(cells[..., 0], width)
        along_y = self._profile(cells[..., 1], height)
        if channels_last:
            drawn = along_y.transpose(-1, -2).unsqueeze(-2) * along_x.transpose(-1, -2).unsqueeze(-3)
            return drawn.contiguous().movedim(-1, -3)
        return along_y.unsqueeze(-1) * along_x.unsqueeze(-2)

    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Find the landmarks.

        Args:
            heatmaps: (..., N, h, w), any floating type.

        Returns:
            points (..., N, 2) ``(x, y)`` in input pixels and scores (..., N), the value of the highest cell clamped
            to 0..1, both float32.

        Raises:
            ValueError: fewer than three axes.
        """
        if heatmaps.ndim < 3:
            raise ValueError(f"Expected heat maps of shape (..., N, h, w), got {tuple(heatmaps.shape)}.")
        *batch, height, width = heatmaps.shape
        maps = heatmaps.reshape(-1, height, width)
        peak, highest = highest_cells(maps)
        cells = highest.float()
        if self.decoder == "subpixel":
            cells = cells + self._offset(maps, cells)
        points = self.to_pixels(cells).reshape(*batch, 2)
        return points, peak.float().clamp(0.0, 1.0).reshape(batch)

    def _profile(self, centre: Tensor, length: int) -> Tensor:
        axis = torch.arange(length, device=centre.device, dtype=centre.dtype)
        return torch.exp(-((axis - centre.unsqueeze(-1)) ** 2) / (2 * self.sigma**2)).nan_to_num(nan=0.0)

    def _offset(self, maps: Tensor, peaks: Tensor) -> Tensor:
        """(M, 2) distance in cells from the highest cell to the summit of a Gaussian fitted around it.

        The logarithm of a Gaussian is a paraboloid ``a + b dx + c dy + d (dx^2 + dy^2)``: four numbers by least
        squares over a window of about one sigma, weighted by the squared height so that the flank's noise counts
        little. Cells off the map get no weight, so a border costs precision but adds no bias.
        """
        count, height, width = maps.shape
        radius = max(2, round(self.sigma))
        steps = torch.arange(-radius, radius + 1, device=maps.device)
        dy, dx = (grid.flatten() for grid in torch.meshgrid(steps, steps, indexing="ij"))
        columns = peaks[:, :1].long() + dx
        rows = peaks[:, 1:].long() + dy
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        of_map = torch.arange(count, device=maps.device)[:, None]
        values = maps[of_map, rows.clamp(0, height - 1), columns.clamp(0, width - 1)].double()
        summit = values.amax(dim=1, keepdim=True).clamp_min(1e-12)
        relative = values / summit
        weight = torch.where(inside & (relative > 0.03), relative**2, 0.0)
        x, y = dx.double(), dy.double()
        design = torch.stack([torch.ones_like(x), x, y, x**2 + y**2], dim=-1)
        products = (design[:, :, None] * design[:, None]).flatten(1)
        normal = (weight @ products).reshape(count, 4, 4)
        moments = (weight * torch.log(relative.clamp_min(1e-6))) @ design
        ridge = 1e-9 * torch.eye(4, device=maps.device, dtype=torch.float64)
        _, slope_x, slope_y, curvature = torch.linalg.solve(normal + ridge, moments).unbind(-1)
        offset = torch.stack([slope_x, slope_y], dim=-1) / (-2 * curvature).clamp_min(1e-9).unsqueeze(-1)
        sound = (curvature < 0) & torch.isfinite(offset).all(dim=-1)
        # beyond one and a half cells the highest cell would have been another one: the map is no Gaussian there
        return torch.where(sound.unsqueeze(-1), offset.clamp(-1.5, 1.5), 0.0).float()

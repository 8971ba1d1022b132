"""What a network's heat maps tell of how sure it is: height, width, rivals, and whether coarse and fine agree.

A well-trained FARNet draws a Gaussian of the codec's sigma where it knows; where it does not, the map is lower, wider,
or has a second summit. None of it is an error in pixels: see :mod:`lib.confidence` for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.heatmaps.codec import HeatmapCodec
from lib.heatmaps.fine import CELLS_A_SIGMA, FineMaps
from lib.heatmaps.window import highest_near, window_cells

_CELLS_A_SIGMA = CELLS_A_SIGMA[0]
"""Maps are looked at with about so many cells a sigma: finer ones tell the same and take longer."""
_RIVAL_SIGMAS = 3.0
"""A second summit is one farther than this from the first."""
_HIGHEST_RIVAL = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the maps of one image tell; lengths in pixels of the network's input, all float64.

    Args:
        points: (N, 2) landmarks ``(x, y)``, decoded from the fine maps.
        peak: (N,) the value of the highest cell at the point, 0 to 1.
        width: (N,) diameter of a disc with the area where the map is above half its peak, in units of that of an ideal
            map, whose width is 1.
        rival: (N,) height of the highest cell more than three sigma away, as a share of the peak: above 1 where the
            point is not at the highest summit, because other landmarks speak against that.
        disagreement: (N,) distance between the points of the fine and the coarse map, in sigmas of the fine map.
        stray: (N,) distance between the point and the map's centre of mass, in the same unit.
        shape: (N, 2, 2) covariance of the part above half the peak in square pixels, x first.
    """

    points: Tensor
    peak: Tensor
    width: Tensor
    rival: Tensor
    disagreement: Tensor
    stray: Tensor
    shape: Tensor

    @property
    def unsureness(self) -> Tensor:
        """(N,) grows with the error that is to be expected, in no unit: 1 for ideal maps.

        For models that have not been calibrated: width over height, more where there is a rival.
        """
        return self.width / self.peak.clamp_min(0.01) * (1.0 + self.rival)


@torch.no_grad()
def examine(fine: Tensor | FineMaps, coarse: Tensor, codec: HeatmapCodec, points: Tensor | None = None) -> Evidence:
    """Look at the heat maps of one image.

    Args:
        fine: (N, h, w); :class:`~lib.heatmaps.FineMaps` of the same codec where others have looked at them already.
        coarse: (N, h / 2, w / 2), whose cells cover twice as many pixels.
        codec: of the fine maps.
        points: (N, 2) the landmarks, where they were not chosen by the highest summits, which the codec decodes.

    Raises:
        ValueError: maps of another shape.
    """
    shape = fine.values.shape if isinstance(fine, FineMaps) else fine.shape
    if len(shape) != 3 or coarse.ndim != 3 or shape[0] != len(coarse):
        raise ValueError(f"Expected maps of shape (N, h, w), got {tuple(shape)} and {tuple(coarse.shape)}.")
    fine = fine if isinstance(fine, FineMaps) else FineMaps(fine, codec)
    other, _ = codec.with_stride(2 * codec.stride).decode(coarse)
    maps, reduced = fine.means(_CELLS_A_SIGMA)
    if points is None:
        points, peak = fine.decoded
        summit = maps.flatten(1).amax(dim=1)
    else:
        peak = highest_near(fine.values, codec.to_cells(points), codec.sigma).clamp(0.0, 1.0)
        summit = highest_near(maps, reduced.to_cells(points), reduced.sigma)
    relative = maps / summit.clamp_min(1e-6)[:, None, None]
    above = (relative > 0.5).float()
    area = above.flatten(1).sum(dim=1)
    ideal = 2.0 * math.pi * math.log(2.0) * reduced.sigma**2  # of a Gaussian above half its height, in cells
    sigma = codec.sigma * codec.stride
    cells = reduced.to_cells(points)
    return Evidence(
        points=points.double(),
        peak=peak.double(),
        width=(area / ideal).sqrt().double(),
        rival=_rival(relative, cells, _RIVAL_SIGMAS * reduced.sigma).double(),
        disagreement=((points - other).norm(dim=1) / sigma).double(),
        stray=((_moments(relative.clamp_min(0.1) - 0.1)[0] - cells).norm(dim=1) * reduced.stride / sigma).double(),
        shape=(_moments(above)[1] * reduced.stride**2).double(),
    )


def _rival(relative: Tensor, cells: Tensor, radius: float) -> Tensor:
    """(M,) the highest value farther than ``radius`` from the summit; 0 where nothing is."""
    width = relative.shape[2]
    columns, rows = window_cells(relative, cells.round(), math.ceil(radius) + 1)
    x, y = (columns - cells[:, :1])[:, None], (rows - cells[:, 1:])[:, :, None]
    index = (rows[:, :, None] * width + columns[:, None]).flatten(1)
    values = relative.flatten(1)
    kept = torch.where((x**2 + y**2 > radius**2).flatten(1), values.gather(1, index), 0.0)
    return values.scatter(1, index, kept).amax(dim=1).clamp(0.0, _HIGHEST_RIVAL)


def _moments(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (M, 2) and covariance (M, 2, 2) of (M, h, w) weights, in cells, x first; a twelfth is a cell's own."""
    rows, columns = (torch.arange(side, device=weights.device, dtype=weights.dtype) for side in weights.shape[1:])
    along_x, along_y = weights.sum(dim=1), weights.sum(dim=2)
    total = along_x.sum(dim=1, keepdim=True).clamp_min(1e-9)
    x, y = ((along * axis).sum(dim=1, keepdim=True) / total for along, axis in ((along_x, columns), (along_y, rows)))
    across, down = columns - x, rows - y
    xx = (along_x * across**2).sum(dim=1) / total[:, 0] + 1 / 12
    yy = (along_y * down**2).sum(dim=1) / total[:, 0] + 1 / 12
    xy = (down[:, None] @ weights @ across[:, :, None])[:, 0, 0] / total[:, 0]
    covariance = torch.stack([xx, xy, xy, yy], dim=-1).reshape(-1, 2, 2)
    return torch.cat([x, y], dim=-1), covariance

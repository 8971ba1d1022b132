"""Decodes the maps of an image together, by how far apart landmarks should lie: none takes another's place.

Maps of landmarks that look alike, such as corners of neighbouring vertebrae, have a summit at several of them, and
which is the highest is chance. Together only few of the choices leave a spine. Belief propagation on a tree over the
landmarks weighs all of them at once, and exactly: pictorial structures (Felzenszwalb and Huttenlocher, International
Journal of Computer Vision 61, 2005) on the maps of a network. Where the choice is that of the highest summit, the point
is the very one that :meth:`~lib.heatmaps.HeatmapCodec.decode` finds.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lib.heatmaps.codec import HeatmapCodec
from lib.heatmaps.fine import CELLS_A_SIGMA, FineMaps
from lib.heatmaps.window import highest_near, windows

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]
Maps = npt.NDArray[np.float32]

_ANYWHERE = np.float32(0.005)
"""Height added to every map: a landmark may lie where its map says nothing of it."""
_UNRELATED = 1e-4
"""How likely, against where it is expected most, a landmark lies anywhere else as seen from its neighbour."""
_WIDER = 1.5
"""Displacements are taken to vary so many times more than those of labels do: the tree knows of no other relations."""
_LOOSER = 2.5
"""The same of where all others expect a landmark, which cannot tell a run of landmarks that is wrong as a whole."""
_SAME_SIGMAS = 1.5
"""A summit no farther than this from the chosen place is the chosen one."""
_LOWEST = 0.1
"""Height below which a summit near the chosen place is noise."""
_MOST_AGAINST = 0.2
"""Share of the landmarks that may be chosen against their maps: where it is more, the image has another shape.

Of 33 spines that an undertrained network was in doubt about none had more than 6 %, of cephalograms and hands none any;
cephalograms and hands shown as in a mirror, with a clear summit for each landmark, had 21 % and more.
"""
_FINEST = 0.3  # cells, of a standard deviation: less is finer than the grid
_TINY = np.float32(1e-12)  # above what rounds to 0
_NEVER = 1e-12
"""How likely what is no more than that counts as impossible: against :data:`_UNRELATED` it is lost in rounding anyway.

Smaller ones end in numbers below the smallest normal one, with which a processor takes ten times as long.
"""


class Neighbours(Protocol):
    """A tree over K of the landmarks, such as :class:`lib.shapes.Relations`, in pixels of the network's input.

    ``landmarks`` (K,) are indices, each after its parent; ``parents`` (K,) places of their parents among these, 0 for
    the first, which has none; ``offsets`` (K, 2) where each is expected from its parent, and ``covariances`` (K, 2, 2)
    of that.
    """

    @property
    def landmarks(self) -> IndexArray: ...  # noqa: D102
    @property
    def parents(self) -> IndexArray: ...  # noqa: D102
    @property
    def offsets(self) -> FloatArray: ...  # noqa: D102
    @property
    def covariances(self) -> FloatArray: ...  # noqa: D102


class JointChoice:
    """The landmarks of one image, at first each by itself, then chosen together.

    Args:
        maps: (N, h, w) fine heat maps; :class:`~lib.heatmaps.FineMaps` of the same codec where others look at them too.
        codec: of the maps.

    Attributes:
        alone: (N, 2) ``(x, y)`` in pixels of the network's input, on the maps' device, as the codec decodes each.
        points: the same but where another place is chosen.
    """

    def __init__(self, maps: Tensor | FineMaps, codec: HeatmapCodec) -> None:
        fine = maps if isinstance(maps, FineMaps) else FineMaps(maps, codec)
        self.maps, self.codec = fine.values, codec
        self.alone, _ = fine.decoded
        self.points = self.alone.clone()
        # a grid of one cell a sigma: finer ones choose the same and take longer
        reduced, self._grid = fine.means(CELLS_A_SIGMA[1])
        self._likely: Maps = reduced.clamp_min(0.0).cpu().numpy() + _ANYWHERE

    def choose_by(self, tree: Neighbours) -> None:
        """Choose those that the tree joins, all at once."""
        self._move(tree.landmarks, _beliefs(self._likely[tree.landmarks], tree, self._grid.stride))

    def choose_as_expected(self, expected: FloatArray, spread: FloatArray) -> None:
        """Choose each as it is expected by itself.

        Args:
            expected: (N, 2) in pixels of the network's input, NaN where nothing is.
            spread: (N, 2) standard deviations of that along x and y.
        """
        among = np.flatnonzero(~np.isnan(expected).any(axis=1))
        cells = self._grid.to_cells(torch.from_numpy(expected[among])).numpy()
        deviations = np.maximum(spread[among] * _LOOSER / self._grid.stride, _FINEST)
        height, width = self._likely.shape[1:]
        across = np.exp(-0.5 * ((np.arange(width) - cells[:, :1]) / deviations[:, :1]) ** 2)
        down = np.exp(-0.5 * ((np.arange(height) - cells[:, 1:]) / deviations[:, 1:]) ** 2)
        near = (down[:, :, None] * across[:, None]).astype(np.float32)
        self._move(among, self._likely[among] * (near + _TINY))

    def is_against_maps(self) -> bool:
        """Whether so many landmarks have left far higher summits that the image is not of the shape it was taken for.

        A mirrored one, for example: where its maps are clear they are to be believed, and what is wrong to be seen.
        """
        there = highest_near(self.maps, self.codec.to_cells(self.points), self.codec.sigma)
        summit = highest_near(self.maps, self.codec.to_cells(self.alone), self.codec.sigma)
        return bool(((summit > _LOWEST) & (there < 0.5 * summit)).float().mean() > _MOST_AGAINST)

    def _move(self, among: IndexArray, beliefs: Maps) -> None:
        """Decode anew those landmarks of which the (K, h, w) beliefs are highest elsewhere."""
        index = torch.as_tensor(among, device=self.maps.device)
        places = self._grid.to_pixels(_summits(torch.from_numpy(beliefs))).to(self.points)
        height, width = self.maps.shape[1:]  # the last cell of the grid may reach beyond them
        places = places.minimum(self.codec.to_pixels(places.new_tensor([width - 1, height - 1])))
        same = _SAME_SIGMAS * self.codec.sigma * self.codec.stride
        other = (self.points[index] - places).norm(dim=1) > same
        if not other.any():
            return
        self.points[index[other]] = _decode_near(self.maps, index[other], places[other], same, self.codec)


def _beliefs(maps: Maps, tree: Neighbours, stride: int) -> Maps:
    """(K, h, w) how likely each landmark lies in each cell, given all maps; each up to a factor.

    A message is the sender's belief, moved by the offset and blurred by its uncertainty; as that is taken along x and
    along y by itself, it costs two products of matrices.
    """
    offsets = np.asarray(tree.offsets) / stride
    deviations = np.sqrt(np.einsum("kaa->ka", np.asarray(tree.covariances))) * _WIDER / stride
    along_y = _spread(maps.shape[1], offsets[:, 1], deviations[:, 1])
    along_x = _spread(maps.shape[2], offsets[:, 0], deviations[:, 0])
    beliefs = torch.from_numpy(maps).clone()  # numpy takes several times as long for products of small matrices
    upwards = torch.empty_like(beliefs)
    for child in range(len(maps) - 1, 0, -1):
        upwards[child] = _message(along_y[child].T, beliefs[child], along_x[child])
        beliefs[tree.parents[child]] = _scaled(beliefs[tree.parents[child]] * upwards[child])
    for child in range(1, len(maps)):
        others = _scaled(beliefs[tree.parents[child]] / upwards[child])
        beliefs[child] = _scaled(beliefs[child] * _message(along_y[child], others, along_x[child].T))
    found: Maps = beliefs.numpy()
    return found


def _message(along_y: Tensor, beliefs: Tensor, along_x: Tensor) -> Tensor:
    return _scaled(along_y @ beliefs @ along_x + _UNRELATED * beliefs.sum())


def _scaled(values: Tensor) -> Tensor:
    return values / values.max()


def _spread(cells: int, offset: FloatArray, deviation: FloatArray) -> Tensor:
    """(K, cells, cells) ``[child, parent]``: how likely a child lies in a cell of an axis if its parent lies in one."""
    axis = torch.arange(cells, dtype=torch.float32)
    away = axis[:, None] - axis - torch.from_numpy(offset).float()[:, None, None]
    away /= torch.from_numpy(np.maximum(deviation, _FINEST)).float()[:, None, None]
    likely = away.square_().mul_(-0.5).clamp_min_(2 * math.log(_NEVER)).exp_()
    return functional.threshold(likely, _NEVER, 0.0)


def _summits(maps: Tensor) -> Tensor:
    """(K, 2) centres of mass ``(x, y)``, in cells, of the highest cell of each map and those beside it."""
    highest = maps.flatten(1).argmax(dim=1)
    peaks = torch.stack([highest % maps.shape[2], highest // maps.shape[2]], dim=-1)
    around = windows(maps, peaks, 1)
    steps = torch.arange(-1, 2, dtype=maps.dtype)
    moments = torch.stack([(around * steps).sum(dim=(1, 2)), (around * steps[:, None]).sum(dim=(1, 2))], dim=-1)
    return peaks + moments / around.sum(dim=(1, 2))[:, None]


def _decode_near(maps: Tensor, among: Tensor, places: Tensor, radius: float, codec: HeatmapCodec) -> Tensor:
    """(M, 2) the summit of maps, of (M,) indices, near a place, of (M, 2); the place itself where there is none."""
    cells = codec.to_cells(places)
    corner = cells.round().long()
    half = int(radius / codec.stride) + 2
    around = windows(maps, corner, half, among)
    steps = torch.arange(-half, half + 1, device=maps.device)
    x, y = (steps - (cells - corner)[:, :, None]).unbind(dim=1)
    inside = x[:, None] ** 2 + y[:, :, None] ** 2 <= (radius / codec.stride) ** 2
    within = torch.where(inside, around, 0.0)
    found, _ = codec.decode(within)
    found = found + codec.stride * (corner - half)
    height = within.flatten(1).amax(dim=1)
    # the highest cell of a flank is no summit: beyond the radius it goes on rising
    rising = functional.max_pool2d(around[:, None], 3, stride=1, padding=1)[:, 0] > around
    is_flank = (rising & (within == height[:, None, None])).flatten(1).any(dim=1)
    return torch.where(((height > _LOWEST) & ~is_flank)[:, None], found, places)

"""What training minimises: a loss on the fine and the coarse heat maps, targets drawn on the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lib.heatmaps import HeatmapCodec
from lib.losses import LOSSES, EWCLoss, TargetWindows

COARSE_STRIDE = 2
REACH = 7.0
"""Standard deviations from a landmark beyond which a target counts as 0; it is 2e-11 there."""
MAX_WEIGHT = 4.0
"""However rare a landmark is, one annotation of it counts at most as much as four of another."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Which loss, and how much the coarse maps count.

    Args:
        loss: a key of :data:`~lib.losses.LOSSES`.
        coarse_weight: 1 in the paper; 0 trains the fine maps alone, as for networks whose fine maps are the coarse ones
            up-sampled.
    """

    loss: str = "ewc"
    coarse_weight: float = 1.0


PAPERS_OBJECTIVE = Objective()


class CoarseToFineLoss(nn.Module):
    """``loss(fine) + coarse_weight * loss(coarse)`` against landmarks; by default, with all annotated, the paper's.

    Each annotated landmark counts alike, however many others its image has: the sum over the annotated ones is divided
    by the number of maps, annotated or not. A mean over the annotated ones would let the only landmark of one image
    weigh as much as the nineteen of another.

    Args:
        codec: of the fine maps; the coarse maps use the same sigma in cells.
        weights: (N,) what a landmark counts, see :func:`landmark_weights`; None: each 1.
        objective: the loss and the weight.

    Shape:
        - prediction: ``(fine, coarse)``, (B, N, H, W) and (B, N, H / 2, W / 2).
        - points: (B, N, 2) landmarks in pixels of the input; NaN is not annotated and does not train. Best on the CPU:
        what is annotated is looked up there, and asking a GPU would mean waiting for it.
    """

    weights: Tensor | None

    def __init__(
        self,
        codec: HeatmapCodec,
        weights: Sequence[float] | None = None,
        objective: Objective = PAPERS_OBJECTIVE,
    ) -> None:
        super().__init__()
        self.codec = codec
        self.loss = LOSSES[objective.loss](reduction="none")
        self.coarse_weight = objective.coarse_weight
        self.register_buffer("weights", None if weights is None else torch.tensor(weights, dtype=torch.float32))

    def forward(self, prediction: tuple[Tensor, Tensor], points: Tensor) -> Tensor:
        """The loss, a scalar."""
        fine, coarse = prediction
        size = (fine.shape[-2], fine.shape[-1])
        missing = torch.isnan(points).any(dim=-1)
        annotated = (~missing).to(fine.device, non_blocking=True) if missing.any() else None
        loss = self._mean(self.codec, fine, points, size, annotated)
        if not self.coarse_weight:
            return loss
        codec = self.codec.with_stride(COARSE_STRIDE)
        return loss + self.coarse_weight * self._mean(codec, coarse, points, size, annotated)

    def _mean(
        self, codec: HeatmapCodec, maps: Tensor, points: Tensor, size: tuple[int, int], annotated: Tensor | None
    ) -> Tensor:
        if isinstance(self.loss, EWCLoss):
            losses = self.loss.of_maps(maps, target_windows(codec, points, size, maps.device), annotated)
        else:
            points = points.to(maps.device, non_blocking=True)
            targets = codec.encode(points, size, channels_last=maps.stride(1) == 1)
            losses = self.loss(maps.float(), targets, annotated).flatten(-2).mean(dim=-1)  # (B, N)
        return (losses if self.weights is None else losses * self.weights).mean()


def target_windows(codec: HeatmapCodec, points: Tensor, size: tuple[int, int], device: torch.device) -> TargetWindows:
    """The targets where they are not 0: windows of one size around the points, pushed back inside the maps.

    Args:
        codec: of the maps.
        points: (B, N, 2) in pixels of the input, NaN where there is none.
        size: ``(height, width)`` of the network's input.
        device: of the maps.
    """
    reach = math.ceil(REACH * codec.sigma) + 2  # the cell's own half, and one that the released code is off
    sides = [-(-side // codec.stride) for side in reversed(size)]  # width, height
    extent = [min(2 * reach + 1, side) for side in sides]
    last = torch.tensor([side - cells for side, cells in zip(sides, extent, strict=True)], device=points.device)
    centre = codec.to_cells(points.float()).nan_to_num(0.0).round().long()
    first = (centre - reach).clamp_min(0).minimum(last)
    inside = (points - first * codec.stride).to(device, non_blocking=True)
    width, height = (cells * codec.stride for cells in extent)
    return TargetWindows(codec.encode(inside, (height, width)), first)


def landmark_weights(labels: Sequence[npt.NDArray[np.float32]]) -> tuple[float, ...]:
    """What each landmark counts, so that one annotated in few images is learnt as much as the others.

    Args:
        labels: (N, 2) points of each training image, NaN where not annotated.

    Returns:
        N weights: images / images with this landmark, at most :data:`MAX_WEIGHT`; 1 where it is in all or in none.
    """
    counts = np.sum([~np.isnan(points).any(axis=-1) for points in labels], axis=0)
    return tuple(float(min(MAX_WEIGHT, len(labels) / count)) if count else 1.0 for count in counts)

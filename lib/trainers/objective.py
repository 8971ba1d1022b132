"""What training minimises: EWC on the fine and the coarse heat maps, targets drawn on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.heatmaps import HeatmapCodec
from lib.losses import EWCLoss

COARSE_STRIDE = 2


class CoarseToFineLoss(nn.Module):
    """``EWC(fine) + coarse_weight * EWC(coarse)`` against landmarks.

    Args:
        codec: of the fine maps; the coarse maps use the same sigma in cells.
        alpha: of :class:`~lib.losses.EWCLoss`.
        coarse_weight: 1 in the paper.

    Shape:
        - prediction: ``(fine, coarse)``, (B, N, H, W) and (B, N, H / 2, W / 2).
        - points: (B, N, 2) landmarks in pixels of the input; NaN is not annotated and does not train.
    """

    def __init__(self, codec: HeatmapCodec, alpha: float = 40.0, coarse_weight: float = 1.0) -> None:
        super().__init__()
        self.codec = codec
        self.ewc = EWCLoss(alpha)
        self.coarse_weight = coarse_weight

    def forward(self, prediction: tuple[Tensor, Tensor], points: Tensor) -> Tensor:
        """The loss, a scalar."""
        fine, coarse = (maps.float() for maps in prediction)
        size = (fine.shape[-2], fine.shape[-1])
        annotated = ~torch.isnan(points).any(dim=-1)
        loss: Tensor = self.ewc(fine, self.codec.encode(points, size), annotated)
        targets = self.codec.with_stride(COARSE_STRIDE).encode(points, size)
        loss = loss + self.coarse_weight * self.ewc(coarse, targets, annotated)
        return loss  # noqa: RET504 - modules are untyped, the name is not

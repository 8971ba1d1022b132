"""Exponential Weighted Center loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from lib.losses.heatmap_loss import HeatmapLoss
from lib.losses.squares import TargetWindows, weighted_squares


class EWCLoss(HeatmapLoss):
    """Squared error, weighted by ``alpha ** target``, so that the few pixels near a landmark count.

    Ao and Wu, J Digit Imaging 36 (2023): ``mean(alpha^y * (y - y_hat)^2)`` with alpha 40 over the maps of all
    landmarks. The weight is 40 at the landmark, 9.4 at one sigma, 1.65 at two.

    Args:
        alpha: weight at the landmark's centre; 1 makes it the mean squared error.
        reduction: see :class:`~lib.losses.heatmap_loss.HeatmapLoss`.

    Raises:
        ValueError: alpha below 1 or not finite; and see there.

    Example:
        >>> prediction, target = torch.rand(2, 5, 8, 8), torch.rand(2, 5, 8, 8)
        >>> mse = torch.nn.functional.mse_loss(prediction, target)
        >>> torch.allclose(EWCLoss(alpha=1.0)(prediction, target), mse)
        True
    """

    def __init__(self, alpha: float = 40.0, reduction: str = "mean") -> None:
        if not (math.isfinite(alpha) and alpha >= 1.0):
            raise ValueError(f"Argument alpha should be at least 1, got {alpha}.")
        super().__init__(reduction)
        self.alpha = alpha

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """``alpha^y * (y - y_hat)^2``."""
        # torch's own squared error reads and writes the maps once, not twice
        return torch.exp(math.log(self.alpha) * target) * functional.mse_loss(prediction, target, reduction="none")

    def of_maps(self, prediction: Tensor, targets: TargetWindows, annotated: Tensor | None = None) -> Tensor:
        """The mean over each map, (B, N), whatever the reduction: see :func:`~lib.losses.squares.weighted_squares`."""
        return weighted_squares(prediction, targets, self.alpha, annotated)

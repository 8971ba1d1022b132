"""Exponential Weighted Center loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.modules.loss import _Loss


class EWCLoss(_Loss):
    """Squared error, weighted by ``alpha ** target``, so that the few pixels near a landmark count.

    Ao and Wu, J Digit Imaging 36 (2023): ``mean(alpha^y * (y - y_hat)^2)`` with alpha 40 over the maps of all
    landmarks. The weight is 40 at the landmark, 9.4 at one sigma, 1.65 at two.

    Args:
        alpha: weight at the landmark's centre; 1 makes it the mean squared error.
        reduction: ``"mean"`` over every pixel of every annotated landmark, ``"sum"``, or ``"none"``, which gives the
            maps (M, H, W) of the M annotated landmarks if any is left out, and (B, N, H, W) otherwise.

    Raises:
        ValueError: alpha below 1 or not finite, an unknown reduction, shapes that do not match.

    Example:
        >>> prediction, target = torch.rand(2, 5, 8, 8), torch.rand(2, 5, 8, 8)
        >>> mse = torch.nn.functional.mse_loss(prediction, target)
        >>> torch.allclose(EWCLoss(alpha=1.0)(prediction, target), mse)
        True
    """

    def __init__(self, alpha: float = 40.0, reduction: str = "mean") -> None:
        if not (math.isfinite(alpha) and alpha >= 1.0):
            raise ValueError(f"Argument alpha should be at least 1, got {alpha}.")
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"Argument reduction should be 'mean', 'sum' or 'none', got {reduction!r}.")
        super().__init__(reduction=reduction)
        self.alpha = alpha

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compare heat maps.

        Args:
            prediction: (B, N, H, W).
            target: (B, N, H, W), 0 to 1.
            mask: (B, N), true or 1 where the landmark is annotated; None means all are. Without any, the loss is 0.
        """
        if prediction.shape != target.shape:
            raise ValueError(f"Prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape.")
        if mask is not None:
            if mask.shape != prediction.shape[:2]:
                raise ValueError(
                    f"Mask {tuple(mask.shape)} should have shape {tuple(prediction.shape[:2])}, one value a map."
                )
            if not mask.all():  # selected, not multiplied: a NaN in what is left out must not leak through 0 * NaN
                prediction, target = prediction[mask.bool()], target[mask.bool()]
        loss = torch.exp(math.log(self.alpha) * target) * (prediction - target) ** 2
        if self.reduction == "mean":
            return loss.sum() / max(1, loss.numel())
        return loss.sum() if self.reduction == "sum" else loss

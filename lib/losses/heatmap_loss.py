"""What all losses on heat maps have in common: the landmarks that are not annotated are left out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.modules.loss import _Loss


class HeatmapLoss(_Loss, ABC):
    """A loss of each cell, over the maps of the annotated landmarks.

    Args:
        reduction: ``"mean"`` over every cell of every annotated landmark, ``"sum"``, or ``"none"``, which gives
            (B, N, H, W), 0 where the landmark is left out.

    Nothing here needs to know on the CPU what is annotated: a GPU would have to be waited for in each step.

    Raises:
        ValueError: an unknown reduction; in a call, shapes that do not match.
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"Argument reduction should be 'mean', 'sum' or 'none', got {reduction!r}.")
        super().__init__(reduction=reduction)

    @abstractmethod
    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of each cell: two tensors of one shape to one of that shape; 0 where both are 0."""

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
            annotated = mask.bool()[:, :, None, None]
            # replaced, not multiplied: a NaN in what is left out must not leak through 0 * NaN
            prediction, target = (torch.where(annotated, maps, 0.0) for maps in (prediction, target))
        loss = self.each(prediction, target)
        if self.reduction == "mean":
            cells = loss.numel() if mask is None else mask.bool().sum().clamp_min(1) * loss[0, 0].numel()
            return loss.sum() / cells
        return loss.sum() if self.reduction == "sum" else loss

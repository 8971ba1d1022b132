"""What all losses on heat maps have in common: the landmarks that are not annotated are left out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor
from torch.nn.modules.loss import _Loss


class HeatmapLoss(_Loss, ABC):
    """A loss of each cell, over the maps of the annotated landmarks.

    Args:
        reduction: ``"mean"`` over every cell of every annotated landmark, ``"sum"``, or ``"none"``, which gives the
            maps (M, H, W) of the M annotated landmarks if any is left out, and (B, N, H, W) otherwise.

    Raises:
        ValueError: an unknown reduction; in a call, shapes that do not match.
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"Argument reduction should be 'mean', 'sum' or 'none', got {reduction!r}.")
        super().__init__(reduction=reduction)

    @abstractmethod
    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of each cell: two tensors of one shape to one of that shape."""

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
        loss = self.each(prediction, target)
        if self.reduction == "mean":
            return loss.sum() / max(1, loss.numel())
        return loss.sum() if self.reduction == "sum" else loss

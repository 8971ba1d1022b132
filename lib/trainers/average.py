"""A moving average of the weights: what is judged and published is less jumpy than the last step of training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a network's weights and of its batch statistics.

    The decay of the first steps is smaller, ``(1 + n) / (10 + n)``, so that a short run forgets where it began.
    Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017.

    Args:
        network: the trained network; it is copied.
        decay: 0 to 1, a step.
    """

    @torch.no_grad()
    def update(averages: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        if not torch.is_floating_point(averages[0]):  # how many batches were seen
            torch._foreach_copy_(averages, current)
            return
        number = int(steps)
        torch._foreach_lerp_(averages, current, 1.0 - min(decay, (1 + number) / (10 + number)))

    averaged = AveragedModel(network, multi_avg_fn=update, use_buffers=True)  # type: ignore[arg-type]
    return averaged.eval()

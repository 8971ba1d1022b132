"""A moving average of the weights: what is judged and published is less jumpy than the last step of training."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """The exponential moving average of a network's weights and of its batch statistics.

    The decay of the first steps is smaller, ``(1 + n) / (10 + n)``, so that a short run forgets where it began.
    Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017. torch's own update asks the GPU for the
    number of steps and so waits for it; here it is counted on the CPU.

    Args:
        network: the trained network; it is copied.
        decay: 0 to 1, a step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, use_buffers=True)
        self.decay = decay
        self.eval()

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Follow the network after a step."""
        steps = int(self.n_averaged)  # it stays on the CPU, where torch makes it
        share = 1.0 - min(self.decay, (1 + steps) / (10 + steps)) if steps else 1.0
        averages, current = _tensors(self.module), _tensors(model)
        for floating in (True, False):
            pairs = [pair for pair in zip(averages, current, strict=True) if pair[0].is_floating_point() is floating]
            if not pairs:
                continue
            ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
            if floating and share < 1.0:
                torch._foreach_lerp_(ours, theirs, share)
            else:  # the first step, and how many batches were seen
                torch._foreach_copy_(ours, theirs)
        self.n_averaged += 1


def moving_average(network: nn.Module, decay: float) -> MovingAverage:
    """The moving average of a network, see the class."""
    return MovingAverage(network, decay)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in chain(network.parameters(), network.buffers())]

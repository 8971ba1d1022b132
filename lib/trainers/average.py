"""A moving average of the weights: what is judged and published is less jumpy than the last step of training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

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
        self._places = _Places(self.module)
        self._followed = self._places
        self.eval()

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Follow the network after a step."""
        steps = int(self.n_averaged)  # it stays on the CPU, where torch makes it
        share = 1.0 - min(self.decay, (1 + steps) / (10 + steps)) if steps else 1.0
        if self._followed.network is not model:
            self._followed = _Places(model)
        ours, theirs = self._places, self._followed
        # the first step; and how many batches were seen is no mean
        follow = partial(torch._foreach_lerp_, weight=share) if share < 1.0 else torch._foreach_copy_
        for change, places, sources in (
            (follow, ours.floating, theirs.floating),
            (torch._foreach_copy_, ours.counts, theirs.counts),
        ):
            if places:
                change(_looked_up(places), _looked_up(sources))
        self.n_averaged += 1


def moving_average(network: nn.Module, decay: float) -> MovingAverage:
    """The moving average of a network, see the class."""
    return MovingAverage(network, decay)


class _Places:
    """Where a network keeps its weights and batch statistics.

    To walk through all modules takes milliseconds, so that is done once. The tensors are looked up in each step: a
    network that is moved to another device gets others. Modules must stay the same.

    Args:
        network: to look through; tensors that it has at two places are taken once.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.floating: list[_Place] = []
        self.counts: list[_Place] = []
        seen: set[Tensor] = set()
        for module in network.modules():
            for kept in (module._parameters, module._buffers):
                for name, tensor in kept.items():
                    if tensor is not None and tensor not in seen:
                        seen.add(tensor)
                        (self.floating if tensor.is_floating_point() else self.counts).append((kept, name))


_Place = tuple[dict[str, Any], str]
"""A module's own table of tensors, and a name in it."""


def _looked_up(places: Sequence[_Place]) -> list[Tensor]:
    return [kept[name] for kept, name in places]

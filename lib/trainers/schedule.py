"""How the learning rate changes over a run."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR, StepLR

WARM_UP = 0.05
"""Share of a cosine schedule in which the learning rate rises."""


def schedule(optimizer: Optimizer, name: str, steps: int) -> LRScheduler:
    """``step``: a tenth after two thirds of the steps (paper: 200 of 300 epochs); ``cosine``: warm-up, then to 0."""
    if name == "step":
        return StepLR(optimizer, step_size=max(1, math.ceil(steps * 2 / 3)), gamma=0.1)
    rising = max(1, round(WARM_UP * steps))
    return SequentialLR(
        optimizer,
        [LinearLR(optimizer, 0.05, total_iters=rising), CosineAnnealingLR(optimizer, max(1, steps - rising))],
        milestones=[rising],
    )

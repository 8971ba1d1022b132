"""How many radiographs are computed together where nobody has said: found by trial on the GPU that will train.

A step may then be of more radiographs than the recipe has, because a GPU is kept busy by several only. What is learnt
from a step changes with that, so there are limits: at most :data:`MOST` radiographs, and never so many that the run
would have fewer than :data:`FEWEST_STEPS` steps; few labels are trained as the recipe says. The learning rate grows
with the square root of the step, as gradients of Adam are scaled by their noise (Malladi et al., "On the SDEs and
Scaling Rules for Adaptive Gradient Algorithms", NeurIPS 2022), and the moving average follows as many radiographs as
before (Busbridge et al., "How to Scale Your EMA", NeurIPS 2023).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch

from lib.checkpoints import ModelCard, build_network
from lib.networks import channels_last
from lib.trainers.objective import CoarseToFineLoss, Objective
from lib.trainers.options import TrainOptions
from lib.trainers.schedule import schedule
from lib.trainers.step import TrainStep, allow_fast_algorithms, chosen_optimizer, chosen_precision

MOST = 8
FEWEST_STEPS = 4000
WORTH = 1.05
"""So many times as fast a larger batch must be to be taken."""
MEMORY_SHARE = 0.85
"""Of the GPU's memory, so that validations and what else is there have room."""

Trial = Callable[[int], float | None]
"""Radiographs a second in batches of a size; None where memory does not last."""


def found_batch(
    options: TrainOptions, images: int, trial: Trial, *, processes: int = 1
) -> tuple[TrainOptions, str | None]:
    """Options with a batch, and a sentence that says what was found.

    Args:
        options: with ``train_batch_size`` 0 and the recipe's radiographs a step in ``accumulate``; others are left
            as they are.
        images: to learn from.
        trial: tries a batch.
        processes: that each take such a batch.
    """
    if options.train_batch_size:
        return options, None
    recipe = options.accumulate
    shown = images * options.epochs(images)
    size, best = recipe, trial(recipe)
    if best is None:
        size = _fitting(recipe, trial)
    else:
        for larger in _larger(recipe, shown, processes):
            rate = trial(larger)
            if rate is None:
                break
            if rate > WORTH * best:
                size, best = larger, rate
    times = max(1.0, size / recipe)
    found = options.model_copy(
        update={
            "train_batch_size": size,
            "accumulate": max(1, recipe // size),
            "learning_rate": options.learning_rate * math.sqrt(times),
            "ema_decay": options.ema_decay**times,
        }
    )
    return found, _sentence(found, recipe, best)


def gpu_trial(card: ModelCard, objective: Objective, options: TrainOptions, device: torch.device) -> Trial:
    """Trains a copy of a network that is thrown away, on made images.

    Args:
        card: of the network.
        objective: what it minimises.
        options: of the run.
        device: the GPU.
    """
    allow_fast_algorithms()
    network = channels_last(build_network(card)).to(device)
    optimizer = chosen_optimizer(network, options, device)
    loss = CoarseToFineLoss(card.codec(), objective=objective).to(device)
    landmarks = len(card.landmark_set)
    limit = MEMORY_SHARE * (torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))

    def trial(size: int) -> float | None:
        step = TrainStep(
            network, optimizer, schedule(optimizer, "step", 1000), loss, None, device,
            images=size, batch_size=size, precision=chosen_precision(options.amp, device),
        )  # fmt: skip
        image = torch.rand(size, 1, *card.input_size, device=device)
        points = torch.rand(size, landmarks, 2) * torch.tensor(card.input_size[::-1])
        engine: Any = SimpleNamespace(state=SimpleNamespace(iteration=1))

        def steps(number: int) -> float:
            torch.cuda.synchronize(device)
            begun = time.monotonic()
            for _ in range(number):
                step(engine, {"image": image, "label": points})
            torch.cuda.synchronize(device)
            return time.monotonic() - begun

        try:
            torch.cuda.reset_peak_memory_stats(device)
            steps(3)
            if torch.cuda.max_memory_allocated(device) > limit:
                return None
            return 4 * size / steps(4)
        except torch.OutOfMemoryError:
            return None
        finally:
            optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()

    return trial


def _larger(recipe: int, shown: int, processes: int) -> Iterator[int]:
    size = 2 * recipe
    while size * processes <= MOST and shown / (size * processes) >= FEWEST_STEPS:
        yield size
        size *= 2


def _fitting(recipe: int, trial: Trial) -> int:
    """The largest part of the recipe's step for which memory lasts; one radiograph at least."""
    parts = [size for size in range(recipe - 1, 1, -1) if recipe % size == 0]
    return next((size for size in parts if trial(size) is not None), 1)


def _sentence(found: TrainOptions, recipe: int, rate: float | None) -> str:
    size = found.train_batch_size
    speed = "" if rate is None else f", {rate:.0f} radiographs a second without varying them"
    if size > recipe:
        return (
            f"Batches of {size} were found to be fastest{speed}: larger steps than the recipe's of {recipe}, "
            f"with a learning rate of {found.learning_rate:.3g} and a moving average of {found.ema_decay:.3g}."
        )
    if found.accumulate > 1:
        return f"GPU memory lasts for batches of {size}: the gradients of {found.accumulate} make one step."
    return f"Batches of {size} as the recipe has them{speed}: larger ones are not faster here, or leave too few steps."

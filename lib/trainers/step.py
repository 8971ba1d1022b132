"""One step of training: mixed precision, gradients of several batches, the schedule and the moving average."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from ignite.engine import Engine
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from lib.trainers.options import TrainOptions
from lib.trainers.placement import moved

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class TrainStep:
    """Forward and backward of a batch, and after every ``accumulate`` of them a step of the optimiser.

    The gradient is that of the mean over all images of a step, also of a last step that is smaller.

    Args:
        network: the trained network, or its parallel form.
        optimizer: of its weights.
        scheduler: stepped with the optimiser.
        loss: mean over a batch, of what the network draws and the points, which stay on the CPU.
        average: follows each step; None for none.
        device: where batches go.
        images: of an epoch in this process.
        batch_size: of a batch.
        accumulate: batches a step.
        precision: a key of :data:`PRECISIONS`; None computes in float32.
    """

    network: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    loss: nn.Module
    average: AveragedModel | None
    device: torch.device
    images: int
    batch_size: int
    accumulate: int = 1
    precision: str | None = None

    def __post_init__(self) -> None:
        # float16 loses small gradients unless they are scaled up; bfloat16 does not
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self._losses: list[Tensor] = []

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch."""
        return math.ceil(self.images / (self.batch_size * self.accumulate))

    def __call__(self, engine: Engine, batch: dict[str, Any]) -> dict[str, Tensor]:
        """What the engine does with a batch; gives its ``loss``."""
        image, points = moved(batch["image"], self.device), batch["label"]
        number = (engine.state.iteration - 1) % math.ceil(self.images / self.batch_size)
        first = number // self.accumulate * self.accumulate * self.batch_size
        together = min(self.accumulate * self.batch_size, self.images - first)
        steps = (number + 1) % self.accumulate == 0 or (number + 1) * self.batch_size >= self.images
        if not self._trained().training:  # to tell every module takes two milliseconds
            self.network.train()
        with self._without_exchange(steps):
            with self._precision():
                drawn = self.network(image)
            loss: Tensor = self.loss(drawn, points)  # exact as it is: mixed precision would only copy the maps
            self.scaler.scale(loss * (len(image) / together)).backward()
        if steps:
            self._step()
        self._losses.append(loss.detach() * len(image))
        return {"loss": loss.detach()}

    def epoch_loss(self) -> float:
        """Mean over the images since it was last asked."""
        total = float(torch.stack(self._losses).sum()) / self.images if self._losses else math.nan
        self._losses.clear()
        return total

    def _step(self) -> None:
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # a step that would have been infinite is left out
            self.scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self._trained())

    def _trained(self) -> nn.Module:
        return self.network.module if isinstance(self.network, DistributedDataParallel) else self.network

    def _precision(self) -> AbstractContextManager[Any]:
        if self.precision is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision])

    def _without_exchange(self, steps: bool) -> AbstractContextManager[Any]:
        """Processes exchange gradients once a step, not with each batch."""
        if isinstance(self.network, DistributedDataParallel) and not steps:
            return self.network.no_sync()
        return nullcontext()


def chosen_precision(amp: str, device: torch.device) -> str | None:
    """``bf16``, ``fp16`` or None for the option ``amp``."""
    if amp == "off" or (amp == "auto" and device.type != "cuda"):
        return None
    if amp == "auto":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return amp


def chosen_optimizer(network: nn.Module, options: TrainOptions, device: torch.device) -> Optimizer:
    """Adam as in the paper, or AdamW."""
    chosen: Callable[..., Optimizer] = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    fused = True if device.type in ("cuda", "cpu") else None  # one pass over the weights
    return chosen(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=fused)


def allow_fast_algorithms() -> None:
    """Let cuDNN take any of its convolutions, by its own rule of thumb, after MONAI has restricted it.

    MONAI's ``set_determinism`` leaves it only those that repeat to the last bit, which a training on a GPU does not
    anyhow. A search for the fastest (``benchmark``) gains nothing: DenseNet-121 at 800 x 640 in bfloat16 on an H100
    learnt from 76 radiographs a second with it and from 77 without, and it took 35 s before the first step, and 15 to
    22 s again for each other size of a batch, as the last of an epoch may be.
    """
    torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = False

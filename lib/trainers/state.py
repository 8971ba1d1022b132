"""Everything that a training needs to go on exactly where it was."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lib.formats.files import replacing
from lib.trainers.step import TrainStep

STATE_FILE = "state.pt"
MAX_SHARE = 0.05
"""Of a run's time that may go into writing its state; of a large network it is a gigabyte."""


class RunState:
    """The state of a run in its folder, written after an epoch, never half.

    Args:
        path: the file.
        network: the trained network, not its parallel form.
        step: what trains it.
    """

    def __init__(self, path: Path, network: nn.Module, step: TrainStep) -> None:
        self.path, self.network, self.step = path, network, step
        self.other_steps = False
        self._written_at = self._cost = 0.0

    def save(self, epoch: int) -> None:
        """Write the state after an epoch."""
        begun = time.monotonic()
        content = {
            "epoch": epoch,
            "steps": self.step.steps_per_epoch,
            **{name: part.state_dict() for name, part in self._parts().items()},
        }
        with replacing(self.path) as file:
            torch.save(content, file)
        self._written_at = time.monotonic()
        self._cost = self._written_at - begun

    def save_if_due(self, epoch: int) -> None:
        """Write it unless that would take more than its share of the time."""
        if self._cost <= MAX_SHARE * (time.monotonic() - self._written_at):
            self.save(epoch)

    def load(self) -> int:
        """Put everything back; returns the epochs that are done.

        In another number of processes an epoch has another number of steps: the schedule then goes on from the same
        share of its way, which :attr:`other_steps` tells.
        """
        content: dict[str, Any] = torch.load(self.path, map_location=self.step.device, weights_only=True)
        epoch = int(content["epoch"])
        self.other_steps = content.get("steps", self.step.steps_per_epoch) != self.step.steps_per_epoch
        for name, part in self._parts().items():
            empty = not content[name]  # a scaler that was not needed where the run began
            if not empty and not (name == "scheduler" and self.other_steps):
                part.load_state_dict(content[name])
        if self.other_steps:
            self._skip_to(epoch)
        return epoch

    def _skip_to(self, epoch: int) -> None:
        """Bring the schedule, which has just begun, to where it is after so many epochs."""
        step = self.step
        for group in step.optimizer.param_groups:
            group["lr"] = step.scheduler.get_last_lr()[0]  # where it has begun: the optimiser's is from where it was
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it misses the steps of the optimiser, which was loaded
            for _ in range(epoch * step.steps_per_epoch):
                step.scheduler.step()

    def _parts(self) -> dict[str, Any]:
        step = self.step
        parts = {"network": self.network, "optimizer": step.optimizer, "scheduler": step.scheduler}
        if step.average is not None:
            parts["average"] = step.average
        return {**parts, "scaler": step.scaler}

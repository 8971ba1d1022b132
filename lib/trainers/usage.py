"""How busy the machine is in a training: radiographs a second, waiting for data, the GPU's load and memory."""

from __future__ import annotations

import time
from importlib.util import find_spec

import torch
from ignite.engine import Engine, Events

READ_EVERY_S = 0.5
"""How often a GPU is asked how busy it is; it answers for the last sixth of a second or so."""


class Usage:
    """Listens to a trainer and says of each epoch how fast it was, and what of the machine it used.

    The share of the time in which a step waits for its radiographs tells whether the CPU, which varies or moves them,
    is what holds a training up. The GPU's own figure needs the package ``nvidia-ml-py``; without it there is none.

    Args:
        device: that computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._asks = device.type == "cuda" and find_spec("pynvml") is not None
        self._begin()

    def attach(self, engine: Engine) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self._wait)
        engine.add_event_handler(Events.GET_BATCH_COMPLETED, self._go_on)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._count)

    def figures(self) -> dict[str, float]:
        """Of the epoch so far, by name; shares from 0 to 1, memory in GB at its highest."""
        seconds = max(time.monotonic() - self._begun, 1e-9)
        found = {"images_per_second": self._images / seconds, "waiting": self._waited / seconds}
        if self._read:
            found["gpu"] = sum(self._read) / len(self._read)
        if self.device.type == "cuda":
            found["gpu_memory_gb"] = torch.cuda.max_memory_allocated(self.device) / 1e9
        return found

    def _begin(self) -> None:
        self._begun = self._asked = self._since = time.monotonic()
        self._waited, self._images = 0.0, 0
        self._read: list[float] = []
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def _wait(self) -> None:
        self._since = time.monotonic()

    def _go_on(self) -> None:
        self._waited += time.monotonic() - self._since

    def _count(self, engine: Engine) -> None:
        self._images += len(engine.state.batch["image"])
        if self._asks and time.monotonic() - self._asked > READ_EVERY_S:
            self._asked = time.monotonic()
            try:
                self._read.append(torch.cuda.utilization(self.device) / 100)
            except Exception:  # noqa: BLE001 - a driver that does not tell is no reason to stop
                self._asks = False

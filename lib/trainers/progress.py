"""A progress bar for people who train from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ignite.engine import Engine, Events
from tqdm import tqdm

REFRESH_S = 0.5
"""How often the line changes: to show the loss of a step is to wait for the GPU."""


class ProgressBar:
    """One line: epochs done, time left, loss, speed, and the last validation's figures.

    Args:
        figures: gives the last validation's figures by name.
        usage: gives those of :class:`~lib.trainers.usage.Usage`.
    """

    def __init__(
        self, figures: Callable[[], Mapping[str, float]], usage: Callable[[], Mapping[str, float]] = dict
    ) -> None:
        self.figures, self.usage = figures, usage
        self.bar: Any = None
        self._due = 0.0

    def attach(self, engine: Engine) -> None:
        """Listen to the trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.COMPLETED, self._close)

    def _start(self, engine: Engine) -> None:
        per_epoch = engine.state.epoch_length or 0
        total = per_epoch * (engine.state.max_epochs or 0)
        self.bar = tqdm(total=total, initial=engine.state.iteration, unit="step", desc="epoch 1")

    def _step(self, engine: Engine) -> None:
        self._show(engine)
        self.bar.update()

    def _show(self, engine: Engine) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + REFRESH_S
            self.bar.set_description(f"epoch {engine.state.epoch}/{engine.state.max_epochs}", refresh=False)
            self.bar.set_postfix(self._shown(engine), refresh=False)

    def _shown(self, engine: Engine) -> dict[str, str]:
        shown = {"loss": f"{engine.state.output['loss'].detach().item():.4f}"}
        for name, value in self.figures().items():
            shown[name.removeprefix("val_")] = f"{value:.3f}"
        usage = self.usage()
        if "images_per_second" in usage:
            shown["img/s"] = f"{usage['images_per_second']:.1f}"
            shown |= {"gpu": f"{usage['gpu']:.0%}"} if "gpu" in usage else {"waits": f"{usage['waiting']:.0%}"}
        return shown

    def _close(self, engine: Engine) -> None:
        self._due = 0.0
        self._show(engine)
        self.bar.close()

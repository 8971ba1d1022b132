"""A progress bar for people who train from the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ignite.engine import Engine, Events
from tqdm import tqdm


class ProgressBar:
    """One line: epochs done, time left, loss, and the last validation's figures.

    Args:
        figures: gives the last validation's figures by name.
    """

    def __init__(self, figures: Callable[[], Mapping[str, float]]) -> None:
        self.figures = figures
        self.bar: Any = None

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
        shown = {"loss": f"{engine.state.output['loss'].detach().item():.4f}"}
        for name, value in self.figures().items():
            shown[name.removeprefix("val_")] = f"{value:.3f}"
        self.bar.set_description(f"epoch {engine.state.epoch}/{engine.state.max_epochs}")
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def _close(self, _: Engine) -> None:
        self.bar.close()

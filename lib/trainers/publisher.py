"""Publishing a model while others serve it: moved into place whole, and only if it is better than the one in use."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine
from monailabel.tasks.train.handler import prepare_stats
from torch import Tensor

from lib.checkpoints import ModelCard, save_model
from lib.formats import json_text, write_atomic

logger = logging.getLogger(__name__)

Rank = tuple[float, float]
"""SDR at 2 mm, 0 to 1, and mean radial error in pixels, on the held-out images."""


class Publisher:
    """Writes the statistics that viewers watch, and publishes the best model of a run.

    Upstream copies a run's best model over the served one in place and whether or not it is better. Here the model
    that a run starts from is scored first on the same held-out images; only what beats it is published.

    Args:
        path: the model file that is served.
        stats_path: file behind ``/train`` and ``/info``.
        state: gives the network's present state dict.
        card: of the network; version and figures are filled in.
        trainer, evaluator: engines of the run.
        started: time stamp of the run's start, seconds.
        half: store convolution weights as float16.
    """

    def __init__(
        self,
        path: Path,
        stats_path: Path,
        state: Callable[[], dict[str, Tensor]],
        card: ModelCard,
        trainer: Engine,
        evaluator: Engine,
        started: float,
        half: bool = False,
    ) -> None:
        self.path, self.stats_path, self.state, self.card = path, stats_path, state, card
        self.trainer, self.evaluator, self.started, self.half = trainer, evaluator, started, half
        self.best: Rank | None = None
        self.published = False

    def set_incumbent(self, rank: Rank) -> None:
        """The figures of the model in use, to be beaten."""
        self.best = rank
        logger.info("The model in use: %.4f within the tolerance, mean radial error %.2f px", *rank)

    def validated(self, _: Engine) -> None:
        """After a validation: publish if it is the best so far, and write the statistics."""
        # a network that finds nothing yet is no model to show to anybody
        if self._rank()[0] > 0.0 and self._better():
            self.publish()
        self.write_stats()

    def finished(self, _: Engine) -> None:
        """After the last epoch: a first model is published even if nothing is within the tolerance yet."""
        if self.best is None:
            self.publish()
        if not self.published:
            logger.info("Nothing in this run beat the model in use: it stays")
        self.write_stats()

    def publish(self) -> None:
        """Put the present weights in the place of the served ones."""
        figures = {name: _finite(value) for name, value in self.evaluator.state.metrics.items()}
        training = {**self.card.training, "epoch": int(self.trainer.state.epoch)}
        card = self.card.model_copy(update={"metrics": figures, "training": training})
        save_model(self.path, self.state(), card, half=self.half)
        self.best, self.published = self._rank(), True
        logger.info("Published %s: %s", self.path.name, _words(figures))

    def _rank(self) -> Rank:
        metrics = self.evaluator.state.metrics
        return float(metrics["val_sdr_2mm"]), float(metrics["val_mre_px"])

    def _better(self) -> bool:
        """More landmarks within the tolerance, or as many and nearer."""
        if self.best is None:
            return True
        (share, error), (best_share, best_error) = self._rank(), self.best
        return share > best_share or (share == best_share and error < best_error)

    def write_stats(self) -> None:
        """Write what ``/train`` and ``/info`` show."""
        stats = prepare_stats(self.started, self.trainer, self.evaluator)
        # before the first validation it is -1, which no accuracy bar can show
        best = max(0.0, float(stats["best_metric"]))
        stats.update(best_metric=best, version=self.card.version, published=self.published)
        write_atomic(self.stats_path, json_text(_without_nan(stats)))


def _words(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None)


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _without_nan(content: Any) -> Any:
    """JSON has no NaN, and a server that meets one answers 500."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    if isinstance(content, float):
        return _finite(content)
    return content

"""The best model of a run, kept in the run's folder until it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from torch import Tensor

from lib.checkpoints import ModelCard, ModelFileError, read_card, save_model
from lib.trainers.metrics import HeldOutTable

BEST_FILE = "best.pt"


class Best:
    """Keeps the model with the smallest score, see :func:`~lib.trainers.metrics.score`.

    Args:
        path: its file; one that is there, of a run that goes on, is what must be beaten.
        card: of the network; epoch and figures are filled in.
        state: gives the weights that are judged.
        groups: the group of each held-out image.
        fingerprints: of each held-out image.
        half: store convolution weights as float16.
    """

    def __init__(
        self,
        path: Path,
        card: ModelCard,
        state: Callable[[], Mapping[str, Tensor]],
        groups: Mapping[str, str],
        fingerprints: Mapping[str, str],
        *,
        half: bool,
    ) -> None:
        self.path, self.card, self.state, self.half = path, card, state, half
        self.groups, self.fingerprints = groups, fingerprints
        self.found: ModelCard | None = None
        if path.is_file():
            try:
                self.found = read_card(path)
            except ModelFileError:  # of another version of this software
                path.unlink()

    @property
    def epoch(self) -> int:
        """The epoch of the best model; 0 before there is one."""
        return 0 if self.found is None else int(self.found.training.get("epoch") or 0)

    @property
    def figures(self) -> dict[str, float | None]:
        """Its figures on the held-out images."""
        return {} if self.found is None else self.found.metrics

    def offer(self, epoch: int, table: HeldOutTable) -> bool:
        """Keep the present weights if they are the best so far; returns whether they are."""
        metrics = table.figures()
        score = metrics["val_score"]
        best = self.figures.get("val_score")
        if not math.isfinite(score) or (best is not None and score >= best):
            return False
        card = self.card.model_copy(
            update={
                "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
                "training": {**self.card.training, "epoch": epoch},
                "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            }
        )
        held_out = table.errors(card.landmark_set.names, self.groups).anonymous(self.fingerprints)
        save_model(self.path, dict(self.state()), card, half=self.half, held_out=held_out)
        self.found = card
        return True

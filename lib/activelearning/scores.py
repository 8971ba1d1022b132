"""What a model makes of each radiograph, kept on disk for as long as that model is in use."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.checkpoints import ModelCard
from lib.formats.files import write_atomic

logger = logging.getLogger(__name__)

FOLDER = ".farnet_scores"
"""In the studies folder; hidden, so that nobody takes it for studies."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a model makes of one radiograph.

    Args:
        unsureness: see :class:`~lib.infers.Prediction`.
        features: (C,) by which images can be told alike.
        disagreement: how far two predictions lie apart on average, as a share of the diagonal; None where nobody has
            asked for it.
    """

    unsureness: float
    features: npt.NDArray[np.float32]
    disagreement: float | None = None

    def as_line(self, image: str) -> str:
        """One line of JSON."""
        told = {"image": image, "unsureness": self.unsureness, "disagreement": self.disagreement}
        packed = base64.b64encode(self.features.astype("<f2").tobytes()).decode("ascii")
        return json.dumps({**told, "features": packed}, ensure_ascii=False) + "\n"

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Score:
        """What :meth:`as_line` wrote."""
        features = np.frombuffer(base64.b64decode(line["features"]), dtype="<f2").astype(np.float32)
        disagreement = line["disagreement"]
        return cls(float(line["unsureness"]), features, None if disagreement is None else float(disagreement))


class ScoreFile:
    """The scores of one model, one line an image, so that whoever is killed while scoring loses one image.

    The first line says of which version they are; those of another version are as good as none, and the first score of
    a new version takes their place.

    Args:
        studies: the studies folder.
        model: the model's name.
    """

    def __init__(self, studies: Path, model: str) -> None:
        self.path = studies / FOLDER / f"{model}.jsonl"
        self._lock = threading.Lock()
        self._read: tuple[object, str, dict[str, Score]] = (None, "", {})

    def scores(self, card: ModelCard) -> dict[str, Score]:
        """The scores of a version by image; of images that are gone, too."""
        with self._lock:
            return dict(self._scores(card))

    def add(self, card: ModelCard, image: str, score: Score) -> None:
        """Keep a score; what it says takes the place of what was known of that image."""
        with self._lock:
            known = self._scores(card).get(image)
            if known is not None and score.disagreement is None:
                score = replace(score, disagreement=known.disagreement)
            line = score.as_line(image)
            if self._read[1] != _identity(card):
                self.path.parent.mkdir(exist_ok=True)
                write_atomic(self.path, json.dumps({"scores_of": _identity(card)}) + "\n" + line)
                return
            with self.path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
                file.write((f"\n{line}" if torn else line).encode())
            self._read[2][image] = score
            self._read = self._key(), self._read[1], self._read[2]

    def _scores(self, card: ModelCard) -> dict[str, Score]:
        key, identity, scores = self._read
        now = self._key()
        if key != now or key is None:
            identity, scores = _parsed(self.path)
            self._read = now, identity, scores
        return scores if identity == _identity(card) else {}

    def _key(self) -> object:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _identity(card: ModelCard) -> str:
    return f"{card.version} {card.created}"


def _parsed(path: Path) -> tuple[str, dict[str, Score]]:
    """Of which version the scores are, and they; a line that was cut off is left out."""
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        identity = str(json.loads(head)["scores_of"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", {}
    scores = {}
    for line in lines:
        try:
            content = json.loads(line)
            scores[str(content["image"])] = Score.of(content)
        except (ValueError, KeyError, TypeError):
            logger.debug("A score was cut off in %s", path)
    return identity, scores

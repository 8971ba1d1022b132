"""What a model makes of each radiograph, kept on disk for as long as that model is in use."""

from __future__ import annotations

import base64
import glob
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.checkpoints import ModelCard
from lib.formats.files import write_atomic

logger = logging.getLogger(__name__)

FOLDER = ".farnet_scores"
"""In the studies folder; hidden, so that nobody takes it for studies."""
_LARGEST = 6e4
"""What half precision holds; one infinite feature would make the distances of all images equal."""
KEEP_S = 7 * 24 * 3600
"""Scores of other versions stay so long after the last of them: another server may serve that version."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a model makes of one radiograph.

    Args:
        unsureness: see :class:`~lib.infers.Prediction`.
        features: (C,) by which images can be told alike.
        disagreement: how far two predictions lie apart on average, as a share of the diagonal; None where nobody has
            asked for it.
        stamp: of the image's file; a file that has been replaced has another one.
    """

    unsureness: float
    features: npt.NDArray[np.float32]
    disagreement: float | None = None
    stamp: str = ""

    def as_line(self, image: str) -> str:
        """One line of JSON."""
        told = {"image": image, "unsureness": self.unsureness, "disagreement": self.disagreement, "stamp": self.stamp}
        half = np.nan_to_num(self.features, posinf=_LARGEST, neginf=-_LARGEST).clip(-_LARGEST, _LARGEST).astype("<f2")
        packed = base64.b64encode(half.tobytes()).decode("ascii")
        return json.dumps({**told, "features": packed}, ensure_ascii=False) + "\n"

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Score:
        """What :meth:`as_line` wrote."""
        features = np.frombuffer(base64.b64decode(line["features"]), dtype="<f2").astype(np.float32)
        disagreement = line["disagreement"]
        disagreement = None if disagreement is None else float(disagreement)
        return cls(float(line["unsureness"]), features, disagreement, str(line["stamp"]))


class ScoreFile:
    """The scores of one model, one line an image, so that whoever is killed while scoring loses one image.

    Each version has a file of its own, whose first line names it: servers of different versions may share a studies
    folder. The first score of a version removes the files of others that nobody has written to for :data:`KEEP_S`.

    Args:
        studies: the studies folder.
        model: the model's name.
    """

    def __init__(self, studies: Path, model: str) -> None:
        self.folder, self.model = studies / FOLDER, model
        self._lock = threading.Lock()
        self._read: tuple[object, str, dict[str, Score]] = (None, "", {})

    def path(self, card: ModelCard) -> Path:
        """Where the scores of a version are."""
        return self.folder / f"{self.model}.{sha256(_identity(card).encode()).hexdigest()[:12]}.jsonl"

    def scores(self, card: ModelCard) -> dict[str, Score]:
        """The scores of a version by image; of images that are gone or have been replaced, too."""
        with self._lock:
            return dict(self._scores(card))

    def has_others(self, card: ModelCard) -> bool:
        """Whether there are scores of other versions."""
        return any(path != self.path(card) for path in self._files())

    def add(self, card: ModelCard, image: str, score: Score) -> None:
        """Keep a score; what it says takes the place of what was known of that image."""
        with self._lock:
            known = self._scores(card).get(image)
            if known is not None and score.disagreement is None and known.stamp == score.stamp:
                score = replace(score, disagreement=known.disagreement)
            line, path = score.as_line(image), self.path(card)
            if self._read[1] != _identity(card):
                self.folder.mkdir(exist_ok=True)
                self._forget_others(path)
                write_atomic(path, json.dumps({"scores_of": _identity(card)}) + "\n" + line)
                return
            with path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
                file.write((f"\n{line}" if torn else line).encode())
            self._read[2][image] = score
            self._read = _key(path), self._read[1], self._read[2]

    def _scores(self, card: ModelCard) -> dict[str, Score]:
        key, identity, scores = self._read
        now = _key(self.path(card))
        if key != now or key is None:
            identity, scores = _parsed(self.path(card))
            self._read = now, identity, scores
        return scores if identity == _identity(card) else {}

    def _files(self) -> list[Path]:
        return list(self.folder.glob(f"{glob.escape(self.model)}.{'[0-9a-f]' * 12}.jsonl"))

    def _forget_others(self, mine: Path) -> None:
        for path in self._files():
            with suppress(FileNotFoundError):
                if path != mine and time.time() - path.stat().st_mtime > KEEP_S:
                    path.unlink()
                    path.with_suffix(".lock").unlink(missing_ok=True)


def _key(path: Path) -> object:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino


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

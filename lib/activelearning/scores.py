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

from lib.changes import ChangeLog
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


class Scores(dict[str, Score]):
    """The scores of one version of a model by image, as they come.

    Args:
        identity: of the version.
    """

    def __init__(self, identity: str = "") -> None:
        super().__init__()
        self.identity = identity
        self.log = ChangeLog()
        """The images whose score is new."""

    def put(self, image: str, score: Score | None) -> None:
        """Take a score in the place of the one before; None where that counts no longer."""
        if score is None:
            self.pop(image, None)
        else:
            self[image] = score
        self.log.add([image])


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
        self._read = _Read()

    def path(self, card: ModelCard) -> Path:
        """Where the scores of a version are."""
        return self.folder / f"{self.model}.{sha256(_identity(card).encode()).hexdigest()[:12]}.jsonl"

    def scores(self, card: ModelCard) -> dict[str, Score]:
        """The scores of a version by image; of images that are gone or have been replaced, too."""
        return dict(self.live(card))

    def live(self, card: ModelCard) -> Scores:
        """As :meth:`scores`, the same object as long as the version's file is the same: new scores come into it."""
        with self._lock:
            return self._scores(card)

    def has_others(self, card: ModelCard) -> bool:
        """Whether there are scores of other versions."""
        return any(path != self.path(card) for path in self._files())

    def add(self, card: ModelCard, image: str, score: Score) -> None:
        """Keep a score; what it says takes the place of what was known of that image."""
        with self._lock:
            scores, path = self._scores(card), self.path(card)
            known = scores.get(image)
            if known is not None and score.disagreement is None and known.stamp == score.stamp:
                score = replace(score, disagreement=known.disagreement)
            line = score.as_line(image).encode()
            if scores.identity != _identity(card):
                self.folder.mkdir(exist_ok=True)
                self._forget_others(path)
                head = json.dumps({"scores_of": _identity(card)}).encode()
                write_atomic(path, head + b"\n" + line)
                return
            with path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
                file.write(b"\n" + line if torn else line)

    def _scores(self, card: ModelCard) -> Scores:
        path = self.path(card)
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if (self._read.path, self._read.file) != (path, status.st_ino) or status.st_size < self._read.end:
                    self._read = _Read(path, status.st_ino)
                if status.st_size > self._read.end:
                    file.seek(self._read.end)
                    self._read.take(file.read())
        except OSError:
            self._read = _Read()
        return self._read.scores if self._read.scores.identity == _identity(card) else Scores()

    def _files(self) -> list[Path]:
        return list(self.folder.glob(f"{glob.escape(self.model)}.{'[0-9a-f]' * 12}.jsonl"))

    def _forget_others(self, mine: Path) -> None:
        for path in self._files():
            with suppress(FileNotFoundError):
                if path != mine and time.time() - path.stat().st_mtime > KEEP_S:
                    path.unlink()
                    path.with_suffix(".lock").unlink(missing_ok=True)


class _Read:
    """How far a file has been read.

    Args:
        path: of the file.
        file: its inode.
    """

    def __init__(self, path: Path | None = None, file: int = 0) -> None:
        self.path, self.file, self.end = path, file, 0
        self.scores = Scores()

    def take(self, content: bytes) -> None:
        """Take the lines that have come; the last one may still be written."""
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        if not self.end and lines:
            self.scores = Scores(_identity_in(lines.pop(0)))
        self.end += len(whole)
        for line in lines:
            try:
                told = json.loads(line)
                self.scores.put(str(told["image"]), Score.of(told))
            except (ValueError, KeyError, TypeError):
                logger.debug("A score was cut off in %s", self.path)


def _identity(card: ModelCard) -> str:
    return f"{card.version} {card.created}"


def _identity_in(line: bytes) -> str:
    """Of which version the scores of a file are; empty where it does not say."""
    try:
        return str(json.loads(line)["scores_of"])
    except (ValueError, KeyError, TypeError):
        return ""

"""One version of a model: its name, its file, and what is known about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO, Any

from lib.checkpoints.card import ModelCard
from lib.checkpoints.held_out import HeldOutErrors
from lib.checkpoints.history import Action
from lib.checkpoints.model_file import ModelFileError, Trained, load_trained, read_card, read_held_out, read_trust
from lib.confidence import Trust
from lib.networks import FARNet


class VersionError(ValueError):
    """A version that cannot be used; one sentence."""


class UnknownVersionError(VersionError):
    """There is no such version; the sentence lists those that there are."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model.

    Args:
        version: its name.
        path: its model file.
        card: what it is; None where the file is damaged.
        fault: what is wrong with the file, in a sentence.
        served: it is the one in use: the served file has the very same bytes.
        shipped: it came with the app.
        stored: it is kept under its name; False for a served file that was put there by hand.
        action, time, reason: how, when (ISO 8601 with time zone) and why it was last put there; None where that is not
            known, as of the shipped one.
    """

    version: str
    path: Path
    card: ModelCard | None
    fault: str | None = None
    served: bool = False
    shipped: bool = False
    stored: bool = True
    action: Action | None = None
    time: str | None = None
    reason: str = ""

    def usable_card(self) -> ModelCard:
        """The card.

        Raises:
            VersionError: the file is damaged.
        """
        if self.card is None:
            raise VersionError(f"Version '{self.version}' cannot be used: {self.fault}")
        return self.card

    def trained(self) -> Trained:
        """Everything in its file, see :func:`~lib.checkpoints.model_file.load_trained`.

        Raises:
            VersionError: the file is damaged.
        """
        with self._as_version_error():
            return load_trained(self.path)

    def network(self) -> FARNet:
        """Its network; errors as :meth:`trained`."""
        return self.trained().network

    def held_out(self) -> HeldOutErrors | None:
        """Its errors on the held-out images, where the file has them.

        Raises:
            VersionError: the file is damaged.
        """
        with self._as_version_error():
            return read_held_out(self.path)

    def trust(self) -> Trust:
        """How far it can be trusted; errors as :meth:`trained`."""
        with self._as_version_error():
            return read_trust(self.path)

    @contextmanager
    def _as_version_error(self) -> Iterator[None]:
        try:
            yield
        except ModelFileError as error:
            raise VersionError(f"Version '{self.version}' cannot be used: {_sentence(error, self.path)}") from error

    def as_dict(self) -> dict[str, Any]:
        """What a list tells, as plain data; the card itself has more."""
        told = {"version": self.version, "served": self.served, "shipped": self.shipped, "stored": self.stored}
        told |= {"action": self.action, "time": self.time, "reason": self.reason, "fault": self.fault}
        if (card := self.card) is None:
            return told
        data = card.data
        return {
            **told,
            "landmark_set": card.landmark_set.name,
            "metrics": card.metrics,
            "images": {
                "trained": len(data.train) if data else card.training.get("images"),
                "held_out": len(data.held_out) if data else card.training.get("held_out"),
            },
            "data_hash": data and data.hash,
            "parent": card.parent,
            "code": card.code,
            "created": card.created,
        }


def card_or_fault(path: Path) -> tuple[ModelCard | None, str | None]:
    """The card of a model file, or what is wrong with it, in a sentence that does not tell the file's folder.

    Raises:
        FileNotFoundError: there is no file.
    """
    status = path.stat()
    return _card_or_fault(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _card_or_fault(path: Path, *_: int) -> tuple[ModelCard | None, str | None]:
    try:
        return read_card(path), None
    except ModelFileError as error:
        return None, _sentence(error, path)


def _sentence(error: ModelFileError, path: Path) -> str:
    return str(error).replace(str(path), path.name)


def file_name(card: ModelCard | None, path: Path) -> str:
    """A name for a version that every file system takes: its card's where possible; of a damaged file, its hash."""
    if card is None:
        return f"damaged-{hash_of(path)[:8]}"
    return re.sub(r"[^\w.-]", "_", card.version)[:60].strip(".-") or "unnamed"


def names(name: str) -> Iterator[str]:
    """The name, and those to go on with if it is taken."""
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def hash_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def same_content(file: IO[bytes], path: Path) -> bool:
    """Whether an open file has the bytes of another; different models differ early, where the card is."""
    file.seek(0)
    try:
        with path.open("rb") as other:
            while block := file.read(1 << 20):
                if other.read(1 << 20) != block:
                    return False
            return not other.read(1)
    except FileNotFoundError:
        return False

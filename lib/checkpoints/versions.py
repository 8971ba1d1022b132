"""Every version of a model that was in use: kept, listed, and put back byte for byte.

``NAME.pt`` is served, ``pretrained_NAME.pt`` came with the app, and ``NAME/versions/`` holds a whole model file for
each version and ``history.jsonl``. A version's name is its card's version, which predictions and labels bear too;
where another model has or had that name, the card of the stored file gets the next free one, ``VERSION-2``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from lib.checkpoints.history import STORED, Action, Change, append_change, read_history
from lib.checkpoints.model_file import load_model, with_version
from lib.checkpoints.version import (
    UnknownVersionError,
    Version,
    VersionError,
    card_or_fault,
    file_name,
    hash_of,
    names,
    same_content,
)
from lib.formats.files import copy_atomic, write_atomic

KEEP = 10
"""Versions that are kept; besides, always the one in use and the one before it."""

LOCK_TIMEOUT_S = 60.0


class ModelVersions:
    """The versions of one model; whoever changes what is served does it here.

    Readers of the served file never wait and never see a part of one. Programs that change it wait for one another.

    Args:
        published: the served file, ``model/NAME.pt``.
        shipped: the file that came with the app, which is served while the other is absent.
        keep: how many versions are kept, see :data:`KEEP`.
    """

    def __init__(self, published: Path, shipped: Path | None = None, keep: int = KEEP) -> None:
        self.published, self.shipped, self.keep = published, shipped, keep
        self.folder = published.with_suffix("") / "versions"

    def publish(self, source: Path, reason: str, action: Literal["published", "uploaded"] = "published") -> Version:
        """Keep a model file as a version and serve it.

        Args:
            source: a whole model file; it stays as it is.
            reason: why, in words, for the history.
            action: who does it, a training or a person.

        Raises:
            ModelFileError: the file cannot be loaded; nothing has changed then.
            VersionError: another program has held the versions for a minute.
        """
        load_model(source)
        with self._locked():
            before = self._adopt()
            return self._serve(*self._store(source), action, reason, before)

    def rollback(self, version: str | None = None, reason: str = "") -> Version:
        """Serve a version again, byte for byte; if it is in use already, nothing changes and nothing is noted.

        Args:
            version: None for the one that was served before the one in use; doing that twice changes nothing.
            reason: why, in words, for the history.

        Raises:
            UnknownVersionError: there is none of that name, or none was served before.
            VersionError: its file is damaged, or another program has held the versions for a minute.
        """
        self._wanted(version)
        with self._locked():
            wanted = self._wanted(version)
            if wanted.served:
                return wanted
            self._check(wanted)
            before = self._adopt()
            return self._serve(wanted.version, wanted.path, "rolled back", reason, before)

    def withdraw(self, reason: str) -> str:
        """Take the version in use out of use: it stays a version; the shipped one is served then, or none.

        Args:
            reason: why, in words, for the history.

        Returns:
            The name of the version that was in use.

        Raises:
            VersionError: there is none but the shipped one, or another program has held the versions for a minute.
        """
        with self._locked():
            served = self.served()
            if served is None or served.shipped:
                what = "has no weights" if served is None else "is the one that came with the app"
                raise VersionError(f"{self.published.stem} {what}: there is nothing to take out of use.")
            name = self._adopt() or served.version
            self.published.unlink()
            sha256 = hash_of(self.folder / f"{name}.pt")
            self._note(Change(action="withdrawn", version=name, reason=reason, sha256=sha256))
            return name

    def list(self) -> Sequence[Version]:
        """All versions, the newest first, the shipped one last; damaged ones with their fault."""
        found = self._kept()
        try:
            served = self.published.open("rb")
        except FileNotFoundError:
            return [replace(version, served=version.shipped) for version in found]
        with served:  # opened once: whatever is published meanwhile, the same file is compared with all
            for index, version in enumerate(found):
                if same_content(served, version.path):
                    return [*found[:index], replace(version, served=True), *found[index + 1 :]]
        card, fault = card_or_fault(self.published)
        taken = {version.version for version in found}
        name = next(name for name in names(file_name(card, self.published)) if name not in taken)
        reason = "not published here: put there by hand or by older software; kept before another takes its place"
        return [Version(name, self.published, card, fault, served=True, stored=False, reason=reason), *found]

    def get(self, version: str) -> Version:
        """One version.

        Raises:
            UnknownVersionError: there is none of that name.
        """
        found = self.list()
        for candidate in found:
            if candidate.version == version:
                return candidate
        raise UnknownVersionError(f"There is no version '{version}': {_choice(found)}.")

    def served(self) -> Version | None:
        """The version in use; None where there are no weights."""
        return next((version for version in self.list() if version.served), None)

    def history(self) -> Sequence[Change]:
        """Every change of what is served, the oldest first, also of versions that are no longer kept."""
        return read_history(self.folder / "history.jsonl")

    def previous(self) -> str | None:
        """Name of the version that was served before the one in use, as far as the history knows."""
        served = self.served()
        return self._before(None if served is None else served.version)

    def _before(self, present: str | None) -> str | None:
        for change in reversed(self.history()):
            for name in (change.version, change.previous):
                if name not in (None, present):
                    return name
        return None

    def _wanted(self, version: str | None) -> Version:
        name = self.previous() if version is None else version
        if name is None:
            raise UnknownVersionError(f"No version was served before the one in use: {_choice(self.list())}.")
        return self.get(name)

    def _check(self, version: Version) -> None:
        """Refuse a version that has changed since it was stored, or that cannot be loaded."""
        version.usable_card()
        noted = [change for change in self.history() if change.version == version.version and not version.shipped]
        digest = hash_of(version.path)
        if noted and noted[-1].sha256 != digest:
            raise VersionError(f"Version '{version.version}' cannot be used: its file has changed since it was stored.")
        if all(change.action in ("adopted", "withdrawn") or change.sha256 != digest for change in noted):
            version.network()  # nobody has loaded these very bytes yet

    # --- changing, with the lock held ----------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            sentence = f"The versions of {self.published.stem} are in use by another program; try again in a minute."
            raise VersionError(sentence) from error

    def _adopt(self) -> str | None:
        """Keep the served file if no version has its bytes; gives the name of the version that is served."""
        served = self.served()
        if served is None or served.stored:
            return None if served is None else served.version
        name, path = self._store(self.published)
        reason = "was in use without having been published here"
        self._note(Change(action="adopted", version=name, reason=reason, sha256=hash_of(path)))
        return name

    def _store(self, source: Path) -> tuple[str, Path]:
        """Keep a file as a version, unless it is one already; gives the version's name and file."""
        card, _ = card_or_fault(source)
        kept = {version.version: version.path for version in self._kept()}
        known = {change.version: change.sha256 for change in self.history()}
        for name in names(file_name(card, source)):
            content = source.read_bytes() if card is None or name == card.version else with_version(source, name)
            digest = hashlib.sha256(content).hexdigest()
            if name not in kept and known.get(name, digest) == digest:
                write_atomic(self.folder / f"{name}.pt", content)
                return name, self.folder / f"{name}.pt"
            if name in kept and hash_of(kept[name]) == digest:
                return name, kept[name]
        raise AssertionError("names do not end")

    def _serve(self, name: str, path: Path, action: Action, reason: str, before: str | None) -> Version:
        copy_atomic(
            path, self.published
        )  # no link: who writes into the served file by hand must not change the version
        self._note(Change(action=action, version=name, previous=before, reason=reason, sha256=hash_of(path)))
        self._prune({name, self._before(name)})
        return self.get(name)

    def _note(self, change: Change) -> None:
        append_change(self.folder / "history.jsonl", change)

    def _prune(self, needed: set[str | None]) -> None:
        """Delete the oldest versions but for those needed, and what a crash has left."""
        stored = [version for version in self._kept() if not version.shipped]
        for version in stored[self.keep :]:
            if version.version not in needed:
                version.path.unlink()
        for leftover in self.folder.glob(".*.tmp"):
            leftover.unlink()

    # --- looking -------------------------------------------------------------------------------------------------

    def _kept(self) -> Sequence[Version]:
        """The stored versions, the newest first, and the shipped one; not yet with which is served."""
        stored_by = {change.version: change for change in self.history() if change.action in STORED}
        found: list[tuple[float, Version]] = []
        for path in self.folder.glob("*.pt"):
            with suppress(FileNotFoundError):  # deleted by another program in this moment
                version, time = Version(path.stem, path, *card_or_fault(path)), path.stat().st_mtime
                if change := stored_by.get(path.stem):
                    version = replace(version, action=change.action, time=change.time, reason=change.reason)
                    time = datetime.fromisoformat(change.time).timestamp()
                found.append((time, version))
        newest_first = [version for _, version in sorted(found, key=lambda pair: (-pair[0], pair[1].version))]
        return [*newest_first, *self._shipped({version.version for version in newest_first})]

    def _shipped(self, taken: set[str]) -> Sequence[Version]:
        if self.shipped is None or not self.shipped.is_file():
            return []
        card, fault = card_or_fault(self.shipped)
        name = "shipped" if card is None else file_name(card, self.shipped)
        if name in taken:  # a newer app may bring a model whose name a version of this machine has
            name = f"{name}-shipped"
        return [Version(name, self.shipped, card, fault, shipped=True, reason="came with the app")]


def _choice(versions: Sequence[Version]) -> str:
    return f"choose of {', '.join(version.version for version in versions)}" if versions else "there are none yet"

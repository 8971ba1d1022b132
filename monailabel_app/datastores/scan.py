"""Which radiographs and labels lie in a studies folder, and under which ids."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from lib.pace import Pace, at_once
from monailabel_app.datastores import rules

logger = logging.getLogger(__name__)

LABELS_FOLDER = "labels"
SETTLED_NS = 3_000_000_000
"""The time of a folder says nothing about changes in the same tick of its clock; some file systems count 2 s."""
ANEW_S = 60.0
"""After so long a folder is listed again whatever its time says: not every server of files tells one to be trusted."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A folder as it was listed.

    Args:
        stamp: changes when something comes or goes; None where only listing again would tell.
        since: when it was listed.
        files: paths of what counts, relative to the studies folder.
        folders: paths of the folders in it, with ``/`` at the end.
    """

    stamp: tuple[int, int, int] | None
    since: float
    files: frozenset[str]
    folders: tuple[str, ...] = ()


class FolderScan:
    """Lists a studies folder, of which only what has changed is listed again; says once what it leaves aside.

    Upstream faults answered here: only lower-case names of a few formats and only the top folder are listed, and a link
    or a label file can become an image.

    Args:
        folder: the studies folder, resolved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: set[str] = set()
        self._listed: dict[str, _Listed] = {}
        self._labels: dict[str, _Listed] = {}
        self._images: frozenset[str] = frozenset()

    def size(self) -> int:
        """How many files and folders there are, as far as they were listed."""
        labels = sum(len(listed.files) for listed in self._labels.values())
        return len(self._images) + len(self._listed) + labels

    def images(self, pace: Pace[os.DirEntry[str]] = at_once) -> frozenset[str]:
        """Paths of all radiographs, relative to the folder, with ``/``; subfolders included, hidden ones not.

        The same object as the last time where nothing has come or gone.
        """
        found: dict[str, _Listed] = {}
        folders, same = [""], True
        while folders:
            parent = folders.pop()
            known = self._listed.get(parent)
            listed = self._again(known, parent) or self._list_images(parent, pace)
            same = same and known is not None and listed.files == known.files
            found[parent] = listed
            folders += listed.folders
        if not same or found.keys() != self._listed.keys():
            self._images = frozenset().union(*(listed.files for listed in found.values()))
        self._listed = found
        return self._images

    def labels(self, tag: str, pace: Pace[os.DirEntry[str]] = at_once) -> frozenset[str]:
        """Names of the landmark label files under a tag; the same object as the last time where none came or went."""
        parent, known = f"{LABELS_FOLDER}/{tag}", self._labels.get(tag)
        listed = self._again(known, parent)
        if listed is None:
            since, stamp = time.monotonic(), self._stamp(parent)
            names = (entry.name for entry in pace(self._entries(parent)))
            listed = _Listed(stamp, since, frozenset(name for name in names if rules.label_id(name) is not None))
        if known is not None and known.files == listed.files:
            listed = _Listed(listed.stamp, listed.since, known.files)
        self._labels[tag] = listed
        return listed.files

    def has_changed(self, tag: str) -> bool:
        """Whether label files of a tag may have come or gone since they were listed."""
        return self._again(self._labels.get(tag), f"{LABELS_FOLDER}/{tag}") is None

    def is_image(self, file: str) -> bool:
        """Whether a file is one that :meth:`images` would find; only this file is looked at."""
        parts = file.split("/")
        if any(part.startswith(".") or not part for part in parts) or parts[0] == LABELS_FOLDER:
            return False
        path = self._folder / file
        if rules.image_extension(parts[-1]) is None or not path.is_file():
            return False
        return path.parent.resolve() == path.parent and path.resolve().is_relative_to(self._folder)

    def is_label(self, tag: str, name: str) -> bool:
        """Whether there is a label file of that name under a tag; only this file is looked at."""
        return os.path.lexists(f"{self._folder}/{LABELS_FOLDER}/{tag}/{name}")

    def tell_once(self, sentence: str) -> None:
        """Log a warning, unless it has been logged before."""
        if sentence not in self._told:
            self._told.add(sentence)
            logger.warning(sentence)

    def _list_images(self, parent: str, pace: Pace[os.DirEntry[str]]) -> _Listed:
        since, stamp = time.monotonic(), self._stamp(parent)
        files, folders = [], []
        for entry in pace(self._entries(parent)):
            file = f"{parent}{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if file != LABELS_FOLDER:
                    folders.append(f"{file}/")
            elif rules.image_extension(entry.name) is not None:
                if entry.is_symlink():
                    stamp = None  # what it leads to may come and go unseen
                if entry.is_file() and not self._leaves(entry):
                    files.append(file)
        return _Listed(stamp, since, frozenset(files), tuple(folders))

    def _again(self, known: _Listed | None, relative: str) -> _Listed | None:
        """What is known of a folder, if nothing has come or gone there."""
        if known is None or known.stamp is None or time.monotonic() - known.since > ANEW_S:
            return None
        return known if self._stamp(relative) == known.stamp else None

    def _stamp(self, relative: str) -> tuple[int, int, int] | None:
        try:
            status = (self._folder / relative).stat()
        except OSError:
            return None
        settled = time.time_ns() - status.st_mtime_ns > SETTLED_NS
        return (status.st_mtime_ns, status.st_ino, status.st_dev) if settled else None

    def _entries(self, relative: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder / relative) as entries:
                return list(entries)
        except OSError as error:
            self.tell_once(f"The folder {relative or '.'} of the studies cannot be read: {error.strerror}.")
            return []

    def _leaves(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(self._folder):
            return False
        self.tell_once(f"Ignored {rules.quoted(entry.name)}: it is a link that leaves the studies folder.")
        return True


def id_for(file: str, taken: Container[str]) -> str:
    """The id of a new image: its path without the extension, ``/`` written as ``__``.

    Where another image has that id already, as for ``a.png`` and ``a.jpg`` of which upstream keeps one, the extension
    stays.

    Args:
        file: the image's path relative to the studies folder.
        taken: the ids that are in use.

    Raises:
        StudiesError: the name cannot be an id.
    """
    whole = file.replace("/", "__")
    extension = rules.checked_image_extension(file)
    numbered = (f"{whole}-{number}" for number in itertools.count(2))
    for candidate in itertools.chain([whole.removesuffix(extension), whole], numbered):
        if rules.checked_id(candidate) not in taken:
            return candidate
    raise AssertionError("unreachable: there is always another number")

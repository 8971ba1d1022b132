"""Which radiographs and labels lie in a studies folder, and under which ids."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Container, Iterator
from pathlib import Path

from monailabel_app.datastores import rules

logger = logging.getLogger(__name__)

LABELS_FOLDER = "labels"


class FolderScan:
    """Lists a studies folder; says once what it leaves aside.

    Upstream faults answered here: only lower-case names of a few formats and only the top folder are listed, and a link
    or a label file can become an image.

    Args:
        folder: the studies folder, resolved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: set[str] = set()

    def images(self) -> Iterator[str]:
        """Paths of all radiographs, relative to the folder, with ``/``; subfolders included, hidden ones not."""
        folders = [""]
        while folders:
            parent = folders.pop()
            for entry in self._entries(parent):
                file = f"{parent}{entry.name}"
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if file != LABELS_FOLDER:
                        folders.append(f"{file}/")
                elif rules.image_extension(entry.name) is not None and entry.is_file() and not self._leaves(entry):
                    yield file

    def labels(self, tag: str) -> frozenset[str]:
        """Names of the landmark label files under a tag."""
        names = (entry.name for entry in self._entries(f"{LABELS_FOLDER}/{tag}"))
        return frozenset(name for name in names if rules.label_id(name) is not None)

    def tell_once(self, sentence: str) -> None:
        """Log a warning, unless it has been logged before."""
        if sentence not in self._told:
            self._told.add(sentence)
            logger.warning(sentence)

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

"""Reading ``datastore_v2.json`` and its journal: of what is known already, nothing is read again."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.changes import ChangeLog
from monailabel_app.datastores.entries import Index, Study
from monailabel_app.datastores.journal import FileKey, Journal, Place, parsed
from monailabel_app.datastores.layered import Layered

logger = logging.getLogger(__name__)

INDEX_FILE = "datastore_v2.json"
JOURNAL_FILE = "datastore_v2.journal.jsonl"  # not hidden: who copies the folder takes it along
MANY_BYTES = 5_000_000
"""An index of this size has many studies."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What has been read: of which file, up to where of the journal, and what they say together."""

    key: FileKey | None
    place: Place
    index: Index


def _index_in(content: bytes) -> Index:
    """The index in a file.

    Python's search for cyclic garbage, to which many studies are many objects, is put off meanwhile, and leaves them
    out later: with 100,000 it would take most of a second again and again, in which no request is answered.
    """
    if len(content) < MANY_BYTES or not gc.isenabled():
        return Index.model_validate_json(content)
    gc.disable()
    try:
        return Index.model_validate_json(content)
    finally:
        gc.freeze()
        gc.enable()


def layered(index: Index) -> Layered[Study]:
    """The studies of an index as this module makes them."""
    assert isinstance(index.objects, Layered)  # noqa: S101 - so every index is made here
    return index.objects


class IndexReader:
    """The index as the file and the journal tell it.

    Args:
        folder: the studies folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX_FILE
        self.journal = Journal(folder / JOURNAL_FILE)
        self._changes = ChangeLog()
        self._mutex = threading.RLock()
        self._seen: Seen | None = None
        self._damaged = False

    def since(self, mark: int | None) -> tuple[int, set[str] | None, Mapping[str, Study]]:
        """What has changed since a mark, see :meth:`ChangeLog.since`, and all studies, as they were last read.

        Changes of this thread's open transaction are not among them.
        """
        with self._mutex:
            now, changed = self._changes.since(mark)
            return now, changed, {} if self._seen is None else self._seen.index.objects

    def _key(self) -> FileKey | None:
        """Changes whenever the file is replaced; upstream compares seconds only and misses changes."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> Seen:
        """What the file and the journal tell now; of what is known already nothing is read again."""
        with self._mutex:
            while True:
                key, seen = self._key(), self._seen
                if seen is None or seen.key != key:
                    seen = self._folded(seen, key) or self._whole(key)
                come = self.journal.after(seen.place)
                if key != self._key():  # the journal that was read may belong to the file that is there now
                    continue
                if come is None:
                    self._seen = None
                    continue
                self._seen = self._applied(seen, *come)
                return self._seen

    def _folded(self, seen: Seen | None, key: FileKey | None) -> Seen | None:
        """What is known already, where the file is another only because the journal is part of it now."""
        found = self.journal.fold()
        if seen is None or found is None:
            return None
        fold, begin = found
        if fold.into != key or fold.of != seen.key or seen.place.end < fold.end:
            return None
        return Seen(key, begin.after(seen.place.end - fold.end), seen.index)

    def _whole(self, key: FileKey | None) -> Seen:
        index = Index() if key is None else _index_in(self.path.read_bytes())
        index = index.model_copy(update={"objects": Layered(dict(index.objects))})
        self._changes.reset()
        return Seen(key, Place(), index)

    def _applied(self, seen: Seen, lines: list[bytes], place: Place) -> Seen:
        if not lines:
            return seen if place == seen.place else Seen(seen.key, place, seen.index)
        objects = layered(seen.index).draft()
        head: dict[str, Any] = {}
        touched: set[str] = set()
        for text in lines:
            line = parsed(text)
            if line is None:
                self._tell_damage()
                continue
            head |= line.head
            touched |= line.objects.keys()
            for image_id, study in line.objects.items():
                if study is not None:
                    objects[image_id] = study
                elif image_id in objects:
                    del objects[image_id]
        self._changes.add(touched)
        return Seen(seen.key, place, seen.index.model_copy(update={**head, "objects": objects}))

    def _tell_damage(self) -> None:
        if not self._damaged:
            logger.error("%s was damaged: lines of it that cannot be read are left out.", JOURNAL_FILE)
        self._damaged = True

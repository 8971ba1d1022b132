"""``datastore_v2.json``: what is known about the studies, shared by all processes that work on the folder.

The file's layout is that of MONAI Label 0.8.5, so a folder from there keeps working, keys of others included.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.formats import write_atomic
from monailabel_app.errors import BusyError

logger = logging.getLogger(__name__)

INDEX_FILE = "datastore_v2.json"
LOCK_FILE = ".lock"  # the one that MONAI Label's own datastore takes
LOCK_TIMEOUT_S = 60.0


class _Kept(BaseModel):
    model_config = ConfigDict(extra="allow")


class Entry(_Kept):
    """A file: its extension and what is noted about it. Never changed in place."""

    ext: str = ""
    info: dict[str, Any] = Field(default_factory=dict)


class Study(_Kept):
    """An image, its labels by tag, and the readings of it by annotator and number. Never changed in place."""

    image: Entry = Field(default_factory=Entry)
    labels: dict[str, Entry] = Field(default_factory=dict)
    readings: dict[str, Entry] = Field(default_factory=dict, exclude_if=lambda readings: not readings)

    def with_image_info(self, info: dict[str, Any]) -> Study:
        """The same study with this info about its image."""
        return self.model_copy(update={"image": self.image.model_copy(update={"info": info})})

    def with_label(self, tag: str, label: Entry | None) -> Study:
        """The same study with this label under the tag, or with none."""
        labels = {key: value for key, value in self.labels.items() if key != tag}
        return self.model_copy(update={"labels": labels if label is None else {**labels, tag: label}})

    def with_reading(self, key: str, reading: Entry | None) -> Study:
        """The same study with this reading, or without it."""
        readings = {known: value for known, value in self.readings.items() if known != key}
        return self.model_copy(update={"readings": readings if reading is None else {**readings, key: reading}})


class Index(_Kept):
    """All studies by image id."""

    name: str = "new-dataset"
    description: str = "New Dataset"
    images_dir: str = "."
    labels_dir: str = "labels"
    objects: dict[str, Study] = Field(default_factory=dict)


class IndexFile:
    """The index on disk, cached, changed only within :meth:`transaction`.

    Upstream fault answered here: every process of MONAI Label dumps the whole index as *it* remembers it, so a scoring
    process erases the labels that the server has noted meanwhile. Here a change is: lock, read again, change, move
    into place.

    Args:
        folder: the studies folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX_FILE
        self._lock = FileLock(folder / LOCK_FILE, timeout=LOCK_TIMEOUT_S)
        self._cached: tuple[tuple[int, int, int] | None, Index] = (None, Index())
        self._open = threading.local()

    @property
    def draft(self) -> Index | None:
        """The index as this thread's open transaction has changed it; None outside of one."""
        return getattr(self._open, "draft", None)

    def read(self) -> Index:
        """The index as it is on disk, or as this thread's open transaction has changed it; not to be changed."""
        if self.draft is not None:
            return self.draft
        try:
            return self._load()
        except ValidationError:
            with self.transaction() as repaired:
                return repaired

    @contextmanager
    def transaction(self) -> Iterator[Index]:
        """The index to change, written once when the outermost block ends well, left as it was when it does not.

        Put new ``Study`` objects into ``objects``; those that are there belong to other readers too.

        Raises:
            BusyError: another process has held the folder for a minute.
        """
        if self.draft is not None:
            yield self.draft
            return
        try:
            self._lock.acquire()
        except Timeout as error:
            raise BusyError("The studies folder is in use by another program; try again in a minute.") from error
        try:
            base = self._load_or_move_aside()
            self._open.draft = draft = base.model_copy(update={"objects": dict(base.objects)})
            yield draft
            if draft != base or not self.path.exists():
                write_atomic(self.path, draft.model_dump_json(indent=1))
                self._cached = (self._key(), draft)
        finally:
            self._open.draft = None
            self._lock.release()

    def _key(self) -> tuple[int, int, int] | None:
        """Changes whenever the file is replaced; upstream compares seconds only and misses changes."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _load(self) -> Index:
        key = self._key()
        cached_key, index = self._cached
        if key != cached_key:
            index = Index() if key is None else Index.model_validate_json(self.path.read_bytes())
            self._cached = (key, index)
        return index

    def _load_or_move_aside(self) -> Index:
        try:
            return self._load()
        except ValidationError as error:
            # Upstream stops with a traceback at the start, and later goes on with what it remembers.
            aside = self.path.with_name(f"{INDEX_FILE}.{time.time_ns()}.bad")
            self.path.replace(aside)
            fault = error.errors()[0]["msg"]
            logger.error("%s was damaged (%s): it is now %s and is rebuilt.", INDEX_FILE, fault, aside.name)
            return self._load()

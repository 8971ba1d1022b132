"""The files of a DICOMweb server's radiographs on this machine: fetched when asked for, and never more than so many."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

import pydicom

from lib.formats import write_atomic
from monailabel_app.datastores.pacs import Pacs, Place

logger = logging.getLogger(__name__)

IN_USE_S = 600.0
"""A file that was asked for so lately may be in use and stays."""
_PARALLEL_FETCHES = 64


class ImageCache:
    """Keeps the files of radiographs, those that were used last.

    Files of radiographs with a label stay whatever they take: training reads them all, again and again.

    Args:
        folder: where they lie, ``images/UID.dcm`` in it.
        max_bytes: what the others may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._locks = [threading.Lock() for _ in range(_PARALLEL_FETCHES)]
        (folder / "images").mkdir(parents=True, exist_ok=True)

    @staticmethod
    def file(instance: str) -> str:
        """The path of an instance's file relative to the folder."""
        return f"images/{instance}.dcm"

    def path(self, pacs: Pacs, place: Place, kept: Callable[[], Collection[str]]) -> Path:
        """The file of an instance, fetched unless it is there; errors as :meth:`Pacs.retrieve`.

        Args:
            pacs: where it is fetched.
            place: the instance.
            kept: tells the SOP instance UIDs whose files stay.
        """
        path = self._folder / self.file(place.instance)
        with self._locks[hash(place.instance) % _PARALLEL_FETCHES]:
            if not self._used(path):
                content = io.BytesIO()
                pydicom.dcmwrite(content, pacs.retrieve(place), write_like_original=True)
                write_atomic(path, content.getvalue())
                self._make_room(kept())
        return path

    @staticmethod
    def _used(path: Path) -> bool:
        """Whether the file is there; if so, it counts as used now."""
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except FileNotFoundError:
            return False
        return True

    def _make_room(self, kept: Collection[str]) -> None:
        """Remove the files that were not used for longest."""
        now, files, total = time.time(), [], 0
        for path in (self._folder / "images").glob("*.dcm"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another thread or process makes room too
                continue
            if path.stem not in kept:
                files.append((stat.st_atime, stat.st_size, path))
                total += stat.st_size
        for used, size, path in sorted(files):
            if total <= self._max_bytes or now - used < IN_USE_S:
                break
            path.unlink(missing_ok=True)
            total -= size
            logger.debug("Removed %s to make room", path.name)

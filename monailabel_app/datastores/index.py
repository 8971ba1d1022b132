"""``datastore_v2.json`` and its journal: what is known about the studies, shared by all processes that work on them.

The file's layout is that of MONAI Label 0.8.5, so a folder from there keeps working, keys of others included. While the
file is small it is written anew with each change. A large one is left alone: changes become lines of the journal beside
it, which are folded into the file when the folder is opened, and whenever they have become many.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from lib.formats.files import replacing, write_atomic
from lib.pace import at_once, politely
from monailabel_app.datastores.entries import Index
from monailabel_app.datastores.index_reading import INDEX_FILE, JOURNAL_FILE, IndexReader, Seen, layered
from monailabel_app.datastores.journal import Fold, Line, Place
from monailabel_app.errors import BusyError

logger = logging.getLogger(__name__)

LOCK_FILE = ".lock"  # the one that MONAI Label's own datastore takes
LOCK_TIMEOUT_S = 60.0
LOCK_POLL_S = 0.002

SMALL_BYTES = 256_000
"""An index of up to this size is written anew with each change: it takes some milliseconds."""
MOST = 0.25
"""A transaction that changes more of the studies than this writes the index anew."""
OUTGROWN_BYTES = 4_000_000
"""A journal larger than this, and than half of the index's file, is folded."""


class IndexFile(IndexReader):
    """The index on disk, cached, changed only within :meth:`transaction`.

    Upstream fault answered here: every process of MONAI Label dumps the whole index as *it* remembers it, so a scoring
    process erases the labels that the server has noted meanwhile. Here a change is: lock, read what has come, note what
    is different. What a transaction has noted is there when it has returned, whatever happens to the process then.

    Who edits the index's file by hand is noticed; of studies that the journal tells of, the journal counts.

    Args:
        folder: the studies folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lock = FileLock(folder / LOCK_FILE)
        self._open = threading.local()
        self._folding: threading.Thread | None = None

    @property
    def draft(self) -> Index | None:
        """The index as this thread's open transaction has changed it; None outside of one."""
        return getattr(self._open, "draft", None)

    def touched(self) -> set[str]:
        """Ids of the studies that this thread's open transaction has put or removed."""
        return set() if self.draft is None else set(layered(self.draft).touched)

    def read(self) -> Index:
        """The index as it is on disk, or as this thread's open transaction has changed it; not to be changed."""
        if self.draft is not None:
            return self.draft
        try:
            return self._load().index
        except ValidationError:
            with self.transaction() as repaired:
                return repaired

    @contextmanager
    def transaction(self) -> Iterator[Index]:
        """The index to change, noted once when the outermost block ends well, left as it was when it does not.

        Put new ``Study`` objects into ``objects``; those that are there belong to other readers too.

        Raises:
            BusyError: another process has held the folder for a minute.
        """
        if self.draft is not None:
            yield self.draft
            return
        with self._locked():
            try:
                seen = self._load_or_move_aside()
                self._open.draft = draft = seen.index.model_copy(update={"objects": layered(seen.index).draft()})
                yield draft
                self._note(seen, draft)
            finally:
                self._open.draft = None
        if self._has_outgrown():
            self._fold_beside()

    def fold(self, *, beside: bool = False) -> bool:
        """Make what the journal tells part of the index's file; False where another process changes the file meanwhile.

        The folder is locked only at the end, so that nobody waits; what is noted until then stays in the journal.

        Args:
            beside: rest again and again, for other threads.
        """
        seen = self._load()
        told = self.journal.fold()
        if not seen.place.end or (told is not None and seen.place == told[1]):
            return True
        pace = politely if beside else at_once
        with ExitStack() as held:
            try:
                with replacing(self.path) as file:
                    for piece in pace(seen.index.text()):
                        file.write(piece.encode())
                    file.flush()
                    os.fsync(file.fileno())
                    held.enter_context(self._locked())
                    held.enter_context(self._mutex)
                    if self._key() != seen.key:
                        raise _OvertakenError
            except _OvertakenError:
                return False
            self._begin_journal(seen)
        return True

    def _note(self, seen: Seen, draft: Index) -> None:
        new = layered(draft)
        # Also what is noted as it was: its files are others perhaps, which all are to look up, see Overview.look_up.
        touched = {image_id: new.get(image_id) for image_id in new.touched}
        head = draft.head() if draft.head() != seen.index.head() else {}
        with self._mutex:
            if seen.place.end or not self._is_cheap(seen, len(touched), len(new)):
                if touched or head:
                    place = self.journal.append(Line.text(touched, head), seen.place)
                    self._seen = Seen(seen.key, place, draft)
            elif touched or head or seen.key is None:
                # Only while the journal is empty: killed before it is removed, it would undo what it does not know of.
                self._write(draft)
            self._changes.add(touched)

    def _is_cheap(self, seen: Seen, changed: int, studies: int) -> bool:
        """Whether to write the index anew costs no more than a line for the journal."""
        return seen.key is None or seen.key[1] < SMALL_BYTES or changed > MOST * studies

    def _write(self, index: Index) -> None:
        write_atomic(self.path, "".join(index.text()))
        self.journal.remove()  # of a killed writer there may be a part of a line
        self._seen = Seen(self._key(), Place(), index)

    def _begin_journal(self, folded: Seen) -> None:
        """Begin the journal anew, now that the index's file has all that it told when ``folded`` was read."""
        key, seen, come = self._key(), self._seen, self.journal.after(folded.place)
        lines = [] if come is None else come[0]
        self._put_damage_aside()
        if not lines and key is not None and key[1] < SMALL_BYTES:  # from now on the file is written with each change
            self.journal.remove()
            self._seen = Seen(key, Place(), folded.index)
            return
        begin = self.journal.begin(Fold(folded.key, folded.place.end, key), lines)
        if seen is not None and seen.key == folded.key:
            self._seen = Seen(key, begin.after(seen.place.end - folded.place.end), seen.index)

    def _fold_beside(self) -> None:
        with self._mutex:
            if self._folding is None or not self._folding.is_alive():
                self._folding = threading.Thread(target=self._fold_quietly, name="folding the journal")
                self._folding.start()

    def _fold_quietly(self) -> None:
        try:
            self.fold(beside=True)
        except (OSError, BusyError, ValidationError) as error:  # the journal goes on to grow, and it is tried again
            logger.warning("The journal was not folded into %s: %s", INDEX_FILE, error)

    def _has_outgrown(self) -> bool:
        seen = self._seen
        if seen is None or not seen.place.end:
            return False
        return seen.key is None or seen.key[1] < SMALL_BYTES or seen.place.end > max(OUTGROWN_BYTES, seen.key[1] / 2)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._lock.acquire(timeout=LOCK_TIMEOUT_S, poll_interval=LOCK_POLL_S)
        except Timeout as error:
            raise BusyError("The studies folder is in use by another program; try again in a minute.") from error
        try:
            yield
        finally:
            self._lock.release()

    def _put_damage_aside(self) -> None:
        if self._damaged and self.journal.path.exists():
            aside = self.journal.path.with_name(f"{JOURNAL_FILE}.{time.time_ns()}.bad")
            write_atomic(aside, self.journal.path.read_bytes())
        self._damaged = False

    def _load_or_move_aside(self) -> Seen:
        try:
            return self._load()
        except ValidationError as error:
            # Upstream stops with a traceback at the start, and later goes on with what it remembers.
            aside = self.path.with_name(f"{INDEX_FILE}.{time.time_ns()}.bad")
            self.path.replace(aside)
            fault = error.errors()[0]["msg"]
            logger.error("%s was damaged (%s): it is now %s and is rebuilt.", INDEX_FILE, fault, aside.name)
            return self._load()


class _OvertakenError(Exception):
    """Another process has replaced the index's file."""

"""What has changed since somebody last looked, so that nobody has to look at everything."""

from __future__ import annotations

import threading
from collections.abc import Iterable

KEPT = 10_000


class ChangeLog:
    """Keys of what has changed, in order; each reader remembers how far it has read.

    Args:
        kept: of more changes the older half is forgotten, and who has not read them has to look at everything.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._keys: list[str] = []
        self._begin = 0

    @property
    def mark(self) -> int:
        """How far a reader has read that reads now."""
        with self._lock:
            return self._begin + len(self._keys)

    def add(self, keys: Iterable[str]) -> None:
        """These have changed."""
        with self._lock:
            self._keys.extend(keys)
            if len(self._keys) > self._kept:
                forgotten = max(len(self._keys) // 2, len(self._keys) - self._kept)
                self._begin += forgotten
                del self._keys[:forgotten]

    def reset(self) -> None:
        """Anything may have changed."""
        with self._lock:
            self._begin += len(self._keys) + 1
            self._keys.clear()

    def since(self, mark: int | None) -> tuple[int, set[str] | None]:
        """The mark for the next time, and what has changed since an earlier one; None where that can be anything.

        Args:
            mark: of the last time; None the first time.
        """
        with self._lock:
            now = self._begin + len(self._keys)
            if mark is None or not self._begin <= mark <= now:
                return now, None
            return now, set(self._keys[mark - self._begin :])

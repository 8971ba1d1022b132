"""A few answers to give again: each is found once, however many ask for it at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """The answers that were asked for last.

    Args:
        most: how many are kept; of more, the one that nobody has asked for longest goes.
    """

    def __init__(self, most: int = 64) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Answer] = OrderedDict()
        self._sought: dict[Hashable, Future[Answer]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable, find: Callable[[], Answer], *, keep: bool = True) -> Answer:
        """The answer of a key.

        Args:
            key: everything that the answer depends on.
            find: finds it, where it is not known and nobody else is about to find it; whoever waits for it gets its
                error too, which is not kept.
            keep: whether to keep it for the next time. Who goes through many images once should not.
        """
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            sought = self._sought.get(key)
            waits = sought is not None
            if sought is None:
                sought = self._sought[key] = Future()
        if waits:
            answer = sought.result()
            if keep:
                self._keep(key, answer)
            return answer
        return self._find(key, sought, find, keep=keep)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()

    def _find(self, key: Hashable, sought: Future[Answer], find: Callable[[], Answer], *, keep: bool) -> Answer:
        try:
            answer = find()
        except BaseException as error:
            sought.set_exception(error)
            raise
        else:
            if keep:
                self._keep(key, answer)
            sought.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._sought[key]

    def _keep(self, key: Hashable, answer: Answer) -> None:
        with self._lock:
            self._known[key] = answer
            self._known.move_to_end(key)
            while len(self._known) > self.most:
                self._known.popitem(last=False)

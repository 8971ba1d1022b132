"""Long work beside requests: with rests, since of a process' threads one works at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

Pace = Callable[[Iterable[T]], Iterable[T]]
WORK_S = 0.002
"""A thread that wants to answer waits so long at most..."""
REST_S = 0.002
"""...and then has so long for itself."""


def politely(items: Iterable[T]) -> Iterator[T]:
    """The items one after the other, with rests in which other threads go on."""
    begun = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - begun > WORK_S:
            time.sleep(REST_S)
            begun = time.monotonic()


def at_once(items: Iterable[T]) -> Iterable[T]:
    """The items as they are."""
    return items

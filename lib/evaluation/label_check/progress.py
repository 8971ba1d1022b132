"""How far a check is, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much; ``(what, 0, n)`` begins something new."""


def silent(what: str, done: int, total: int) -> None:
    """For when nobody waits."""

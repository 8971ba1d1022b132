"""A mapping whose changes cost what has changed, not what there is."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar

V = TypeVar("V")

MANY = 1000
"""After so many changes they become part of the base."""


class Layered(MutableMapping[str, V], Generic[V]):
    """A dictionary that nobody changes, and what is different from it.

    Args:
        base: the dictionary.
        over: the values that take the place of those in it; None for what is gone.
    """

    def __init__(self, base: dict[str, V], over: dict[str, V | None] | None = None) -> None:
        self._base, self._over = base, over or {}
        self._length = len(base)
        for key, value in self._over.items():
            self._length += (value is not None) - (key in base)
        self.touched: set[str] = set()

    def draft(self) -> Layered[V]:
        """The same, to be changed; ``touched`` will be the keys whose values have been set or removed in it."""
        if len(self._over) > MANY:
            return Layered(self.plain())
        return Layered(self._base, dict(self._over))

    def plain(self) -> dict[str, V]:
        """All of it as a dictionary of its own."""
        if not self._over:
            return dict(self._base)
        kept = {key: value for key, value in self._over.items() if value is not None}
        found = {**self._base, **kept}
        for key in self._over.keys() - kept.keys():
            found.pop(key, None)
        return found

    def __getitem__(self, key: str) -> V:
        value = self._over[key] if key in self._over else self._base[key]
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return self._over[key] is not None if key in self._over else key in self._base

    def __setitem__(self, key: str, value: V) -> None:
        self._length += key not in self
        self._over[key] = value
        self.touched.add(key)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._length -= 1
        self._over[key] = None
        self.touched.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain()) if self._over else iter(self._base)

    def __len__(self) -> int:
        return self._length

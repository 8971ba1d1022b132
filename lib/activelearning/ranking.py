"""Images in the order of a key, when single ones come, go and change."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any


class Ranking:
    """Images by key, the smallest first, and by name where keys are equal.

    A change costs a search and moving some memory, whatever the number of images.
    """

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}
        self._items: list[tuple[Any, str]] = []

    def fill(self, keys: Mapping[str, Any]) -> None:
        """Take these images, with their keys, in place of all that there are."""
        self._keys = dict(keys)
        self._items = sorted((key, image) for image, key in self._keys.items())

    def put(self, image: str, key: Any) -> None:
        """Give an image another key, or none: then it is not in the order."""
        earlier = self._keys.get(image)
        if earlier == key:
            return
        if earlier is not None:
            del self._items[bisect.bisect_left(self._items, (earlier, image))]
            del self._keys[image]
        if key is not None:
            bisect.insort(self._items, (key, image))
            self._keys[image] = key

    def first(self, count: int | None = None) -> list[str]:
        """The first ``count`` images, or all."""
        return [image for _, image in self._items[:count]]

    def below(self, key: Any) -> list[str]:
        """The images with a smaller key."""
        return self.first(bisect.bisect_left(self._items, (key,)))

    def keys(self, count: int) -> list[Any]:
        """The first ``count`` keys."""
        return [key for key, _ in self._items[:count]]

    def __contains__(self, image: str) -> bool:
        return image in self._keys

    def __len__(self) -> int:
        return len(self._items)

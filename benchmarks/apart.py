"""Which test images are none of the others under another name."""

from __future__ import annotations

from collections.abc import Sequence

from lib.radiographs import Fingerprint, same_pictures


def apart(known: Sequence[Fingerprint], test: Sequence[Fingerprint]) -> list[int]:
    """Indices of those of ``test`` that are no copy of any of ``known``, nor a copy of a copy."""
    pairs = same_pictures([*known, *test])
    seen = set(range(len(known)))
    while more := {index for pair in pairs if seen & set(pair) for index in pair} - seen:
        seen |= more
    return [index for index in range(len(test)) if len(known) + index not in seen]

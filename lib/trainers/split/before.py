"""Which labelled images are held out.

Upstream takes the tail of the list of labels, so images wander between training and validation as labels arrive and
training goes on from earlier weights: the validation figures leak. Here the image's id alone decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MIN_LABELS = 3
"""Two to train on, one to hold out."""


def held_out(image_ids: Iterable[str], share: float) -> set[str]:
    """The images of a set that are never trained on.

    An image is held out if its id's hash falls into the lowest ``share`` of all hashes, so it stays where it is
    whatever else is labelled. If none or all would be, the image with the lowest or highest hash moves over.

    Args:
        image_ids: at least :data:`MIN_LABELS` ids.
        share: 0 to 1.
    """
    ranked = sorted(image_ids, key=_position)
    chosen = {image_id for image_id in ranked if _position(image_id) < share}
    if not chosen:
        return set(ranked[:1])
    if len(chosen) > len(ranked) - 2:
        return set(ranked[: max(1, len(ranked) - 2)])
    return chosen


def _position(image_id: str) -> float:
    """Where an id lies between 0 and 1, the same on every machine."""
    return int.from_bytes(hashlib.sha256(image_id.encode("utf-8")).digest()[:8], "big") / 2**64

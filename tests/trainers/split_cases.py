"""Images for tests of the split, made of what the split knows of them."""

import base64
import hashlib
from functools import cache

import numpy as np

from lib.radiographs import Fingerprint, Identity
from lib.trainers.split import Case, Split


@cache
def fingerprint(picture: str) -> Fingerprint:
    """Of a picture that is like no other."""
    digest = hashlib.sha256(picture.encode())
    cells = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big")).integers(0, 15, 64 * 64, np.uint8)
    packed = (cells[0::2] << 4 | cells[1::2]).tobytes()
    return Fingerprint(digest.hexdigest()[:20], base64.b64encode(packed).decode())


def case(image: str, patient: str | None = None, picture: str | None = None, study: str | None = None) -> Case:
    """An image; without a picture it has one of its own."""
    return Case(image, Identity.of(patient, study=study), fingerprint(picture or f"of {image}"), f"file of {image}")


def cases(count: int, prefix: str = "image") -> list[Case]:
    """Images that have nothing to do with each other."""
    return [case(f"{prefix}_{number:03d}") for number in range(count)]


def on(split: Split, side: str) -> set[str]:
    """The images of a side."""
    return {image for image, entry in split.entries.items() if entry.side == side}

"""Which images belong together: of one patient or study, or copies of one picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.radiographs import Fingerprint, Identity, same_pictures
from lib.trainers.split.entries import Entry


@dataclass(frozen=True, slots=True)
class Case:
    """An image whose side is asked for.

    Args:
        image: its id.
        identity: patient and study, as far as they are known.
        fingerprint: of its pixels.
        content: a text that changes with the image's file.
    """

    image: str
    identity: Identity
    fingerprint: Fingerprint
    content: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Two images that belong together.

    Args:
        one: an image that is new, or of which something new is known.
        other: any image.
        why: ``same patient``, ``same study`` or ``same picture``.
    """

    one: str
    other: str
    why: str


def find_links(newcomers: Sequence[Case], entries: Mapping[str, Entry]) -> list[Link]:
    """The links of newcomers to each other and to the images of the split."""
    new = {case.image for case in newcomers}
    # Of copies that are equal to the pixel only the first counts, so one that has a side must come before others.
    known = sorted(entries.keys() - new, key=lambda image: (entries[image].side == "left_out", image))
    having: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image in known:
        for key in _keys(entries[image].identity):
            having[key].append(image)
    links = []
    for case in newcomers:
        for key in _sought(case.identity):
            links += [Link(case.image, other, key[0]) for other in having[key]]
        for key in _keys(case.identity):
            having[key].append(case.image)
    names = [*known, *(case.image for case in newcomers)]
    fingerprints = [*(entries[image].fingerprint for image in known), *(case.fingerprint for case in newcomers)]
    pairs = same_pictures(fingerprints, first=len(known))
    return links + [Link(names[later], names[earlier], "same picture") for earlier, later in pairs]


def groups(images: Collection[str], entries: Mapping[str, Entry], links: Iterable[Link]) -> list[list[str]]:
    """The images in groups: those of one group of the split, and those that are linked; sorted.

    Args:
        images: which to group; links to others do not count.
        entries: the split so far; images that are left out have no group.
        links: see :func:`find_links`.
    """
    parent = {image: image for image in images}

    def root(image: str) -> str:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    first: dict[str, str] = {}
    for image in images:
        entry = entries.get(image)
        if entry is not None and entry.side != "left_out":
            parent[root(image)] = root(first.setdefault(entry.group, image))
    for link in links:
        if link.one in parent and link.other in parent:
            parent[root(link.one)] = root(link.other)
    members: dict[str, list[str]] = defaultdict(list)
    for image in sorted(images):
        members[root(image)].append(image)
    return sorted(members.values())


def _keys(identity: Identity) -> list[tuple[str, str]]:
    """What an image is found by."""
    known = (_patient(identity.patient), _patient(identity.number, issued=True), ("same study", identity.study))
    return [(why, key) for why, key in known if key is not None]


def _sought(identity: Identity) -> list[tuple[str, str]]:
    """What others are looked for by: ids of two issuers are two patients, one without issuer may be any's."""
    other = identity.number if identity.number else identity.patient
    known = (_patient(identity.patient), _patient(other, issued=not identity.number), ("same study", identity.study))
    return [(why, key) for why, key in known if key is not None]


def _patient(key: str | None, *, issued: bool = False) -> tuple[str, str | None]:
    return "same patient", f"issued {key}" if key and issued else key

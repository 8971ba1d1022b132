"""Sides for images that have none yet. A side that was decided stays, whatever comes later.

MONAI Label's training takes the tail of the list of labels, so images wander between training and validation as labels
arrive, training goes on from earlier weights, and the validation figures leak. Two images of one patient, or one image
under two names, leak in any split by image.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from lib.trainers.split.entries import Entry, Side, Split, SplitError
from lib.trainers.split.links import Case, Link, find_links, groups

MIN_TRAIN = 2
MIN_LABELS = MIN_TRAIN + 1
"""Two to train on, one to hold out."""
_DOES: dict[Side, str] = {"train": "trains", "held_out": "is held out", "left_out": "is left out"}
_DID: dict[Side, str] = {"train": "trained", "held_out": "was held out", "left_out": "was left out"}


@dataclass(frozen=True, slots=True)
class _Group:
    """Images that belong together, newcomers among them.

    Args:
        key: its name.
        members: all of it.
        side: None where it has to be chosen.
        links: of its newcomers.
    """

    key: str
    members: tuple[str, ...]
    side: Side | None
    links: tuple[Link, ...]


def extended(split: Split, cases: Sequence[Case], share: float) -> Split:
    """The split with a side for each of the cases.

    A newcomer gets the side of the images that it belongs with; if they are on both sides, nobody moves and the
    newcomer is left out. Of the others, whole groups are held out so that their share comes near to ``share``, in an
    order that depends on patient and picture alone. An image of which a patient becomes known later, or whose file was
    replaced, keeps its side, unless it turns out to belong with images of the other one: then it is left out.

    Args:
        split: the split so far.
        cases: the images of one landmark set; those of the split included.
        share: 0 to 1, of these images.

    Raises:
        SplitError: fewer than two images would train or none would be held out; one sentence.
    """
    entries = dict(split.images)
    for case in cases:
        if case.image in entries:
            entries[case.image] = entry_of(case, entries[case.image])
    news = {case.image: case for case in cases if _is_news(case, split.images.get(case.image))}
    # First those that have a side, so that no newcomer can move anybody.
    _place({image: case for image, case in news.items() if image in entries}, entries)
    newcomers = {image: case for image, case in news.items() if image not in entries}
    open_groups = _place(newcomers, entries)
    given = [case.image for case in cases]
    held_out = _choose(open_groups, [entries[image].side for image in given if image in entries], share)
    for group in open_groups:
        entries |= _entries(group, "held_out" if group.key in held_out else "train", newcomers, entries)
    _check([entries[image] for image in given])
    return split.model_copy(update={"images": dict(sorted(entries.items()))})


def entry_of(case: Case, earlier: Entry | None, **decided: str) -> Entry:
    """What is kept about an image: what was decided, and what is known of it now; what was known once stays known."""
    identity = case.identity.or_else(earlier.identity) if earlier is not None else case.identity
    known = {
        "patient": identity.patient,
        "study": identity.study,
        "number": identity.number,
        "content": case.content,
        "exact": case.fingerprint.exact,
        "picture": case.fingerprint.picture,
    }
    kept = earlier.model_dump() if earlier is not None else {}
    return Entry.model_validate({**kept, **decided, **known})


def new_key(cases: Iterable[Case], taken: Container[str]) -> str:
    """A name for a group by what its images have in common, the same wherever the same images are."""
    key = min(case.identity.patient or case.identity.study or f"picture:{case.fingerprint.exact}" for case in cases)
    while key in taken:  # by a group whose image has got another patient or picture since
        key += "+"
    return key


def alone(image: str) -> str:
    """The name of the group of an image that is left out."""
    return f"left out:{hashlib.sha256(image.encode('utf-8')).hexdigest()[:16]}"


def _is_news(case: Case, entry: Entry | None) -> bool:
    """Whether anything is known now by which the image might belong with others."""
    if entry is None:
        return True
    known = (entry.identity, entry.exact)
    return entry.side != "left_out" and (case.identity.or_else(entry.identity), case.fingerprint.exact) != known


def _place(new: Mapping[str, Case], entries: dict[str, Entry]) -> list[_Group]:
    """Give images the side that follows from the others of their group; the groups that have no side yet."""
    placed = _placed(new, entries)
    for group in placed:
        if group.side is not None:
            entries |= _entries(group, group.side, new, entries)
    return [group for group in placed if group.side is None]


def _placed(new: Mapping[str, Case], entries: Mapping[str, Entry]) -> list[_Group]:
    """The groups that have newcomers, with the side that follows from their other images."""
    links = defaultdict(list)
    for link in find_links(list(new.values()), entries):
        links[link.one].append(link)
    sided = {image for image, entry in entries.items() if entry.side != "left_out"}
    taken = {entry.group for entry in entries.values()}
    placed = []
    for members in groups(sided | new.keys(), entries, chain.from_iterable(links.values())):
        if new.keys().isdisjoint(members):
            continue
        key = min((entries[image].group for image in members if image in entries), default="")
        if not key:
            key = new_key((new[image] for image in members), taken)
            taken.add(key)
        own = tuple(link for image in members for link in links[image])
        placed.append(_Group(key, tuple(members), _side(members, new, entries, own), own))
    return placed


def _side(
    members: Sequence[str], new: Mapping[str, Case], entries: Mapping[str, Entry], links: Iterable[Link]
) -> Side | None:
    """The side of a group's newcomers; None where nothing decides it yet."""
    known = {image: entries[image] for image in members if image in entries}
    firm = {entry.side for image, entry in known.items() if image not in new or entry.by == "file"}
    if len(firm) == 2:
        return "left_out"
    if firm:
        return firm.pop()
    if known:  # images of which something has become known; what models may have learnt from trains on
        return "train" if any(entry.side == "train" for entry in known.values()) else "held_out"
    if any(link.other in entries for link in links):
        return "left_out"  # they only belong with images that are left out
    return None


def _entries(group: _Group, side: Side, new: Mapping[str, Case], entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries of a group's images, its newcomers on this side."""
    result = {}
    for image in group.members:
        entry = entries.get(image)
        stays = entry is not None and (image not in new or entry.by == "file" or entry.side == side)
        if entry is not None and stays:
            if side != "left_out":  # otherwise it is a newcomer that joins the groups of both sides: they stay two
                result[image] = entry.model_copy(update={"group": group.key})
        elif side == "left_out" or entry is not None:
            reason = _reason(image, group, entries)
            out = {"side": "left_out", "group": alone(image), "by": "share", "reason": reason}
            result[image] = entry_of(new[image], entry, **out)
        else:
            result[image] = entry_of(new[image], None, side=side, group=group.key, by="share")
    return result


def _reason(image: str, group: _Group, entries: Mapping[str, Entry]) -> str:
    """Why an image is left out: an image of each side that its group belongs with, one that it is linked to if any."""
    others = {other: "" for other in group.members if other in entries and other != image}
    others |= {link.other: f" ({link.why})" for link in group.links if link.other in entries}
    others |= {link.other: f" ({link.why})" for link in group.links if link.one == image and link.other in entries}
    found = {entries[other].side: f"'{other}'{why}" for other, why in others.items() if other != image}
    told = [f"with {found[side]}, which {verb}" for side, verb in _DOES.items() if side in found]
    was = f"It {_DID[entries[image].side]}, and belongs " if image in entries else "It belongs "
    return was + ", and ".join(told[:2]) + "."


def _choose(open_groups: Sequence[_Group], decided: Sequence[Side], share: float) -> set[str]:
    """Keys of the groups to hold out: none of the others alone would bring their share nearer."""
    sizes = {group.key: len(group.members) for group in sorted(open_groups, key=lambda group: _order(group.key))}
    held_out, train = decided.count("held_out"), decided.count("train") + sum(sizes.values())
    wanted = share * (held_out + train)
    chosen = set()
    if held_out == 0:
        possible = [key for key, size in sizes.items() if train - size >= MIN_TRAIN]
        chosen = set(sorted(possible, key=lambda key: abs(sizes[key] - wanted))[:1])
        held_out = sum(sizes[key] for key in chosen)
        train -= held_out
    for key, size in sizes.items():
        nearer = abs(held_out + size - wanted) < abs(held_out - wanted)
        if key not in chosen and nearer and train - size >= MIN_TRAIN:
            chosen.add(key)
            held_out, train = held_out + size, train - size
    return chosen


def _order(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8")).digest()


def _check(entries: Sequence[Entry]) -> None:
    """Refuse a split that nothing can be learnt from or measured on."""
    count, sides = len(entries), Counter(entry.side for entry in entries)
    if count < MIN_LABELS:
        raise SplitError(
            f"A split needs at least {MIN_LABELS} radiographs, two to learn from and one to hold out; there "
            f"{'is' if count == 1 else 'are'} {count}."
        )
    if sides["train"] >= MIN_TRAIN and sides["held_out"]:
        return
    if len({entry.group for entry in entries}) == 1:
        raise SplitError(
            f"None of the {count} labelled radiographs can be held out, because all are of one patient or study, or "
            "copies of one picture: label one of another patient, or say what to hold out by 'split --use FILE'."
        )
    raise SplitError(
        f"Of the {count} labelled radiographs {sides['train']} train, {sides['held_out']} are held out and "
        f"{sides['left_out']} left out, and patients stay on the side that was decided for them: label radiographs of "
        f"other patients, so that {'some can be held out' if sides['train'] >= MIN_TRAIN else 'two can train'}."
    )

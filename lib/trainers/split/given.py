"""A user's own split, which wins over what was decided here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lib.trainers.split.assign import alone, entry_of, new_key
from lib.trainers.split.entries import Side, Split, SplitError
from lib.trainers.split.links import Case, Link, find_links, groups

_SIDES: dict[str, Side] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("held_out", "val", "valid", "validation", "test"), "held_out"),
    "left_out": "left_out",
}
_FORM = 'a CSV file with the columns image and split, or JSON {"train": [ids], "held_out": [ids]}'


def read_given(path: str | Path) -> dict[str, Side]:
    """The sides that a file gives, by image id.

    CSV with the columns ``image`` and ``split`` (others are left alone), or JSON with a list of ids a side. Sides are
    ``train`` and ``held_out``; ``val``, ``validation`` and ``test`` mean held out too, and ``left_out`` neither.

    Raises:
        SplitError: it is no such file, or gives an image two sides.
        OSError: it cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(_json_rows(text) if path.suffix.lower() == ".json" else _csv_rows(text))
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error, TypeError, KeyError) as error:
        raise SplitError(f"{path} is not {_FORM}.") from error
    sides: dict[str, Side] = {}
    for image, name in rows:
        side = _SIDES.get(name.strip().casefold().replace("-", "_").replace(" ", "_"))
        if side is None:
            raise SplitError(f"{path} puts '{image}' on the side '{name}': say train or held_out.")
        if sides.setdefault(image, side) != side:
            raise SplitError(f"{path} puts '{image}' on two sides.")
    if not sides:
        raise SplitError(f"{path} names no image: give {_FORM}.")
    return sides


def _csv_rows(text: str) -> Iterable[tuple[str, str]]:
    delimiter = ";" if ";" in text.partition("\n")[0] else ","  # as spreadsheets write it in some countries
    for row in csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True, strict=True):
        if row["image"] is None or row["split"] is None:
            raise TypeError("a row without an image or a side")
        yield row["image"].strip(), row["split"]


def _json_rows(text: str) -> Iterable[tuple[str, str]]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("no object")
    for name, images in document.items():
        if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
            raise TypeError("no list of ids")
        for image in images:
            yield image, name


def with_given(
    split: Split, sides: Mapping[str, Side], source: str, cases: Sequence[Case], *, force: bool = False
) -> Split:
    """The split with the sides that a user gives; images of the split that belong with them come along.

    This alone moves images. Images that are not named and belong with none that is stay where they are.

    Args:
        split: the split so far.
        sides: by image id.
        source: name of the user's file.
        cases: the images that are named.
        force: take the sides even where images that belong together come on both.

    Raises:
        SplitError: they do, and ``force`` is not set; names two of them.
    """
    entries = dict(split.images)
    new = {case.image: case for case in cases if sides[case.image] != "left_out"}
    sided = {image for image, entry in entries.items() if sides.get(image, entry.side) != "left_out"}
    taken = {entry.group for entry in entries.values()}
    links = find_links(list(new.values()), entries)
    for members in groups(sided | new.keys(), entries, links):
        named = {image: sides[image] for image in members if image in new}
        if not named:
            continue
        if not force:
            _check_together(named, links, source)
        key = min((entries[image].group for image in members if image in sided), default="")
        key = key or new_key((new[image] for image in named), taken)
        taken.add(key)
        common = next(iter(named.values())) if len(set(named.values())) == 1 else None
        for image in members:
            side = named.get(image, common)
            decided = {"group": key, **({"side": side, "by": "file", "reason": ""} if side is not None else {})}
            entry = entries.get(image)
            if image in new:
                entries[image] = entry_of(new[image], entry, **decided)
            elif entry is not None:
                entries[image] = entry.model_copy(update=decided)
    for case in cases:
        if case.image not in new:
            decided = {"side": "left_out", "group": alone(case.image), "by": "file", "reason": f"By {source}."}
            entries[case.image] = entry_of(case, entries.get(case.image), **decided)
    return split.model_copy(update={"given": source, "images": dict(sorted(entries.items()))})


def _check_together(named: Mapping[str, Side], links: Iterable[Link], source: str) -> None:
    """Refuse a group of images whose sides differ."""
    if len(set(named.values())) == 1:
        return
    apart = [(link.one, link.other, link.why) for link in links if named.get(link.one) != named.get(link.other)]
    direct = [(one, other, why) for one, other, why in apart if one in named and other in named]
    train, held_out = (next(image for image in sorted(named) if named[image] == side) for side in ("train", "held_out"))
    one, other, why = direct[0] if direct else (train, held_out, "by other images between them")
    raise SplitError(
        f"{source} puts '{one}' and '{other}' on different sides, but they belong together ({why}): put them on one "
        "side, or insist with --force."
    )

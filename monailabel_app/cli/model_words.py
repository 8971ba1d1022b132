"""Versions of models in words, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monailabel_app.cli.common import number_text
from monailabel_app.cli.tables import table


def when(time: str | None) -> str:
    """A point in time to the minute, where this machine stands."""
    return "–" if time is None else datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")


def description_words(version: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> str:
    """What :func:`~lib.checkpoints.describe_version` tells, and the changes of the history that are about it."""
    card = version["card"]
    height, width = card["input_size"]
    landmarks = card["landmark_set"]
    lines = [
        f"{version['model']} version {version['version']}{' (in use)' if version['served'] else ''}",
        f"  landmarks   {len(landmarks['landmarks'])} of '{landmarks['name']}': {landmarks['title']}",
        f"  network     {card['variant']}, {card['encoder']}, input {height} x {width}, sigma {card['sigma']:g}, "
        f"{card['decoder']}",
        f"  trained     {when(card['created'])}, by software {card['code'] or '–'}, from {card['parent'] or '–'}",
        f"  data        {_data_words(card['data'])}",
        f"  options     {_pairs(card['training'])}",
        f"  held out    {_pairs(card['metrics'])}",
        f"  confidence  {version['trust']['note']}",
    ]
    if changes:
        rows = [
            (when(change["time"]), change["action"], change["previous"] or "–", change["reason"]) for change in changes
        ]
        lines += ["", table(("when", "what", "instead of", "why"), rows)]
    elif version["reason"]:
        lines.append(f"  here        {version['reason']}")
    if version["held_out"]:
        rows = [(name, *_figures(figures)) for name, figures in version["held_out"].items()]
        lines += ["", "on the held-out radiographs:", table(("landmark", "count", "mean error", "within"), rows)]
    return "\n".join(lines)


def comparison_words(found: Mapping[str, Any]) -> str:
    """What :func:`~lib.checkpoints.compare_versions` has found."""
    first, second = found["first"], found["second"]
    lines = [f"{first['version']} → {second['version']}{' (in use)' if second['served'] else ''}"]
    rows = [
        (name, number_text(pair["first"], 4), number_text(pair["second"], 4), _signed(pair["difference"], 4))
        for name, pair in found["metrics"].items()
    ]
    lines += ["", table(("held out, each on its own", "first", "second", "difference"), rows)]
    differing = {**found["network"], **found["training"]}
    if "note" in found["trust"]:
        differing["confidence"] = found["trust"]["note"]
    for name in ("parent", "code", "created", "landmark_set"):
        if first[name] != second[name]:
            differing[name] = {"first": first[name], "second": second[name]}
    changed = [(name, _text(pair["first"]), _text(pair["second"])) for name, pair in differing.items()]
    no_change = "network and training do not differ"
    lines += ["", table(("what differs", "first", "second"), changed) if changed else no_change]
    for change in ("added", "removed"):
        if found["landmarks"][change]:
            lines.append(f"landmarks {change}: {', '.join(found['landmarks'][change])}")
    lines += ["", *_data_lines(found["data"])]
    lines += ["", *_held_out_lines(found["held_out"])]
    if found["weights"] is not None:
        moved = ", ".join(
            f"{part} {number_text(share and 100 * share, 2, ' %')}" for part, share in found["weights"].items()
        )
        lines += ["", f"weights moved by: {moved}"]
    return "\n".join(lines)


def _data_words(data: Mapping[str, Any] | None) -> str:
    if data is None:
        return "not told"
    return (
        f"{len(data['train'])} radiographs of {data['train_patients']} patients, held out "
        f"{len(data['held_out'])} of {data['held_out_patients']}; hash {data['hash'][:12]}"
    )


def _data_lines(data: Mapping[str, Any] | None) -> list[str]:
    if data is None:
        return ["data: not told by both"]
    lines = ["data: the same" if data["same"] else "data: not the same"]
    for part, words in (("train", "trained on"), ("held_out", "held out")):
        count, patients = data[part], data[f"{part}_patients"]
        lines.append(
            f"  {words:<11} {count['first']} → {count['second']} radiographs ({count['added']} added, "
            f"{count['removed']} removed), {patients['first']} → {patients['second']} patients"
        )
    for leak, words in (
        ("first_learnt_held_out_of_second", "the first was trained on {} radiographs that the second holds out"),
        ("second_learnt_held_out_of_first", "the second was trained on {} radiographs that the first holds out"),
    ):
        if count := len(data["leaks"][leak]):
            lines.append(f"  WARNING: {words.format(count)}: their figures on those are no comparison.")
    return lines


def _held_out_lines(held_out: Mapping[str, Any] | None) -> list[str]:
    if held_out is None:
        return ["both on the same held-out radiographs: none, or not told by both"]
    rows = [
        (name, str(pair["first"]["count"]), *_means(pair))
        for name, pair in (("all", held_out["all"]), *held_out["landmarks"].items())
    ]
    return [
        f"both on the same {held_out['images']} held-out radiographs: {held_out['nearer']} landmarks nearer, "
        f"{held_out['farther']} farther",
        table(("landmark", "count", "first", "second", "difference", "within"), rows),
    ]


def _means(pair: Mapping[str, Any]) -> tuple[str, str, str, str]:
    first, second = pair["first"], pair["second"]
    within = f"{_percent(first['within'])} → {_percent(second['within'])}"
    return (
        number_text(first["mean_px"], 2, " px"),
        number_text(second["mean_px"], 2, " px"),
        _signed(pair["difference_px"], 2),
        within,
    )


def _figures(figures: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(figures["count"]), number_text(figures["mean_px"], 2, " px"), _percent(figures["within"])


def _percent(share: float | None) -> str:
    return number_text(None if share is None else 100 * share, 1, " %")


def _signed(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:+.{digits}f}"


def _pairs(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in content.items()) or "–"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return " x ".join(str(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)

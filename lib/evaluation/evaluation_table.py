"""The one table that everything is in: the model in each view, people, and what others have published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.evaluation.evaluation import Evaluation, Published
from lib.evaluation.wording import number


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the table.

    Args:
        head: over the column.
        key: of :attr:`Row.figures`, and of what others have published.
        digits: behind the point.
    """

    head: str
    key: str
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and where it lies with 95 % probability."""

    value: float | None
    interval: Sequence[float | None] | None = None

    def text(self, digits: int) -> str:
        """For people."""
        return number(self.value, digits)

    def range(self, digits: int) -> str:
        """The interval, ``1.48–1.61``; empty where there is none."""
        if self.interval is None or self.interval[0] is None or self.interval[1] is None:
            return ""
        return f"{number(self.interval[0], digits)}–{number(self.interval[1], digits)}"


NONE = Figure(None)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Args:
        name: whose figures.
        note: what to mind.
        images: how many; None where it is not known.
        figures: by the keys of the columns.
        kind: ``model``, ``person`` or ``published``.
    """

    name: str
    note: str
    images: int | None
    figures: Mapping[str, Figure]
    kind: str

    def cell(self, key: str) -> Figure:
        """A figure; none where it is not known."""
        return self.figures.get(key, NONE)


def _success(*radii: float) -> tuple[Column, ...]:
    return tuple(Column(f"within {radius:g} mm, %", f"sdr_{radius}", 1) for radius in radii)


_RADIAL = (Column("mean, mm", "mre_mm"), Column("median, mm", "median_mm"), Column("sd, mm", "sd_mm"))

KEYS: dict[str, tuple[Column, ...]] = {
    "mm": _RADIAL,
    "px": (Column("mean, px", "mre_px", 1), Column("median, px", "median_px", 1), Column("sd, px", "sd_px", 1)),
    "spine": (
        Column("NMSE, 1e-4", "nmse_e4"),
        Column("off > 20 px, %", "or20", 1),
        Column("off > 40 px, %", "or40", 1),
        Column("Cobb SMAPE, %", "smape"),
        Column("mean, px", "mre_px", 1),
        Column("median, px", "median_px", 1),
    ),
}
"""The columns by what is measured; success rates come to those in mm, see :func:`columns`."""


def columns(kind: str, radii: Iterable[float]) -> tuple[Column, ...]:
    """The columns of a table."""
    return (*KEYS[kind], *(_success(*radii) if kind == "mm" else ()))


def rows_of_views(evaluation: Evaluation) -> list[Row]:
    """The model in each view, a hand also by each way to measure its wrist."""
    rows: list[Row] = []
    first = told_reader(evaluation)
    for told in evaluation.content["views"]:
        note = (told["reason"] or "") if told["reader"] == first else ""  # once is enough
        name = f"{evaluation.model} against {told['name']}"
        rows += _rows(name, note, told)
    if evaluation.compared is not None:
        rows += _rows(f"{evaluation.against} against {first}", "compared", evaluation.compared)
    return rows


def by_wrist(told: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The figures of a view by each way to measure a hand's wrist, ``wrist 1-5``; by ``""`` where there are none."""
    ways = {f"wrist {pair}": {**told, **figures} for pair, figures in told.get("wrists", {}).items()}
    return {
        way: {**figures, "images": figures["images_with_mm"] or told["images"]} for way, figures in ways.items()
    } or {"": told}


def rows_of_people(evaluation: Evaluation) -> list[Row]:
    """People as if they were models."""
    return [
        Row(f"{told['reader']} against {told['against']}", told["note"], told["images"], table_figures(told), "person")
        for told in evaluation.content["people"]
    ]


def published_rows(rows: Iterable[Published]) -> list[Row]:
    """What others have published."""
    return [
        Row(row.method, row.source, None, {key: Figure(value) for key, value in row.figures.items()}, "published")
        for row in rows
    ]


def table_figures(told: Mapping[str, Any]) -> dict[str, Figure]:
    """The figures of a view as the table has them; success rates and outliers in per cent."""
    intervals = told["intervals"]
    found = {key: Figure(told[key], intervals.get(key)) for key in told if key[:3] in ("mre", "med", "sd_")}
    for radius, rate in told["sdr"].items():
        found[f"sdr_{radius}"] = _per_cent(rate, intervals["sdr"][radius])
    if (spine := told.get("spine")) is not None:
        within = spine["intervals"]
        found["nmse_e4"] = Figure(spine["nmse_e4"], within["nmse_e4"])
        found["smape"] = Figure(spine["cobb"]["smape"], within["smape"])
        for key in ("or20", "or40"):
            found[key] = _per_cent(spine[key], within[key])
    return found


def told_reader(evaluation: Evaluation) -> str:
    """The reader of the first view."""
    return str(evaluation.content["reader"])


def _rows(name: str, note: str, told: Mapping[str, Any]) -> Iterator[Row]:
    for way, figures in by_wrist(told).items():
        yield Row(f"{name}, {way}" if way else name, note, figures["images"], table_figures(figures), "model")


def _per_cent(share: float | None, interval: Sequence[float | None] | None) -> Figure:
    ends = None if interval is None else [None if end is None else 100.0 * end for end in interval]
    return Figure(None if share is None else 100.0 * share, ends)

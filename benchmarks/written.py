"""Figures as a JSON file, and beside it as tables to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write(path: Path | None, title: str, result: Mapping[str, Any]) -> None:
    """Write ``path`` and, with the ending ``.md``, the same as tables; nothing where there is no path."""
    if path is not None:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(tables(title, result), encoding="utf-8")


def tables(title: str, result: Mapping[str, Any]) -> str:
    """Single figures in a table of names, a list of points in one of its own."""
    single = {name: value for name, value in result.items() if not _is_points(value)}
    parts = [f"# {title}", _table([{"": name, "figure": value} for name, value in _flat(single)])]
    for name, points in result.items():
        if _is_points(points):
            parts += [f"## {name}", _table(points)]
    return "\n\n".join(parts) + "\n"


def _is_points(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(point, Mapping) for point in value)


def _flat(result: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in result.items():
        flat += _flat(value, f"{before}{name}: ") if isinstance(value, Mapping) else [(before + name, value)]
    return flat


def _table(points: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for point in points for name in point))
    rows = [[_shown(point.get(name, "")) for name in names] for point in points]
    return "\n".join("| " + " | ".join(row) + " |" for row in [names, ["---"] * len(names), *rows])


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5f}" if abs(value) < 0.1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)

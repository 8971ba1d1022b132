"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 120


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Columns as wide as needed; what would make a row wider than :data:`WIDTH` is cut off its last column."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    return "\n".join(_line(line, widths, indent) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], indent: int) -> str:
    start = " " * indent + "".join(f"{cell:<{width}}  " for cell, width in zip(cells[:-1], widths, strict=True))
    room = max(12, WIDTH - len(start))
    last = cells[-1] if len(cells[-1]) <= room else f"{cells[-1][: room - 1]}…"
    return (start + last).rstrip()

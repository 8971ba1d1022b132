"""Drawings of an evaluation: the cumulative error curve, each landmark's error, and one model against another.

Names of landmarks and models in them are the user's; matplotlib writes them as outlines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.evaluation.curves import BEST, IN_USE, INK, LETTERS, THIS_RUN, Curve, plain_axes, quieted, svg_element
from lib.evaluation.metrics import FloatArray, cumulative
from lib.evaluation.wording import number

_LINES = ((THIS_RUN, "-"), (IN_USE, "--"), (BEST, "-."), ("#777777", ":"), ("#cc79a7", "-"), ("#56b4e9", "--"))
_ROW = 0.21  # inches a landmark
_LONGEST, _SHORT = 40, 24  # letters of a name


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """One line of the cumulative curve.

    Args:
        name: short, for the key.
        errors: of any shape, in the unit of the drawing; ``inf`` is never reached, NaN does not count.
    """

    name: str
    errors: FloatArray


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure with its 95 % interval.

    Args:
        name: of the landmark.
        value: the figure.
        interval: where it lies; None where nobody can say.
    """

    name: str
    value: float
    interval: tuple[float, float] | None


def draw_cumulative(lines: Sequence[Distances], unit: str, thresholds: Sequence[float] = ()) -> Curve:
    """The share of landmarks that is within a distance, over the distance.

    Args:
        lines: the first is the model's; those after it are what it is compared with.
        unit: of all.
        thresholds: distances to mark.
    """
    figure = Figure(figsize=(6.4, 3.6))
    axes = plain_axes(figure)
    figure.subplots_adjust(left=0.1, right=0.985, bottom=0.14, top=0.97)
    reach = _reach(lines[0].errors, thresholds)
    radii = np.linspace(0.0, reach, 400)
    for line, (colour, style) in zip(lines, _LINES, strict=False):
        axes.plot(
            radii, 100.0 * cumulative(line.errors, radii), style, color=colour, linewidth=1.6, label=_plain(line.name)
        )
    for threshold in thresholds:
        axes.axvline(threshold, color=INK, linewidth=0.6, linestyle=":")
    axes.set(xlim=(0, reach), ylim=(0, 101))
    axes.set_xlabel(f"radial error, {unit}", fontsize=LETTERS, color=INK)
    axes.set_ylabel("landmarks within it, %", fontsize=LETTERS, color=INK)
    axes.legend(loc="lower right", fontsize=LETTERS, frameon=False)
    shares = cumulative(lines[0].errors, np.asarray(thresholds, dtype=np.float64))
    told = ", ".join(
        f"{number(100 * share, 1)} % within {radius:g} {unit}" for radius, share in zip(thresholds, shares, strict=True)
    )
    alt = f"Cumulative error of {lines[0].name}: {told or 'see the table'}."
    return Curve("How many landmarks are within which distance", svg_element(figure, "cumulative"), alt)


def draw_marks(name: str, title: str, rows: Sequence[Mark], unit: str, other: Sequence[Mark] = ()) -> Curve:
    """A row a landmark: its figure as a dot, the interval as a bar.

    Args:
        name: begins the ids of the drawing.
        title: for people.
        rows: from top to bottom.
        unit: of all.
        other: the same landmarks of what is compared, as squares.
    """
    figure = Figure(figsize=(6.4, 0.75 + _ROW * len(rows)))
    axes = quieted(figure.subplots())
    height = figure.get_figheight()
    names = [_plain(row.name) for row in rows]
    left = 0.03 + 0.0112 * max(map(len, names))  # a letter of 8 points is about 5 points wide
    figure.subplots_adjust(left=left, right=0.98, bottom=0.5 / height, top=1 - 0.08 / height)
    for marks, colour, marker, offset in ((other, IN_USE, "s", 0.18), (rows, THIS_RUN, "o", -0.18 if other else 0.0)):
        for place, mark in enumerate(marks):
            if mark.interval is not None:
                axes.plot(mark.interval, [place + offset] * 2, color=colour, linewidth=1.3, alpha=0.7)
            axes.plot(mark.value, place + offset, marker, color=colour, markersize=4, fillstyle="full")
    axes.set_yticks(range(len(rows)), names, fontsize=LETTERS - 1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    if min((row.value for row in rows), default=0.0) >= 0:
        axes.set_xlim(left=0)
    else:
        axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlabel(unit, fontsize=LETTERS, color=INK)
    worst = max(rows, key=lambda row: row.value)
    alt = f"{title}: from {number(min(row.value for row in rows))} to {number(worst.value)} {unit} ({worst.name})."
    return Curve(title, svg_element(figure, name), alt)


def draw_against(ours: FloatArray, theirs: FloatArray, unit: str, names: tuple[str, str]) -> Curve:
    """A point an image: mean error of one model over that of the other.

    Args:
        ours: (M,) mean errors of the images.
        theirs: (M,) those of the other model.
        unit: of both.
        names: of the models.
    """
    figure = Figure(figsize=(4.2, 4.2))
    axes = plain_axes(figure)
    figure.subplots_adjust(left=0.14, bottom=0.12, top=0.985)
    end = float(max(ours.max(), theirs.max())) * 1.08 or 1.0
    axes.plot([0, end], [0, end], color=INK, linewidth=0.8)
    nearer = ours < theirs
    axes.plot(theirs[nearer], ours[nearer], "o", color=THIS_RUN, markersize=4, alpha=0.7)
    axes.plot(theirs[~nearer], ours[~nearer], "s", color=IN_USE, markersize=4, alpha=0.7)
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    axes.set_xlabel(f"mean error of {_plain(names[1], _SHORT)}, {unit}", fontsize=LETTERS, color=INK)
    axes.set_ylabel(f"mean error of {_plain(names[0], _SHORT)}, {unit}", fontsize=LETTERS, color=INK)
    alt = f"{names[0]} is nearer on {int(nearer.sum())} of {len(ours)} images."
    return Curve("Each image under both", svg_element(figure, "against"), alt)


def _plain(name: str, longest: int = _LONGEST) -> str:
    """A name as matplotlib shows it: short, no formula between dollars, no line break, and not left out of the key."""
    line = " ".join(name.split())
    short = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


def _reach(errors: FloatArray, thresholds: Sequence[float]) -> float:
    """Up to where the curve is drawn: nearly all landmarks, and the largest threshold."""
    finite = errors[np.isfinite(errors)]
    most = float(np.percentile(finite, 98)) if finite.size else 1.0
    return max([most, *(1.1 * threshold for threshold in thresholds)]) or 1.0

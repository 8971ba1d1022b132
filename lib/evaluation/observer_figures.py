"""Drawings of the observer report: Bland-Altman figures, and where each annotator places a landmark.

They hold no text of the user's: annotators have numbers, and the page says beside a drawing whose it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lib.evaluation.curves import IN_USE, INK, LETTERS, THIS_RUN, Curve, quieted, svg_element
from lib.evaluation.metrics import TOLERANCE_MM
from lib.evaluation.observers import LIMITS, Agreement, FloatArray, Observers
from lib.evaluation.wording import number

_SIZE = (7.4, 2.7)  # inches
_DPI = 110  # of the points alone: as vectors thousands of them would make a page of megabytes


def draw_differences(
    name: str,
    title: str,
    means: FloatArray,
    differences: FloatArray,
    unit: str,
    reach: float,
    marked: Collection[int] = (),
) -> Curve | None:
    """Differences of x and of y against the mean of both markings, with bias and limits of agreement.

    Args:
        name: begins the ids of the drawing.
        title: for people.
        means: (I, N, 2) means of the two markings.
        differences: (I, N, 2); NaN where one of them is missing.
        unit: of both.
        reach: of the axis of differences, to either side; the same in all drawings that are to be compared.
        marked: landmarks, by index, whose points have the other colour.

    Returns:
        None where fewer than two points can be compared.
    """
    agreement = Agreement.of(differences)
    if agreement.bias is None or agreement.sd is None:
        return None
    figure = Figure(figsize=_SIZE, dpi=_DPI)
    panels = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.085, right=0.93, bottom=0.19, top=0.97, wspace=0.42)
    shown = np.zeros(differences.shape[:2], dtype=bool)
    shown[:, list(marked)] = True
    for axis, panel in enumerate(panels):
        for chosen, colour in ((~shown, THIS_RUN), (shown, IN_USE)):
            panel.plot(
                means[..., axis][chosen],
                differences[..., axis][chosen],
                "o",
                color=colour,
                markersize=2.6,
                alpha=0.55,
                markeredgewidth=0,
                rasterized=True,
            )
        _lines(quieted(panel), agreement.bias[axis], agreement.sd[axis])
        panel.set_ylim(-reach, reach)
        panel.set_xlabel(f"mean of {'xy'[axis]}, {unit}", fontsize=LETTERS, color=INK)
        panel.set_ylabel(f"difference of {'xy'[axis]}, {unit}", fontsize=LETTERS, color=INK)
    x, y = (
        f"{number(agreement.bias[axis])} {unit}, 95 % within {number(LIMITS * agreement.sd[axis])} of that"
        for axis in (0, 1)
    )
    return Curve(title, svg_element(figure, name), f"{title}: bias of x {x}; of y {y}.")


def draw_places(name: str, observers: Observers, landmark: int, differences: FloatArray) -> Curve | None:
    """Where each annotator places a landmark on average, seen from the mean of the others.

    Args:
        name: begins the ids of the drawing.
        observers: the readings.
        landmark: its index.
        differences: (A, I, N, 2) see :meth:`Observers.from_others`.

    Returns:
        None where nobody can be compared.
    """
    found = {person: Agreement.of(differences[person, :, landmark]) for person in range(len(observers.annotators))}
    biases = {person: agreement.bias for person, agreement in found.items() if agreement.bias is not None}
    if not biases:
        return None
    figure = Figure(figsize=(2.9, 2.9), dpi=_DPI)
    axes = quieted(figure.subplots())
    figure.subplots_adjust(left=0.19, right=0.97, bottom=0.17, top=0.97)
    radius = TOLERANCE_MM if observers.unit == "mm" else 0.0
    reach = max(1.1 * radius, *(1.2 * float(np.abs(bias).max()) for bias in biases.values())) or 1.0
    axes.axhline(0, color="#999", linewidth=0.8)
    axes.axvline(0, color="#999", linewidth=0.8)
    if radius:
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor="#999", linestyle=":"))
    for person, (x, y) in biases.items():
        axes.plot([x], [y], "o", color=THIS_RUN, markersize=4)
        axes.annotate(str(person + 1), (x, y), (3, 3), textcoords="offset points", fontsize=LETTERS, color=INK)
    axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")  # y down, as in the image
    axes.set_xlabel(f"to the right, {observers.unit}", fontsize=LETTERS, color=INK)
    axes.set_ylabel(f"down, {observers.unit}", fontsize=LETTERS, color=INK)
    title = observers.landmarks[landmark]
    farthest = max(biases, key=lambda person: float(np.hypot(*biases[person])))
    alt = (
        f"{title}: annotator {farthest + 1} is farthest from the others, "
        f"{number(float(np.hypot(*biases[farthest])))} {observers.unit} on average"
    )
    return Curve(title, svg_element(figure, name), alt)


def _lines(axes: Axes, bias: float, sd: float) -> None:
    """Bias and limits of agreement, each with its value at the right end."""
    levels: Sequence[tuple[float, str]] = ((bias, "-"), (bias - LIMITS * sd, "--"), (bias + LIMITS * sd, "--"))
    axes.axhline(0, color="#999", linewidth=0.8)
    for level, style in levels:
        axes.axhline(level, color=INK, linewidth=1.0, linestyle=style)
        axes.annotate(
            number(level),
            (1.0, level),
            (3, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=LETTERS - 1,
            color=INK,
            va="center",
        )

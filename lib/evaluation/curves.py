"""The curves of a run as SVG for its report, drawn by matplotlib without a display and without its global state."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from lib.evaluation.history import EpochRecord
from lib.evaluation.run_record import ComparedImage, ScoredModel

#: After Okabe and Ito: they can be told apart with any colour vision, and in grey by their lightness and line style.
THIS_RUN, IN_USE, BEST = "#0072b2", "#d55e00", "#007a5a"
INK, _GRID = "#444", "#e3e6e8"
_SIZE = (4.9, 2.9)  # inches: small, so that letters stay readable where a phone scales the picture down
_MARGINS = {"left": 0.17, "right": 0.985, "bottom": 0.16, "top": 0.9}  # constrained layout would draw everything twice
LETTERS = 9
_POINTS_WITH_MARKS = 40

#: Values that differ by more than this factor are shown on a logarithmic axis.
_LOG_FROM = 8.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawing and what it is.

    Args:
        title: for people.
        svg: an ``<svg>`` element; it holds no text of the user's.
        alt: what it shows, for those who do not see it.
    """

    title: str
    svg: str
    alt: str


@dataclass(frozen=True, slots=True)
class _Panel:
    """What stands on one pair of axes: a value an epoch, None where there is none, and the level of the model in use.

    Args:
        digits: of the last value in ``alt``.
    """

    name: str
    title: str
    unit: str
    epochs: Sequence[int]
    values: Sequence[float | None]
    level: float | None = None
    share: bool = False
    log: bool = False
    digits: int = 2


def draw_curves(
    history: Sequence[EpochRecord], served: ScoredModel | None = None, best_epoch: int | None = None
) -> list[Curve]:
    """Training loss, mean radial error and share within 2 mm of the held-out images, and learning rate, by epoch.

    Args:
        history: the epochs, in order.
        served: the model in use: its level becomes a line.
        best_epoch: it is marked.

    Returns:
        Those of the four curves that have a value yet, in this order.
    """
    panels = [_loss(history), _error(history, served), _share(history, served), _rate(history)]
    return [_draw(panel, best_epoch) for panel in panels if any(value is not None for value in panel.values)]


def draw_comparison(images: Sequence[ComparedImage]) -> Curve | None:
    """A point a held-out image: error of the candidate over error of the model in use, in tolerances.

    Returns:
        None where there is no image with both errors.
    """
    pairs = [(i.served, i.candidate) for i in images if i.served is not None and i.candidate is not None]
    if not pairs:
        return None
    better = [(x, y) for x, y in pairs if y < x]
    others = [(x, y) for x, y in pairs if y >= x]
    figure = Figure(figsize=(4.2, 4.2))
    axes = plain_axes(figure)
    end = max(max(pair) for pair in pairs) * 1.08 or 1.0
    axes.fill_between([0, end], [0, end], color=THIS_RUN, alpha=0.06, linewidth=0)
    axes.plot([0, end], [0, end], color=INK, linewidth=0.8)
    for points, colour, marker in ((better, THIS_RUN, "o"), (others, IN_USE, "s")):
        axes.plot(*zip(*points, strict=True), marker, color=colour, markersize=5, alpha=0.8) if points else None
    axes.text(0.97, 0.04, "candidate better", color=THIS_RUN, ha="right", transform=axes.transAxes, fontsize=LETTERS)
    axes.text(0.03, 0.94, "model in use better", color=IN_USE, transform=axes.transAxes, fontsize=LETTERS)
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    figure.subplots_adjust(left=0.14, bottom=0.12, top=0.985)
    axes.set_xlabel("error of the model in use, in tolerances", fontsize=LETTERS, color=INK)
    axes.set_ylabel("error of the candidate, in tolerances", fontsize=LETTERS, color=INK)
    alt = f"The candidate is nearer on {len(better)} of {len(pairs)} held-out radiographs."
    return Curve("Each held-out radiograph under both models", svg_element(figure, "comparison"), alt)


def _loss(history: Sequence[EpochRecord]) -> _Panel:
    return _Panel(
        "loss",
        "Training loss",
        "loss",
        [record.epoch for record in history],
        [record.loss for record in history],
        log=True,
        digits=5,
    )


def _error(history: Sequence[EpochRecord], served: ScoredModel | None) -> _Panel:
    """In mm where every validation has them, and the model in use has; otherwise in pixels."""
    found = [(record.epoch, record.validation) for record in history if record.validation]
    pairs = [(v.mre_px, v.mre_mm) for _, v in found] + ([(served.mre_px, served.mre_mm)] if served else [])
    measured = any(mm is not None for _, mm in pairs) and all(mm is not None or px is None for px, mm in pairs)
    return _Panel(
        "error",
        "Mean radial error, held-out radiographs",
        "mm" if measured else "px",
        [epoch for epoch, _ in found],
        [v.mre_mm if measured else v.mre_px for _, v in found],
        level=None if served is None else served.mre_mm if measured else served.mre_px,
        log=True,
    )


def _share(history: Sequence[EpochRecord], served: ScoredModel | None) -> _Panel:
    found = [(record.epoch, record.validation) for record in history if record.validation]
    return _Panel(
        "share",
        "Landmarks within 2 mm, held-out radiographs",
        "%",
        [epoch for epoch, _ in found],
        [None if v.sdr_2mm is None else 100.0 * v.sdr_2mm for _, v in found],
        level=None if served is None or served.sdr is None else 100.0 * served.sdr,
        share=True,
        digits=1,
    )


def _rate(history: Sequence[EpochRecord]) -> _Panel:
    return _Panel(
        "rate",
        "Learning rate",
        "learning rate",
        [record.epoch for record in history],
        [record.learning_rate for record in history],
        digits=8,
    )


def _draw(panel: _Panel, best_epoch: int | None) -> Curve:
    figure = Figure(figsize=_SIZE)
    axes = plain_axes(figure)
    values = [math.nan if value is None else value for value in panel.values]
    # a curve with gaps would hide values between them, so these have marks too
    marked = len(values) <= _POINTS_WITH_MARKS or any(map(math.isnan, values))
    axes.plot(
        panel.epochs,
        values,
        color=THIS_RUN,
        linewidth=1.4,
        marker="o" if marked else None,
        markersize=3,
        label="this run",
    )
    if panel.level is not None:
        axes.axhline(panel.level, color=IN_USE, linewidth=1.2, linestyle="--", label="model in use")
    if best_epoch is not None and best_epoch in panel.epochs:
        axes.axvline(best_epoch, color=BEST, linewidth=1.0, linestyle=":", label=f"best: epoch {best_epoch}")
        best = values[list(panel.epochs).index(best_epoch)]
        axes.plot([best_epoch], [best], "D", color=BEST, markersize=5)
    _scale(axes, panel, values)
    axes.set_xlabel("epoch", fontsize=LETTERS, color=INK)
    axes.set_ylabel(panel.unit, fontsize=LETTERS, color=INK)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        figure.legend(loc="upper right", ncols=3, fontsize=LETTERS - 1, frameon=False, handlelength=1.6)
    return Curve(panel.title, svg_element(figure, panel.name), _words(panel))


def plain_axes(figure: Figure) -> Axes:
    """One pair of axes that fills a figure, as all drawings of our pages have them."""
    axes = figure.subplots()
    figure.subplots_adjust(**_MARGINS)
    return quieted(axes)


def quieted(axes: Axes) -> Axes:
    """The same axes with a light grid and without a frame."""
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999")
    axes.tick_params(which="both", labelsize=LETTERS, colors=INK, length=3)
    return axes


def _scale(axes: Axes, panel: _Panel, values: Sequence[float]) -> None:
    """Whole epochs; shares from 0 to 100; what falls by orders of magnitude on a logarithmic axis, in plain numbers."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    if len(panel.epochs) == 1:  # otherwise matplotlib shows the epochs 0.95 to 1.05
        axes.set_xlim(panel.epochs[0] - 1, panel.epochs[0] + 1)
    finite = [value for value in (*values, panel.level or math.nan) if not math.isnan(value)]
    if panel.share:
        axes.set_ylim(0, 100)
    elif panel.log and min(finite) > 0 and max(finite) > _LOG_FROM * min(finite):
        axes.set_yscale("log")
        few = max(finite) < 100 * min(finite)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_ylim(bottom=min(0.0, *finite))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _words(panel: _Panel) -> str:
    last = [(epoch, value) for epoch, value in zip(panel.epochs, panel.values, strict=True) if value is not None][-1]
    words = f"{panel.title}: {last[1]:.{panel.digits}f} {panel.unit} at epoch {last[0]}"
    return words + ("" if panel.level is None else f"; the model in use {panel.level:.{panel.digits}f} {panel.unit}")


def svg_element(figure: Figure, name: str) -> str:
    """The figure as an element of a page; its ids begin with ``name``, as those of other figures are the same."""
    content = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(content, format="svg", transparent=True, metadata=nothing)
    element = content.getvalue()
    element = element[element.index("<svg") :]
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)

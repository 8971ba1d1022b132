"""The one-page report of a training run: an HTML file that needs nothing beside it, for a screen, a phone or paper."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lib.evaluation.comparison import both_models, comparison_strength, is_weak, largest_error, reason, worst_images
from lib.evaluation.curves import draw_comparison, draw_curves
from lib.evaluation.gallery import read_gallery
from lib.evaluation.history import read_history
from lib.evaluation.metrics import RELATIVE_TOLERANCE, TOLERANCE_MM
from lib.evaluation.run_record import read_run
from lib.evaluation.run_summary import groups_of, headline, key_figures, shown_validation, worst_first
from lib.evaluation.wording import count, moment, number, p_value, percent
from lib.formats import write_atomic

REPORT_FILE = "report.html"
EVALUATION = "evaluation"
"""Folder in that of a run with the evaluation that it ended with."""
TEMPLATES = Path(__file__).parent / "templates"

#: Seconds after which the page of a run that goes on is loaded again.
REFRESH_S = 30


def write_run_report(folder: Path) -> Path:
    """Write ``report.html`` from what lies in a run's folder: record, history and overlays, as far as there are any.

    Args:
        folder: of the run, with a ``run.json``.

    Returns:
        The report's path.

    Raises:
        RunRecordError: there is no record, or it is damaged.
    """
    record, history = read_run(folder), read_history(folder)
    gate = record.gate
    shown = shown_validation(history, record.best_epoch)
    page = page_environment().get_template("run_report.html.jinja").render(
        record=record,
        gate=gate,
        history=history,
        headline=headline(record, history),
        figures=key_figures(record, history),
        curves=draw_curves(history, gate.served if gate else None, record.best_epoch),
        reason=reason(gate) if gate else "",
        models=both_models(gate) if gate else [],
        comparison=draw_comparison(gate.images) if gate else None,
        compared=worst_images(gate) if gate else [],
        strength=comparison_strength(gate) if gate else "",
        weak=gate is not None and is_weak(gate),
        largest_error=largest_error(gate) if gate else 1.0,
        landmarks_epoch=shown[0] if shown else None,
        landmarks=worst_first(record.landmarks, shown[1]) if shown else [],
        gallery=read_gallery(folder, record.best_epoch),
        evaluation=f"{EVALUATION}/{REPORT_FILE}" if (folder / EVALUATION / REPORT_FILE).is_file() else None,
        groups={side: groups_of(record, side) for side in ("train", "held_out")},
        tolerance_mm=TOLERANCE_MM,
        relative_tolerance=RELATIVE_TOLERANCE,
        refresh_s=REFRESH_S,
    )  # fmt: skip
    path = folder / REPORT_FILE
    write_atomic(path, page)
    return path


@cache
def page_environment() -> Environment:
    """What our pages are made with."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": number,
        "p_value": p_value,
        "percent": percent,
        "moment": moment,
        "svg": Markup,  # for drawings alone, which hold no text of the user's
    }
    environment.filters.update(filters)
    environment.globals["count"] = count
    return environment

"""The page of an evaluation: one HTML file with tables, curves and the worst images, beside the files it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.evaluation.comparison import FEW_PATIENTS
from lib.evaluation.curves import Curve
from lib.evaluation.evaluation import Evaluation
from lib.evaluation.evaluation_figures import Distances, Mark, draw_against, draw_cumulative, draw_marks
from lib.evaluation.evaluation_table import columns, published_rows, rows_of_people, rows_of_views
from lib.evaluation.gallery import Picture, small_picture
from lib.evaluation.intervals import DRAWS
from lib.evaluation.metrics import FloatArray, mean_radial_error
from lib.evaluation.overlay import save_overlay
from lib.evaluation.report import Report
from lib.evaluation.run_report import REPORT_FILE, page_environment
from lib.evaluation.views import View
from lib.evaluation.wording import distance
from lib.formats import write_atomic
from lib.radiographs import RadiographError, read_radiograph

WORST = 8
"""Images in the gallery."""
_NAME = 60
"""Letters of an image's id in a file's name, of which file systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Worst:
    """An image of the gallery.

    Args:
        image: its id.
        told: its mean error, for people.
        picture: None where the radiograph cannot be read any more.
    """

    image: str
    told: str
    picture: Picture | None


def write_evaluation(folder: Path, evaluation: Evaluation) -> Path:
    """Write ``report.json``, ``errors.csv``, the pictures of the worst images, and ``report.html``.

    Args:
        folder: made where absent.
        evaluation: what to write.

    Returns:
        The page's path.

    Raises:
        PairingError: two models are to be compared that cannot be.
    """
    content, unit = evaluation.content, unit_of(evaluation)
    folder.mkdir(parents=True, exist_ok=True)
    table = [*rows_of_views(evaluation), *rows_of_people(evaluation)]
    versus, radii = evaluation.versus, evaluation.looking.thresholds_mm if unit == "mm" else ()
    page = page_environment().get_template("evaluation.html.jinja").render(
        evaluation=evaluation,
        report=content,
        unit=unit,
        columns=columns(_kind(evaluation), evaluation.looking.thresholds_mm),
        rows=table,
        published=published_rows(evaluation.published),
        cumulative=draw_cumulative(_distances(evaluation), unit, radii),
        landmarks=_landmarks(evaluation, unit),
        groups=content["per_group"],
        versus=versus,
        against=None if versus is None else draw_against(*versus.images, versus.unit, versus.names),
        against_landmarks=_differences(evaluation),
        worst=draw_worst(folder, evaluation),
        draws=DRAWS,
        few=FEW_PATIENTS,
    )  # fmt: skip
    path = folder / REPORT_FILE
    write_atomic(path, page)
    evaluation.write(folder)  # last: whoever sees report.json has everything
    return path


def unit_of(evaluation: Evaluation) -> str:
    """``mm`` where the millimetres of every image are known, otherwise ``px``."""
    return "mm" if evaluation.main.in_mm else "px"


def draw_worst(folder: Path, evaluation: Evaluation) -> list[Worst]:
    """Write and gather the pictures of the images with the largest mean error; those of an earlier report go.

    Images without any prediction have no mean error and come last.
    """
    for old in folder.glob("worst_[0-9][0-9]_*.jpg"):
        old.unlink()
    view = evaluation.views[0]
    errors = [mean_radial_error(row) for row in _errors(evaluation, view.report)]
    ranked = sorted(range(len(errors)), key=lambda row: -np.nan_to_num(errors[row]))
    return [_worst(folder, evaluation, view, row, rank) for rank, row in enumerate(ranked[:WORST], start=1)]


def _worst(folder: Path, evaluation: Evaluation, view: View, row: int, rank: int) -> Worst:
    errors, case = view.report.images[row], view.cases[row]
    in_mm = unit_of(evaluation) == "mm"
    told = distance(mean_radial_error(errors.mm) if in_mm else None, mean_radial_error(errors.px))
    path = folder / f"worst_{rank:02d}_{Path(errors.image).name[:_NAME]}.jpg"
    try:
        pixels = read_radiograph(case.path).pixels if case.path is not None else None
    except RadiographError:
        pixels = None
    if pixels is None:
        return Worst(errors.image, told, None)
    title = f"{errors.image}: {told}"
    save_overlay(path, pixels, errors.predicted, evaluation.looking.landmark_set, truth=errors.truth, title=title)
    return Worst(errors.image, told, small_picture(path, folder))


def _distances(evaluation: Evaluation) -> list[Distances]:
    """The model first, then what it is compared with, then people against each other."""
    lines = [Distances(evaluation.model, _errors(evaluation, evaluation.main))]
    if (versus := evaluation.versus) is not None and versus.unit == unit_of(evaluation):
        lines.append(Distances(versus.names[1], versus.errors(versus.theirs)))
    plain = [(who, report) for who, report in evaluation.people if not who.note]
    lines += [
        Distances(f"{who.reader} against {who.against}", _errors(evaluation, report)) for who, report in plain[:4]
    ]
    return lines


def _errors(evaluation: Evaluation, report: Report) -> FloatArray:
    return report.mm if unit_of(evaluation) == "mm" else report.px


def _landmarks(evaluation: Evaluation, unit: str) -> Curve | None:
    """The mean error of each landmark with its interval, that of the compared model beside it."""
    ours = _marks(evaluation.content["per_landmark"], f"mre_{unit}")
    other: Sequence[Mark] = ()
    if evaluation.compared is not None:
        other = _marks(evaluation.compared["per_landmark"], f"mre_{unit}")
        if [mark.name for mark in other] != [mark.name for mark in ours]:
            other = ()
    return draw_marks("landmarks", "Mean radial error of each landmark", ours, unit, other) if ours else None


def _differences(evaluation: Evaluation) -> Curve | None:
    if (versus := evaluation.versus) is None:
        return None
    marks = [Mark(name, told["difference"], _ends(told["interval"])) for name, told in versus.landmarks.items()]
    title = f"Error of {versus.names[0]} minus error of {versus.names[1]}"
    return draw_marks("differences", title, marks, versus.unit) if marks else None


def _marks(landmarks: dict[str, Any], key: str) -> list[Mark]:
    known = ((name, told[key], told["intervals"][key]) for name, told in landmarks.items())
    return [Mark(name, value, _ends(interval)) for name, value, interval in known if value is not None]


def _ends(interval: Sequence[float | None] | None) -> tuple[float, float] | None:
    if interval is None or interval[0] is None or interval[1] is None:
        return None
    return interval[0], interval[1]


def _kind(evaluation: Evaluation) -> str:
    """Which columns the table has: those of spines, of millimetres, or of pixels."""
    if "spine" in evaluation.measures:
        return "spine"
    return unit_of(evaluation)

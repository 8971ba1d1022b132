"""The observer report: ``report.html``, the same as ``report.json``, and every difference in ``differences.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lib.evaluation.curves import Curve
from lib.evaluation.observer_definitions import LEAST_IMAGES, LEAST_MM, Shift, find_shifts
from lib.evaluation.observer_figures import draw_differences, draw_places
from lib.evaluation.observers import LIMITS, PANEL, Agreement, FloatArray, Observers
from lib.evaluation.run_report import REPORT_FILE, page_environment
from lib.formats import json_text, write_atomic

JSON_FILE = "report.json"
CSV_FILE = "differences.csv"
CSV_HEADER = ("kind", "annotator", "image", "landmark", "dx", "dy", "distance", "unit")
SHOWN_LANDMARKS = 24
"""Drawings of so many landmarks, those with the least agreement first."""


def write_observer_report(folder: Path, observers: Observers, title: str) -> dict[str, Any]:
    """Write page, figures and table.

    Args:
        folder: made where absent.
        observers: the readings.
        title: of the landmark set.

    Returns:
        The content of ``report.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shifts = find_shifts(observers)
    content = observer_figures(observers, shifts)
    write_atomic(folder / JSON_FILE, json_text(content))
    write_atomic(folder / CSV_FILE, _csv(observers))
    from_others, repeated = observers.from_others(), observers.repeated()
    page = page_environment().get_template("observers.html.jinja").render(
        title=title,
        report=content,
        shifts=shifts,
        matrix=observers.pairs()[0].tolist(),
        places=_places(observers, content, from_others),
        inter=_differences(observers, "inter", from_others, shifts),
        intra=_differences(observers, "intra", repeated, ()),
        panel=min(PANEL, max(1, len(observers.annotators) - 1)),
        limits=LIMITS,
        least_images=LEAST_IMAGES,
        least_mm=LEAST_MM,
    )  # fmt: skip
    write_atomic(folder / REPORT_FILE, page)
    return content


def observer_figures(observers: Observers, shifts: list[Shift]) -> dict[str, Any]:
    """The content of ``report.json``: strict JSON, null for what there is not."""
    from_others, repeated = observers.from_others(), observers.repeated()
    distances, counts = observers.pairs()
    return {
        "unit": observers.unit,
        "images": len(observers.images),
        "images_of_several": int((_readers(observers) > 1).sum()),
        "between": observers.between().as_dict(),
        "from_others": Agreement.of(from_others).as_dict(),
        "repeated": Agreement.of(repeated).as_dict(),
        "annotators": [
            {
                "name": name,
                "images": observers.images_read(number),
                "images_again": int((~np.isnan(observers.again[number])).any(axis=(1, 2)).sum()),
                "from_others": Agreement.of(from_others[number]).as_dict(),
                "repeated": Agreement.of(repeated[number]).as_dict(),
                "landmarks": {
                    landmark: Agreement.of(from_others[number, :, index]).as_dict()
                    for index, landmark in enumerate(observers.landmarks)
                },
            }
            for number, name in enumerate(observers.annotators)
        ],
        "landmarks": [
            {
                "name": name,
                "between": observers.between(index).as_dict(),
                "from_others": Agreement.of(from_others[:, :, index]).as_dict(),
                "repeated": Agreement.of(repeated[:, :, index]).as_dict(),
            }
            for index, name in enumerate(observers.landmarks)
        ],
        "pairs": [
            {
                "annotators": [observers.annotators[row], observers.annotators[column]],
                "mean_radial": round(float(distances[row, column]), 4),
                "count": int(counts[row, column]),
            }
            for row in range(len(distances))
            for column in range(row)
            if counts[row, column]
        ],
        "other_definitions": [
            {
                "annotator": shift.annotator,
                "other": shift.other or None,
                "landmark": shift.landmark,
                "shift": [round(shift.dx, 4), round(shift.dy, 4)],
                "size": round(shift.size, 4),
                "scatter": round(shift.scatter, 4),
                "images": shift.images,
                "words": shift.words,
            }
            for shift in shifts
        ],
    }


def _readers(observers: Observers) -> FloatArray:
    """(I,) how many annotators have read each radiograph."""
    readers: FloatArray = (~np.isnan(observers.first)).any(axis=(2, 3)).sum(axis=0)
    return readers


def _places(observers: Observers, content: dict[str, Any], from_others: FloatArray) -> list[Curve]:
    worst = sorted(
        range(len(observers.landmarks)),
        key=lambda index: -(content["landmarks"][index]["from_others"]["mean_radial"] or 0.0),
    )
    drawn = (draw_places(f"landmark{index}", observers, index, from_others) for index in worst[:SHOWN_LANDMARKS])
    return [curve for curve in drawn if curve is not None]


def _differences(
    observers: Observers, kind: str, differences: FloatArray, shifts: list[Shift] | tuple[()]
) -> list[Curve]:
    """A Bland-Altman figure an annotator: from the others, or from the own first reading."""
    curves = []
    reach = float(np.nanmax(np.abs(differences), initial=0.0)) * 1.08 or 1.0
    for number, name in enumerate(observers.annotators):
        own = observers.first[number]
        marked = [observers.landmarks.index(shift.landmark) for shift in shifts if shift.annotator == name]
        # own - d / 2 is the middle to the others, own + d / 2 the one to the second reading
        means = own - differences[number] / 2 if kind == "inter" else own + differences[number] / 2
        title = f"{number + 1} {name}"
        curve = draw_differences(f"{kind}{number}", title, means, differences[number], observers.unit, reach, marked)
        if curve is not None:
            curves.append(curve)
    return curves


def _csv(observers: Observers) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_HEADER)
    writer.writerows(_rows(observers, "from the others", observers.from_others()))
    writer.writerows(_rows(observers, "second reading", observers.repeated()))
    return text.getvalue()


def _rows(observers: Observers, kind: str, differences: FloatArray) -> Iterator[tuple[object, ...]]:
    for person, image, landmark in np.argwhere(~np.isnan(differences).any(axis=-1)).tolist():
        dx, dy = differences[person, image, landmark].tolist()
        yield (
            kind,
            observers.annotators[person],
            observers.images[image],
            observers.landmarks[landmark],
            *(round(value, 4) for value in (dx, dy, float(np.hypot(dx, dy)))),
            observers.unit,
        )

"""An evaluation: predictions of a model on labelled images, and everything that is told of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.evaluation.measures import MEASURES
from lib.evaluation.report import Report
from lib.evaluation.versus import Versus
from lib.evaluation.views import Case, Looking, View
from lib.formats import json_text, write_atomic
from lib.landmarks import Landmarks

REPORT_JSON, ERRORS_CSV = "report.json", "errors.csv"


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of others, as they stand in print.

    Args:
        method: whose.
        source: where they stand.
        figures: by the keys of :func:`table_figures`.
    """

    method: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A person's landmarks, judged as if they were a model's.

    Args:
        reader: whose, a key of :attr:`Case.truths`.
        against: who is right, another key.
        note: what to mind.
    """

    reader: str
    against: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions on labelled images.

    Args:
        title: what was measured on, for people.
        model: name of what has predicted; ``version`` of its weights, empty where nobody knows.
        looking: readers, exclusions and radii.
        cases: the images; at least one.
        measures: keys of :data:`~lib.evaluation.measures.MEASURES` beside the radial errors.
        shrunk: how many times smaller the files are than the published ones.
        yardsticks: people to set beside the model.
        published: what others reached.
        notes: what a reader of the figures must know, sentences.
        against: name of what is compared, see :attr:`Case.other`; None for nothing.
        facts: more content of ``report.json``.
    """

    title: str
    model: str
    version: str
    looking: Looking
    cases: tuple[Case, ...]
    measures: tuple[str, ...] = ()
    shrunk: float = 1.0
    yardsticks: tuple[Yardstick, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    against: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The ways to look at it; the first is the one that counts."""
        return self.looking.views(self.cases)

    @property
    def main(self) -> Report:
        """The errors of the first view."""
        return self.views[0].report

    @cached_property
    def people(self) -> tuple[tuple[Yardstick, Report], ...]:
        """The people beside the model, on the images that both readers have."""
        found = []
        for yardstick in self.yardsticks:
            both = [case for case in self.cases if {yardstick.reader, yardstick.against} <= case.truths.keys()]
            if both:
                errors = (self.looking.errors(case, case.truths[yardstick.reader], yardstick.against) for case in both)
                found.append((yardstick, Report(tuple(errors), self.looking.thresholds_mm)))
        return tuple(found)

    @cached_property
    def versus(self) -> Versus | None:
        """The comparison with another model, on the images that both have predicted."""
        if self.against is None:
            return None
        reader = self.looking.readers[0]
        ours = self.looking.report((case for case, _ in self._both), reader)
        theirs = tuple(self.looking.errors(case, other, reader) for case, other in self._both)
        names = (self.model, self.against)
        return Versus(names, ours, Report(theirs, ours.thresholds_mm, ours.landmark_groups))

    @cached_property
    def compared(self) -> dict[str, Any] | None:
        """The figures of what is compared, on the images that both have predicted; None where nothing is."""
        if self.versus is None:
            return None
        cases = tuple(case for case, _ in self._both)
        return self.figures(View(self.looking.landmark_set, self.looking.readers[0], self.versus.theirs, cases))

    @cached_property
    def _both(self) -> tuple[tuple[Case, Landmarks], ...]:
        """The images in which both have found something, with what the other has found."""
        pairs = ((case, case.other) for case in self.cases if case.other is not None and case.predicted.num_placed())
        return tuple((case, other) for case, other in pairs if other.num_placed())

    def figures(self, view: View) -> dict[str, Any]:
        """All figures of a view: the radial errors, and what else is measured."""
        others: dict[str, Any] = {}
        for name in self.measures:
            measure: Callable[[View, float], dict[str, Any]] = MEASURES[name]
            others.update(measure(view, self.shrunk))
        return {**view.report.as_dict(), **others}

    @cached_property
    def content(self) -> dict[str, Any]:
        """The content of ``report.json``; figures of the first view stand at its top."""
        figures = [self.figures(view) for view in self.views]
        return {
            "title": self.title,
            "model": self.model,
            "version": self.version,
            "landmark_set": self.looking.landmark_set.name,
            "reader": self.views[0].reader,
            **figures[0],
            "views": [_of_view(view, told) for view, told in zip(self.views, figures, strict=True)],
            "people": [
                {"reader": who.reader, "against": who.against, "note": who.note, **_without_parts(report.as_dict())}
                for who, report in self.people
            ],
            "published": [
                {"method": row.method, "source": row.source, "figures": dict(row.figures)} for row in self.published
            ],
            "comparison": self._comparison(),
            "notes": list(self.notes),
            **self.facts,
        }

    def _comparison(self) -> dict[str, Any] | None:
        if self.versus is None or self.compared is None:
            return None
        return {**self.versus.as_dict(), "other": _without_parts(self.compared)}

    def write(self, folder: Path) -> None:
        """Write ``errors.csv``, which has the errors of the first view, and ``report.json``, by which it is complete.

        Args:
            folder: made where absent, once there is something to write.

        Raises:
            PairingError: two models are to be compared that cannot be.
        """
        text = json_text(self.content)
        folder.mkdir(parents=True, exist_ok=True)
        self.main.write_errors_csv(folder / ERRORS_CSV)
        write_atomic(folder / REPORT_JSON, text)


def learnt_facts(looking: Looking, cases: Sequence[Case], learnt: Collection[str] | None) -> dict[str, Any]:
    """``learnt_from`` and ``not_learnt_from``: which images a model has learnt from, and the figures on the others.

    Args:
        looking: the first reader counts.
        cases: the images.
        learnt: those that it has learnt from; None where nobody knows.
    """
    if learnt is None:
        return {"learnt_from": None, "not_learnt_from": None}
    told = looking.report((case for case in cases if case.image not in learnt), looking.readers[0]).as_dict()
    others = {key: told[key] for key in ("images", "mre_px", "mre_mm", "sdr")}
    return {"learnt_from": sorted(learnt), "not_learnt_from": others}


def _of_view(view: View, figures: dict[str, Any]) -> dict[str, Any]:
    left_out = view.left_out
    return {
        "name": view.name,
        "reader": view.reader,
        "without": None if left_out is None else left_out.name,
        "reason": None if left_out is None else left_out.reason,
        **_without_parts(figures),
    }


def _without_parts(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if key not in ("per_landmark", "per_group")}

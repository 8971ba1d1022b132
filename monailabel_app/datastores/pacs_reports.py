"""Landmark labels as structured reports of a DICOMweb server: which one counts, and what is noted of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom

from lib.formats import LabelError, json_text, write_atomic
from lib.formats.pixel_labels import pixel_label_document
from lib.formats.read_report import Report, parse_report, report_landmarks
from lib.formats.structured_report import description_of, report_dataset
from lib.landmarks import Landmarks, LandmarkSet
from lib.version import VERSION
from monailabel_app.datastores import rules
from monailabel_app.datastores.entries import Entry, label_entry
from monailabel_app.datastores.label_sets import LabelSets
from monailabel_app.datastores.pacs import Pacs, Place
from monailabel_app.datastores.pacs_listing import Lister
from monailabel_app.errors import NotFoundError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportLabel:
    """The label that a report holds for one image.

    Args:
        landmarks: in pixels of the image's file as stored.
        landmark_set: their set.
        info: what is noted about it.
    """

    landmarks: Landmarks
    landmark_set: LandmarkSet
    info: dict[str, Any]

    def text(self) -> str:
        """The label in pixels."""
        return json_text(pixel_label_document(self.landmarks))

    def write(self, path: Path) -> Entry:
        """Write the label in pixels to ``path``; what is noted about it."""
        write_atomic(path, self.text())
        entry = label_entry(path, ".json", rules.FINAL, self.landmark_set, self.landmarks, self.info)
        return entry.model_copy(update={"info": {**entry.info, "ts": self.info["ts"]}})


class ReportReader:
    """Reads the reports of studies, and says once why one does not count.

    Args:
        pacs: the server.
        lister: knows which instances are reports.
        sets: the landmark sets that labels may be of.
        tell_once: logs a sentence.
    """

    def __init__(self, pacs: Pacs, lister: Lister, sets: LabelSets, tell_once: Callable[[str], None]) -> None:
        self._pacs = pacs
        self._lister = lister
        self._sets = sets
        self._tell_once = tell_once

    def newest(self, study: str, series: Iterable[str], images: Mapping[str, Place]) -> dict[str, ReportLabel]:
        """The newest usable label of each image, by its SOP instance UID; errors as :meth:`Pacs.retrieve`.

        Args:
            study: the study.
            series: its series of reports.
            images: the images that labels are wanted for.
        """
        reports = sorted(self._reports(study, series), key=lambda report: report.order, reverse=True)
        found: dict[str, ReportLabel] = {}
        for uid, place in images.items():
            about = [report for report in reports if uid in report.images]
            if not about:
                continue
            image = self._pacs.metadata(place)
            label = next((label for report in about if (label := self._label(report, image)) is not None), None)
            if label is not None:
                found[uid] = label
        return found

    def _reports(self, study: str, series: Iterable[str]) -> Iterator[Report]:
        for uid in series:
            for place in self._lister.reports(study, uid):
                try:
                    report = parse_report(self._pacs.retrieve(place))
                except (LabelError, NotFoundError) as error:
                    self._tell_once(f"Ignored the report {place.instance}: {error}")
                    continue
                if report.by_machine:
                    self._tell_once(f"Ignored the report {place.instance}: no person is named as its observer.")
                else:
                    yield report

    def _label(self, report: Report, image: pydicom.Dataset) -> ReportLabel | None:
        try:
            return report_label(report, image, self._sets)
        except LabelError as error:
            self._tell_once(f"Ignored the report {report.instance}: {error}")
            return None


def label_report(
    landmarks: Landmarks,
    landmark_set: LandmarkSet,
    image: pydicom.Dataset,
    info: Mapping[str, Any],
    earlier: Entry | None,
) -> pydicom.Dataset:
    """A submitted label as a report that takes the place of an earlier one.

    Args:
        landmarks: the label.
        landmark_set: its set.
        image: the radiograph; its pixels are not needed.
        info: what the client notes about it; the person is the ``annotator`` it names, else the ``user`` who is logged
            in, else the ``client_id``.
        earlier: the label that counted until now.
    """
    person = info.get("annotator") or info.get("user") or info.get("client_id") or ""
    replaced = []
    if earlier is not None and isinstance(earlier.info.get("report"), dict):
        predecessor = pydicom.Dataset()
        for keyword, value in earlier.info["report"].items():
            setattr(predecessor, keyword, value)
        replaced.append(predecessor)
    told = {} if earlier is None else earlier.info
    after = _time(str(told.get("when", "")))
    now = datetime.now()
    # Whoever made the earlier one may have a clock that is ahead; the newest counts, and that is this one.
    when = now if after is None else max(now, after + timedelta(milliseconds=1))
    return report_dataset(
        landmarks, landmark_set, image, person=str(person), software=VERSION, predecessors=replaced, when=when
    )


def report_label(report: Report, image: pydicom.Dataset, sets: LabelSets) -> ReportLabel:
    """The label that a report holds for an image.

    Raises:
        LabelError: it holds none that can be used; one sentence.
    """
    landmark_set = _set_of(report, image, sets)
    landmarks = report_landmarks(report, landmark_set, image)
    info = {
        "ts": _seconds(report.when),
        "when": report.when,
        "client_id": report.person,
        "size": [int(image.Rows), int(image.Columns)],
        "report": {
            "StudyInstanceUID": report.study,
            "SeriesInstanceUID": report.series,
            "SOPClassUID": report.sop_class,
            "SOPInstanceUID": report.instance,
        },
    }
    return ReportLabel(landmarks, landmark_set, info)


def _set_of(report: Report, image: pydicom.Dataset, sets: LabelSets) -> LandmarkSet:
    """The set that our own reports name in their description; else the one that knows this image's names."""
    if report.ours:
        for landmark_set in sets.all():
            if report.description == description_of(landmark_set):
                return landmark_set
    here = [point.name for point in report.points if point.image in ("", image.SOPInstanceUID)]
    return sets.choose([*here, *(point.name for point in report.missing)], report.models(), {})


def _seconds(when: str) -> int:
    time = _time(when)
    return 0 if time is None else int(time.timestamp())


def _time(when: str) -> datetime | None:
    """A report's time, on this machine's clock; None where it has none."""
    try:
        return datetime.strptime(when, "%Y%m%d%H%M%S.%f")
    except ValueError:
        return None

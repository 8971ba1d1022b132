"""All checks of the labels of a landmark set together, the worst finding first."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.evaluation.label_check.against import model_findings, reader_findings
from lib.evaluation.label_check.finding import CheckedLabel, Finding, Kind
from lib.evaluation.label_check.placement import placement_findings
from lib.evaluation.label_check.progress import Progress, silent
from lib.evaluation.label_check.single import copy_findings, edge_findings, unreadable_findings
from lib.landmarks import LandmarkSet

WORTH_A_LOOK = 1.0
COLUMNS = ("severity", "image", "kind", "landmarks", "sentence")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found in the labels of a landmark set.

    Args:
        landmark_set: its name.
        model: the model that labels were compared with, as ``"name version"``; empty without one.
        labels: how many were checked.
        findings: the worst first.
        notes: what could not be looked for, and why; a sentence each.
    """

    landmark_set: str
    model: str
    labels: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def images(self) -> dict[str, list[Finding]]:
        """The findings of each image that has any, the worst image first."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.image, []).append(finding)
        return found

    def suspicious(self) -> dict[str, list[Finding]]:
        """Of these the images that are worth a look: copies whose labels agree are none."""
        return {image: found for image, found in self.images().items() if found[0].severity >= WORTH_A_LOOK}

    def counts(self) -> dict[Kind, int]:
        """How many findings of each kind there are."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in Kind if counted[kind]}

    def as_dict(self) -> dict[str, Any]:
        """The content of ``check.json``."""
        return {
            "landmark_set": self.landmark_set,
            "model": self.model or None,
            "labels": self.labels,
            "to_look_at": len(self.suspicious()),
            "counts": {str(kind): count for kind, count in self.counts().items()},
            "notes": list(self.notes),
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def as_csv(self) -> str:
        """The content of ``check.csv``: a row a finding, its landmarks separated by semicolons."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in self.findings:
            writer.writerow((f"{one.severity:.3f}", one.image, one.kind, ";".join(one.landmarks), one.sentence))
        return text.getvalue()


def check_labels(
    labels: Sequence[CheckedLabel],
    landmark_set: LandmarkSet,
    *,
    model: str = "",
    unreadable: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    progress: Progress = silent,
) -> CheckReport:
    """Look for everything that may be wrong with some labels.

    Args:
        labels: all of one set.
        landmark_set: that set.
        model: by which they come with predictions, as ``"name version"``.
        unreadable: of labels that are ignored, by image id, the reason.
        notes: sentences that go into the report.
        progress: told what is being done.
    """
    progress("comparing the labels", 0, 3)
    found, more_notes = placement_findings(labels, landmark_set)
    progress("comparing the labels", 1, 3)
    found += copy_findings(labels)
    progress("comparing the labels", 2, 3)
    found += model_findings(labels, model) if model else []
    found += reader_findings(labels) + edge_findings(labels) + unreadable_findings(unreadable or {})
    progress("comparing the labels", 3, 3)
    ordered = sorted(found, key=lambda finding: (-finding.severity, finding.image, finding.kind))
    return CheckReport(landmark_set.name, model, len(labels), tuple(ordered), (*notes, *more_notes))

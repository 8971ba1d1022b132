"""The page of a check: the labels that are probably wrong, with pictures, the worst first."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from lib.evaluation.label_check.check import CheckReport
from lib.evaluation.label_check.finding import CheckedLabel, Finding, Place
from lib.evaluation.overlay import draw_overlay, overlay_jpeg
from lib.evaluation.run_report import page_environment
from lib.landmarks import LandmarkSet

MAX_PICTURES = 50
"""Pictures of a page, of the worst labels."""
REFRESH_S = 3
"""Seconds after which a page that waits for a check is loaded again."""


def draw_findings(
    pixels: npt.NDArray[Any], label: CheckedLabel, findings: Sequence[Finding], landmark_set: LandmarkSet
) -> bytes:
    """A label on its radiograph, what is suspicious about it called out; JPEG of less than 300 kB.

    Args:
        pixels: (H, W) grey values.
        label: the label.
        findings: those of its image.
        landmark_set: the label's.
    """
    suspects: dict[str, Place | None] = {}
    for finding in findings:
        for name, place in zip(finding.landmarks, finding.expected, strict=True):
            suspects[name] = suspects.get(name) or place
    return overlay_jpeg(draw_overlay(pixels, label.landmarks, landmark_set, title=label.image, suspects=suspects))


def check_page(report: CheckReport, pictures: Mapping[str, bytes], *, notice: str = "", reload: bool = False) -> str:
    """An HTML page that needs nothing beside it.

    Args:
        report: what was found.
        pictures: JPEG files by image id; images without one stand in a table at the end.
        notice: a sentence for the top.
        reload: the page loads itself again after :data:`REFRESH_S`.
    """
    uris = {
        image: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii") for image, jpeg in pictures.items()
    }
    images = report.suspicious()
    return page_environment().get_template("label_check.html.jinja").render(
        report=report,
        images=images,
        shown=[image for image in images if image in uris],
        others=[finding for finding in report.findings if finding.image not in uris],
        uris=uris,
        notice=notice,
        refresh_s=REFRESH_S if reload else None,
    )  # fmt: skip


def waiting_page(title: str, doing: str, *, fault: str = "") -> str:
    """The page while there is nothing to show yet; it loads itself again, unless the check has failed."""
    template = page_environment().get_template("label_check_waiting.html.jinja")
    return template.render(title=title, doing=doing, fault=fault, refresh_s=REFRESH_S)

"""Finds labels that are probably wrong, and says what about them."""

from lib.evaluation.label_check.check import CheckReport, check_labels
from lib.evaluation.label_check.finding import CheckedLabel, Finding, Kind
from lib.evaluation.label_check.page import MAX_PICTURES, check_page, draw_findings, waiting_page
from lib.evaluation.label_check.progress import Progress, silent

__all__ = [
    "MAX_PICTURES",
    "CheckReport",
    "CheckedLabel",
    "Finding",
    "Kind",
    "Progress",
    "check_labels",
    "check_page",
    "draw_findings",
    "silent",
    "waiting_page",
]

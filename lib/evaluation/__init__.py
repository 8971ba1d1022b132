"""Metrics, reports and pictures of predictions."""

from lib.evaluation.metrics import (
    RELATIVE_TOLERANCE,
    SDR_THRESHOLDS_MM,
    TOLERANCE_MM,
    detection_errors,
    mean_radial_error,
    radial_errors,
    success_detection_rate,
)
from lib.evaluation.overlay import draw_overlay, save_overlay
from lib.evaluation.report import ImageErrors, Report
from lib.evaluation.spacing import millimetres

__all__ = [
    "RELATIVE_TOLERANCE",
    "SDR_THRESHOLDS_MM",
    "TOLERANCE_MM",
    "ImageErrors",
    "Report",
    "detection_errors",
    "draw_overlay",
    "mean_radial_error",
    "millimetres",
    "radial_errors",
    "save_overlay",
    "success_detection_rate",
]

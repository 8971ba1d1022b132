"""Metrics, reports and pictures of predictions."""

from lib.evaluation.evaluation import ERRORS_CSV, REPORT_JSON, Evaluation, Published, Yardstick, learnt_facts
from lib.evaluation.evaluation_page import write_evaluation
from lib.evaluation.history import EpochRecord, Validation, append_epoch, cut_history, read_history
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
from lib.evaluation.run_record import (
    ComparedImage,
    GateRecord,
    LeftOutImage,
    RunData,
    RunRecord,
    RunRecordError,
    ScoredModel,
    SideCount,
    SplitImage,
    list_runs,
    read_run,
    write_run,
)
from lib.evaluation.run_report import write_run_report
from lib.evaluation.spacing import millimetres
from lib.evaluation.views import Case, LeftOut, Looking, View

__all__ = [
    "ERRORS_CSV",
    "RELATIVE_TOLERANCE",
    "REPORT_JSON",
    "SDR_THRESHOLDS_MM",
    "TOLERANCE_MM",
    "Case",
    "ComparedImage",
    "EpochRecord",
    "Evaluation",
    "GateRecord",
    "ImageErrors",
    "LeftOut",
    "LeftOutImage",
    "Looking",
    "Published",
    "Report",
    "RunData",
    "RunRecord",
    "RunRecordError",
    "ScoredModel",
    "SideCount",
    "SplitImage",
    "Validation",
    "View",
    "Yardstick",
    "append_epoch",
    "cut_history",
    "detection_errors",
    "draw_overlay",
    "learnt_facts",
    "list_runs",
    "mean_radial_error",
    "millimetres",
    "radial_errors",
    "read_history",
    "read_run",
    "save_overlay",
    "success_detection_rate",
    "write_evaluation",
    "write_run",
    "write_run_report",
]

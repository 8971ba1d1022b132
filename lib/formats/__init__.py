"""Landmark files in and out: 3D Slicer markups, DICOM structured reports, JSON results, CSV tables."""

from lib.formats.files import copy_atomic, json_text, write_atomic
from lib.formats.labels import COMPANION, MAX_BYTES, LabelError, parse_markups, point_labels, predicting_models
from lib.formats.markups import SHAPES, Shape, markups_document
from lib.formats.names import NameTable
from lib.formats.notes import MOVED_PX
from lib.formats.predictions import read_predictions
from lib.formats.read_report import Report, ReportPoint, parse_report, report_landmarks
from lib.formats.results import COLUMNS, Result, csv_rows, parse_result, result_document, write_csv
from lib.formats.structured_report import report_dataset

__all__ = [
    "COLUMNS",
    "COMPANION",
    "MAX_BYTES",
    "MOVED_PX",
    "SHAPES",
    "LabelError",
    "NameTable",
    "Report",
    "ReportPoint",
    "Result",
    "Shape",
    "copy_atomic",
    "csv_rows",
    "json_text",
    "markups_document",
    "parse_markups",
    "parse_report",
    "parse_result",
    "point_labels",
    "predicting_models",
    "read_predictions",
    "report_dataset",
    "report_landmarks",
    "result_document",
    "write_atomic",
    "write_csv",
]

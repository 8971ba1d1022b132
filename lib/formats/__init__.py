"""Landmark files in and out: 3D Slicer markups, JSON results, CSV tables."""

from lib.formats.files import copy_atomic, json_text, write_atomic
from lib.formats.labels import COMPANION, MAX_BYTES, LabelError, parse_markups, point_labels, predicting_models
from lib.formats.markups import SHAPES, Shape, markups_document
from lib.formats.names import NameTable
from lib.formats.notes import MOVED_PX
from lib.formats.results import COLUMNS, Result, csv_rows, parse_result, result_document, write_csv

__all__ = [
    "COLUMNS",
    "COMPANION",
    "MAX_BYTES",
    "MOVED_PX",
    "SHAPES",
    "LabelError",
    "NameTable",
    "Result",
    "Shape",
    "copy_atomic",
    "csv_rows",
    "json_text",
    "markups_document",
    "parse_markups",
    "parse_result",
    "point_labels",
    "predicting_models",
    "result_document",
    "write_atomic",
    "write_csv",
]

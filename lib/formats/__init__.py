"""Landmark files in and out: 3D Slicer markups, JSON results, CSV tables."""

from lib.formats.files import copy_atomic, json_text, write_atomic
from lib.formats.markups import MAX_BYTES, LabelError, markups_document, parse_markups, point_labels
from lib.formats.names import NameTable
from lib.formats.results import COLUMNS, Result, csv_rows, parse_result, result_document, write_csv

__all__ = [
    "COLUMNS",
    "MAX_BYTES",
    "LabelError",
    "NameTable",
    "Result",
    "copy_atomic",
    "csv_rows",
    "json_text",
    "markups_document",
    "parse_markups",
    "parse_result",
    "point_labels",
    "result_document",
    "write_atomic",
    "write_csv",
]

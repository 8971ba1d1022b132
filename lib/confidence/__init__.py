"""How far off a prediction may be: from what heat maps and shape tell to millimetres that hold. Knows no server."""

from lib.confidence.calibration import COVERAGE, Calibration, Expectation, HeldOutCase, NoPromiseError
from lib.confidence.features import FEATURES, feature_table
from lib.confidence.trust import Judged, Trust

__all__ = [
    "COVERAGE",
    "FEATURES",
    "Calibration",
    "Expectation",
    "HeldOutCase",
    "Judged",
    "NoPromiseError",
    "Trust",
    "feature_table",
]

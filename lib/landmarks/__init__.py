"""Landmarks and the sets they belong to. Knows neither torch nor MONAI Label."""

from lib.landmarks.landmark_set import (
    CodedTerm,
    LandmarkDefinition,
    LandmarkSet,
    LandmarkSetError,
    Line,
    MillimetreRule,
)
from lib.landmarks.landmarks import Landmark, Landmarks, LandmarksError, Predicted, Region, State
from lib.landmarks.provenance import Origin, Provenance, provenance, provenance_table

__all__ = [
    "CodedTerm",
    "Landmark",
    "LandmarkDefinition",
    "LandmarkSet",
    "LandmarkSetError",
    "Landmarks",
    "LandmarksError",
    "Line",
    "MillimetreRule",
    "Origin",
    "Predicted",
    "Provenance",
    "Region",
    "State",
    "provenance",
    "provenance_table",
]

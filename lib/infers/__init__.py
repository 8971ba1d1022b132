"""MONAI Label infer tasks."""

from lib.infers.landmarks import InferError, LandmarkInferTask
from lib.infers.prediction import Prediction, tolerance_px

__all__ = ["InferError", "LandmarkInferTask", "Prediction", "tolerance_px"]

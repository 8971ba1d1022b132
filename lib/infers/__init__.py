"""MONAI Label infer tasks."""

from lib.infers.landmarks import InferError, LandmarkInferTask
from lib.infers.prediction import Prediction

__all__ = ["InferError", "LandmarkInferTask", "Prediction"]

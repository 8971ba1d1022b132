"""MONAI Label infer tasks."""

from lib.infers.landmarks import InferError, LandmarkInferTask, Prediction

__all__ = ["InferError", "LandmarkInferTask", "Prediction"]

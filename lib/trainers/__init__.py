"""MONAI Label train tasks."""

from lib.trainers.options import OptionsError, TrainOptions

__all__ = ["OptionsError", "TrainOptions"]

"""Model files: weights together with the card that says what they are."""

from lib.checkpoints.card import ModelCard, TrainingData
from lib.checkpoints.held_out import HeldOutErrors
from lib.checkpoints.model_file import (
    ModelFileError,
    build_network,
    load_model,
    read_card,
    read_held_out,
    save_model,
)

__all__ = [
    "HeldOutErrors",
    "ModelCard",
    "ModelFileError",
    "TrainingData",
    "build_network",
    "load_model",
    "read_card",
    "read_held_out",
    "save_model",
]

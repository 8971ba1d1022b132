"""Model files: weights together with the card that says what they are."""

from lib.checkpoints.card import ModelCard
from lib.checkpoints.model_file import ModelFileError, build_network, load_model, read_card, save_model

__all__ = ["ModelCard", "ModelFileError", "build_network", "load_model", "read_card", "save_model"]

"""Model files: weights together with the card that says what they are."""

from lib.checkpoints.card import ModelCard, TrainingData
from lib.checkpoints.carry_over import carry_over
from lib.checkpoints.compare import compare_versions, describe_version
from lib.checkpoints.held_out import HeldOutErrors
from lib.checkpoints.history import Change
from lib.checkpoints.model_file import (
    ModelFileError,
    Trained,
    build_network,
    load_model,
    load_trained,
    read_card,
    read_held_out,
    save_model,
    with_trust,
)
from lib.checkpoints.version import UnknownVersionError, Version, VersionError
from lib.checkpoints.versions import ModelVersions

__all__ = [
    "Change",
    "HeldOutErrors",
    "ModelCard",
    "ModelFileError",
    "ModelVersions",
    "Trained",
    "TrainingData",
    "UnknownVersionError",
    "Version",
    "VersionError",
    "build_network",
    "carry_over",
    "compare_versions",
    "describe_version",
    "load_model",
    "load_trained",
    "read_card",
    "read_held_out",
    "save_model",
    "with_trust",
]

"""A folder with a small model that came with the app, and makers of more."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lib.checkpoints import HeldOutErrors, ModelCard, ModelVersions, build_network, save_model
from lib.landmarks import LandmarkSet

SET = LandmarkSet.parse(
    {
        "name": "three",
        "title": "Three points",
        "input_size": [64, 64],
        "landmarks": [{"name": n, "abbreviation": n, "definition": f"Point {n}."} for n in "abc"],
    },
    source="test",
)
CARD = ModelCard(
    model="farnet_three", version="v", encoder="lite", width=0.0625, input_size=(64, 64), sigma=3.0, landmark_set=SET
)

Make = Callable[..., Path]


def save_small(
    path: Path, version: str, seed: int = 0, *, held_out: HeldOutErrors | None = None, **card: object
) -> Path:
    """A model file that has learnt nothing; the same seed gives the same weights."""
    torch.manual_seed(seed)
    described = CARD.model_copy(update={"version": version, **card})
    save_model(path, build_network(described).state_dict(), described, held_out=held_out)
    return path


@pytest.fixture
def make(tmp_path) -> Make:
    """Makes a model file, ``source.pt`` where nothing else is said."""

    def model_file(version: str, seed: int = 0, *, name: str = "source.pt", **more: object) -> Path:
        return save_small(tmp_path / name, version, seed, **more)

    return model_file


@pytest.fixture
def versions(tmp_path, make) -> ModelVersions:
    """Of a model of which nothing but the shipped file is there."""
    make("shipped_1", name="pretrained_farnet_three.pt")
    return ModelVersions(tmp_path / "farnet_three.pt", tmp_path / "pretrained_farnet_three.pt", keep=3)

"""Two landmark sets, small radiographs and label files for the datastore tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lib.landmarks import LandmarkSet
from monailabel_app.datastores.local import StudiesFolder

HEIGHT, WIDTH = 40, 60


def landmark_set(name: str, names: list[str]) -> LandmarkSet:
    landmarks = [{"name": n, "abbreviation": n[:3], "definition": f"The {n}."} for n in names]
    return LandmarkSet.parse(
        {"name": name, "title": name.title(), "input_size": [64, 64], "landmarks": landmarks}, name
    )


HEAD = landmark_set("head", ["Sella", "Nasion", "Menton"])
HAND = landmark_set("hand", ["Wrist", "Thumb"])
SETS = {"farnet_head": HEAD, "farnet_head_large": HEAD, "farnet_hand": HAND}


def write_image(path: Path, grey: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((HEIGHT, WIDTH), grey, np.uint8)).save(path)
    return path


def label_text(**points: tuple[float, float]) -> str:
    """A label as Slicer writes it, for an image without spacing: LPS = (x, y, 0)."""
    listed = [{"label": name, "position": [x, y, 0], "positionStatus": "defined"} for name, (x, y) in points.items()]
    return json.dumps({"markups": [{"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": listed}]})


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    return tmp_path / "studies"


@pytest.fixture
def store(studies: Path) -> StudiesFolder:
    return StudiesFolder(studies, SETS)


@pytest.fixture
def upload(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Writes a file as an upload arrives: somewhere else, under a name of the server's choice."""

    def write(content: Any = None, name: str = "tmp1a2b.json", **points: tuple[float, float]) -> Path:
        path = tmp_path / "uploads" / name
        path.parent.mkdir(exist_ok=True)
        text = label_text(**points) if content is None else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write

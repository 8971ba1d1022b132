"""Made shapes: a ladder of two columns, bent and leaning at random, as a spine is."""

import numpy as np
import numpy.typing as npt
import pytest

from lib.shapes import ShapeModel

FloatArray = npt.NDArray[np.float64]

ROWS = 8


def made_shapes(count: int, seed: int) -> FloatArray:
    """(count, 16, 2) pixels: left, right, left, right from the top down; places, sizes and turns vary."""
    random = np.random.default_rng(seed)
    shapes = []
    for _ in range(count):
        down = np.arange(ROWS) / ROWS
        middle = 0.15 * random.normal() * np.sin(np.pi * down) + 0.08 * random.normal() * down
        half = 0.11 * (1 + 0.1 * random.normal()) * (1 + 0.4 * down)  # wider below: not the same upside down
        middle = middle + 0.12 * down**2  # bent to one side: not the same mirrored
        points = np.stack([np.stack([middle - half, down], -1), np.stack([middle + half, down], -1)], axis=1)
        points = points.reshape(-1, 2) + 0.004 * random.normal(size=(2 * ROWS, 2))
        shapes.append(
            similar(points, 800 * random.uniform(0.5, 2), random.uniform(-0.2, 0.2), random.uniform(0, 500, 2))
        )
    return np.array(shapes)


def similar(points: FloatArray, scale: float, turn: float, shift: FloatArray) -> FloatArray:
    """Points scaled, turned by radians and shifted."""
    cosine, sine = np.cos(turn), np.sin(turn)
    return scale * points @ np.array([[cosine, sine], [-sine, cosine]]) + shift


@pytest.fixture(scope="session")
def model() -> ShapeModel:
    """Learned from 120 good shapes."""
    return ShapeModel.fit(made_shapes(120, seed=1))


@pytest.fixture(scope="session")
def unseen() -> FloatArray:
    """(200, 16, 2) good shapes that were not learned from."""
    return made_shapes(200, seed=2)

"""Where things in a scene lie on a radiograph, in pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.slicer.mrml import ijk_to_ras, position


def pixel_of(volume: Any, ras: Any) -> npt.NDArray[np.float64]:
    """Column and row of a place in the scene."""
    return (np.linalg.inv(ijk_to_ras(volume)) @ [*ras, 1.0])[:2]


def ras_of(volume: Any, pixel: Any) -> list[float]:
    """The place in the scene of a column and row."""
    return (ijk_to_ras(volume) @ [*pixel, 0.0, 1.0])[:3].tolist()


def points_in_pixels(points: Any, volume: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Column and row of each point of a list by its label."""
    indices = range(points.GetNumberOfControlPoints())
    return {points.GetNthControlPointLabel(index): pixel_of(volume, position(points, index)) for index in indices}


def boxes_in_pixels(boxes: list[Any], volume: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Column and row of each box's centre by the label of its point."""
    return {box.GetNthControlPointLabel(0): pixel_of(volume, box.GetCenterWorld()) for box in boxes}


def landmarks_in_pixels(landmarks: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Column and row of landmarks that a server has found or stored."""
    return {item.name: np.array([item.x, item.y]) for item in landmarks}


def distances(
    first: dict[str, npt.NDArray[np.float64]], second: dict[str, npt.NDArray[np.float64]]
) -> dict[str, float]:
    """How far each place of one lies from that of the same name of the other; both must have the same names."""
    assert list(first) == list(second)
    return {name: float(np.linalg.norm(first[name] - second[name])) for name in first}

"""The landmarks of one radiograph: a name, a place, a state and, from a model, a confidence each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import overload

import numpy as np
import numpy.typing as npt


class LandmarksError(ValueError):
    """A list of landmarks that cannot be used; the message is one sentence for the person who sent it."""


class State(StrEnum):
    """What is known about a landmark.

    ``DEFINED`` and ``OCCLUDED`` have a position (an occluded one is inferred behind other anatomy); ``UNDEFINED`` is
    not annotated yet; ``MISSING`` is a statement of the annotator: the landmark is not in this radiograph.
    """

    DEFINED = "defined"
    OCCLUDED = "occluded"
    UNDEFINED = "undefined"
    MISSING = "missing"

    @property
    def has_position(self) -> bool:
        """Whether a landmark in this state has coordinates."""
        return self in (State.DEFINED, State.OCCLUDED)


@dataclass(frozen=True, slots=True)
class Region:
    """Where a landmark lies in nine cases of ten, as a circle and as an ellipse around its prediction.

    Args:
        radius: of the circle, in pixels of the file as stored.
        ellipse: semi-axes in the same pixels, the longer first, and the angle in degrees from the x axis, to the right,
            towards the y axis, down, at which the longer one lies; -90 to 90.

    Raises:
        LandmarksError: a length that is not positive and finite, or an angle that is not finite.
    """

    radius: float
    ellipse: tuple[float, float, float]

    def __post_init__(self) -> None:
        lengths = (self.radius, *self.ellipse[:2])
        if not all(math.isfinite(length) and length > 0 for length in lengths) or not math.isfinite(self.ellipse[2]):
            raise LandmarksError(f"A region has lengths above 0 and an angle, not {self.radius} and {self.ellipse}.")


@dataclass(frozen=True, slots=True)
class Predicted:
    """Where a model put a landmark, before anybody moved it.

    Args:
        x, y: pixels of the file as stored, as those of :class:`Landmark`.
        model: that model, as ``"name version"``; empty where it is not known.
        region: where the landmark lies in nine cases of ten; None where the model has not been calibrated.
        check: a person should look at this one.
    """

    x: float
    y: float
    model: str = ""
    region: Region | None = None
    check: bool = False


@dataclass(frozen=True, slots=True)
class Landmark:
    """One landmark of one radiograph.

    Args:
        name: the landmark's name in its set.
        x: pixels to the right of the centre of the first pixel; NaN where the state has no position.
        y: pixels down from the centre of the first pixel; NaN where the state has no position.
        state: see :class:`State`.
        confidence: the model's confidence, 0 to 1; None for a landmark that a person placed.
        predicted: where a model put it, which stays known when somebody moves it; None for a landmark without a model.

    Raises:
        LandmarksError: a position that does not go with the state, or is not finite; a confidence outside 0 to 1.
    """

    name: str
    x: float = math.nan
    y: float = math.nan
    state: State = State.DEFINED
    confidence: float | None = None
    predicted: Predicted | None = None

    def __post_init__(self) -> None:
        if self.state.has_position and not (math.isfinite(self.x) and math.isfinite(self.y)):
            raise LandmarksError(f"Landmark '{self.name}' is {self.state} but its position is not finite.")
        if not self.state.has_position and not (math.isnan(self.x) and math.isnan(self.y)):
            raise LandmarksError(f"Landmark '{self.name}' is {self.state} and so must have no position.")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise LandmarksError(f"Landmark '{self.name}' has confidence {self.confidence}, outside 0 to 1.")


@dataclass(frozen=True, slots=True)
class Landmarks(Sequence[Landmark]):
    """The landmarks of one radiograph, in order, names unique.

    Raises:
        LandmarksError: the same name twice.
    """

    items: tuple[Landmark, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for item in self.items:
            if item.name in seen:
                raise LandmarksError(f"Landmark '{item.name}' is listed more than once.")
            seen.add(item.name)

    @classmethod
    def from_points(
        cls,
        names: Sequence[str],
        points: npt.ArrayLike,
        confidences: Iterable[float | None] | None = None,
    ) -> Landmarks:
        """Name an array of points.

        Args:
            names: N names.
            points: (N, 2), ``(x, y)`` in pixels of the file as stored; a row with NaN becomes ``UNDEFINED``.
            confidences: N values 0 to 1, or None.
        """
        array = np.asarray(points, dtype=np.float64)
        if array.shape != (len(names), 2):
            raise LandmarksError(f"Expected points of shape ({len(names)}, 2), got {array.shape}.")
        given = [None] * len(names) if confidences is None else list(confidences)
        items = []
        for name, (x, y), confidence in zip(names, array.tolist(), given, strict=True):
            if math.isnan(x) or math.isnan(y):
                items.append(Landmark(name, state=State.UNDEFINED, confidence=confidence))
            else:
                items.append(Landmark(name, x, y, confidence=confidence))
        return cls(tuple(items))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Landmark]:
        return iter(self.items)

    @overload
    def __getitem__(self, key: int | str) -> Landmark: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[Landmark, ...]: ...

    def __getitem__(self, key: int | str | slice) -> Landmark | tuple[Landmark, ...]:
        """A landmark by index or by name."""
        if isinstance(key, str):
            for item in self.items:
                if item.name == key:
                    return item
            raise KeyError(key)
        return self.items[key]

    @property
    def names(self) -> tuple[str, ...]:
        """The N names, in order."""
        return tuple(item.name for item in self.items)

    def points(self) -> npt.NDArray[np.float64]:
        """(N, 2) array of ``(x, y)`` in pixels of the file as stored; NaN where a landmark has no position."""
        return np.array([(item.x, item.y) for item in self.items], dtype=np.float64).reshape(-1, 2)

    def num_placed(self) -> int:
        """How many landmarks have a position."""
        return sum(item.state.has_position for item in self.items)

    def ordered(self, names: Sequence[str]) -> Landmarks:
        """The same landmarks in the order of ``names``; a name that is not listed here becomes ``UNDEFINED``.

        Raises:
            LandmarksError: a landmark here that ``names`` does not know, named in the message.
        """
        unknown = [item.name for item in self.items if item.name not in set(names)]
        if unknown:
            listed = ", ".join(f"'{name}'" for name in unknown)
            raise LandmarksError(f"Unknown landmark {listed}: the set has no landmark of that name.")
        known = {item.name: item for item in self.items}
        return Landmarks(tuple(known.get(name) or Landmark(name, state=State.UNDEFINED) for name in names))

    def check_inside(self, height: int, width: int) -> None:
        """Refuse a point outside the image.

        Raises:
            LandmarksError: a position outside ``-0.5 <= x <= width - 0.5`` and ``-0.5 <= y <= height - 0.5``, by more
                than a thousandth of a pixel, which is lost on the way to millimetres and back.
        """
        low, right, bottom = -0.501, width - 0.499, height - 0.499
        for item in self.items:
            if item.state.has_position and not (low <= item.x <= right and low <= item.y <= bottom):
                raise LandmarksError(
                    f"Landmark '{item.name}' at ({item.x:.1f}, {item.y:.1f}) lies outside the image of "
                    f"{width} x {height} pixels."
                )

    def clipped(self, height: int, width: int) -> Landmarks:
        """The same landmarks with every position moved to the nearest place inside the image."""
        return Landmarks(
            tuple(
                replace(
                    item,
                    x=min(max(item.x, -0.5), width - 0.5),
                    y=min(max(item.y, -0.5), height - 0.5),
                )
                if item.state.has_position
                else item
                for item in self.items
            )
        )

"""Labels in pixels of the file as stored: what OHIF sends and gets, without a detour through a world of millimetres."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.formats.labels import MAX_BYTES, LabelError
from lib.formats.names import NameTable
from lib.formats.regions import parse_region, region_fields
from lib.landmarks import Landmark, Landmarks, LandmarksError, LandmarkSet, Predicted, State

Pixels = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Degrees = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # a result of /infer/ or an answer of /landmarks is a label


class _Ellipse(_Read):
    a_px: Length
    b_px: Length
    angle_deg: Degrees


class _Prediction(_Read):
    x: Pixels
    y: Pixels
    model: str = Field(default="", max_length=200)
    radius_px: Length | None = None
    ellipse: _Ellipse | None = None
    check: bool = Field(default=False, strict=True)

    def predicted(self) -> Predicted:
        """The prediction itself."""
        return Predicted(self.x, self.y, self.model, parse_region(self.model_dump()), self.check)


class _Point(_Read):
    name: str = Field(max_length=200)
    x: Pixels | None = None
    y: Pixels | None = None
    state: State = State.DEFINED
    confidence: float | None = Field(default=None, ge=0, le=1)
    predicted: _Prediction | None = None

    def landmark(self, name: str) -> Landmark:
        """The landmark of that name in its set."""
        placed = self.state.has_position
        x, y = (math.nan if value is None or not placed else value for value in (self.x, self.y))
        if placed and (self.x is None or self.y is None):
            raise LandmarksError(f"Landmark '{name}' is {self.state} but has no position.")
        told = self.predicted
        return Landmark(name, x, y, self.state, self.confidence, None if told is None else told.predicted())


class _Label(_Read):
    landmarks: tuple[_Point, ...] = Field(max_length=2000)


class PixelLabel:
    """A label ``{"landmarks": [{"name", "x", "y", "state", "confidence", "predicted": {"x", "y", "model"}}]}``.

    ``x``, ``y``: pixels of the file as stored, the centre of the first pixel is (0, 0). ``predicted`` may have
    ``radius_px``, ``ellipse`` (``a_px``, ``b_px``, ``angle_deg``) and ``check``, see
    :class:`~lib.landmarks.Predicted`. Other keys are left aside.

    Args:
        content: the JSON text, or what it holds.

    Raises:
        LabelError: it is no such label; one sentence.
    """

    def __init__(self, content: str | bytes | dict[str, Any]) -> None:
        try:
            self._label = _Label.model_validate(_document(content))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise LabelError(f"The label is not a list of landmarks in pixels: {where}: {fault['msg']}.") from error

    def names(self) -> list[str]:
        """The names of its points as they were sent."""
        return [point.name for point in self._label.landmarks]

    def models(self) -> set[str]:
        """The names of the models that predicted its points."""
        told = (point.predicted for point in self._label.landmarks)
        return {found.model.split()[0] for found in told if found and found.model.strip()}

    def landmarks(self, landmark_set: LandmarkSet, height: int, width: int) -> Landmarks:
        """One landmark a landmark of the set, in the set's order; one that was not sent is ``UNDEFINED``.

        Raises:
            LabelError: unknown or repeated names, a place outside the image, or no place at all.
        """
        table = NameTable(landmark_set)
        if unknown := table.unknown(self.names()):
            listed = ", ".join(f"'{name[:80]}'" for name in unknown[:20])
            raise LabelError(f"Unknown landmark {listed}: not in the set '{landmark_set.name}'.")
        try:
            named = (point.landmark(table.find(point.name) or "") for point in self._label.landmarks)
            landmarks = Landmarks(tuple(named)).ordered(landmark_set.names)
            landmarks.check_inside(height, width)
        except LandmarksError as error:
            raise LabelError(str(error)) from error
        if not landmarks.num_placed():
            raise LabelError("No landmark is placed: place at least one point before submitting.")
        return landmarks


def pixel_label_document(landmarks: Landmarks) -> dict[str, Any]:
    """Landmarks as :class:`PixelLabel` reads them, nothing lost."""
    return {"landmarks": [_written(item) for item in landmarks]}


def is_pixel_label(document: object) -> bool:
    """Whether a JSON document is meant as a label in pixels, not as a Slicer markups file."""
    return isinstance(document, dict) and "landmarks" in document and "markups" not in document


def _written(item: Landmark) -> dict[str, Any]:
    predicted = item.predicted
    return {
        "name": item.name,
        "x": item.x if item.state.has_position else None,
        "y": item.y if item.state.has_position else None,
        "state": str(item.state),
        "confidence": item.confidence,
        "predicted": None if predicted is None else _prediction(predicted),
    }


def _prediction(predicted: Predicted) -> dict[str, Any]:
    return {
        "x": predicted.x,
        "y": predicted.y,
        "model": predicted.model,
        **region_fields(predicted.region),
        "check": predicted.check,
    }


def _document(content: str | bytes | dict[str, Any]) -> Any:
    if isinstance(content, dict):
        return content
    if len(content) > MAX_BYTES:
        raise LabelError(f"The label has {len(content) / 1e6:.1f} MB; a list of landmarks has less than 5 MB.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"The label is not a JSON file: {error}.") from error

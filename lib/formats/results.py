"""Landmarks for everybody who is not 3D Slicer: a JSON result of one radiograph, a CSV table of many."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.formats.files import write_atomic
from lib.formats.labels import LabelError
from lib.formats.regions import parse_region, radius_mm, region_fields
from lib.landmarks import Landmark, Landmarks, LandmarksError, Predicted, Region, State
from lib.radiographs import PixelSpacing, RadiographHeader

COLUMNS = (
    "image",
    "landmark",
    "x_px",
    "y_px",
    "x_mm",
    "y_mm",
    "state",
    "confidence",
    "radius_px",
    "radius_mm",
    "check",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a model said about one radiograph.

    Args:
        landmarks: in pixels of the file as stored.
        width: columns of the radiograph.
        height: rows of the radiograph.
        pixel_spacing: millimetres and who vouches for them.
        model: the model's name.
        version: the version of its weights.
    """

    landmarks: Landmarks
    width: int
    height: int
    pixel_spacing: PixelSpacing
    model: str
    version: str


def result_document(
    landmarks: Landmarks,
    header: RadiographHeader,
    pixel_spacing: PixelSpacing,
    model: str,
    version: str,
    trust: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The result as a JSON document.

    ``x`` and ``y`` are null where a landmark has no position; ``radius_px``, ``radius_mm`` and ``ellipse``, see
    :class:`~lib.landmarks.Region`, where they are not known. A radius in millimetres is that along the axis on which a
    pixel is larger.

    Args:
        landmarks: in pixels of the file as stored.
        header: of the radiograph.
        pixel_spacing: millimetres and who vouches for them.
        model: the model's name.
        version: the version of its weights.
        trust: what the answer as a whole is worth, as it shall stand under the key ``trust``; None leaves that out.
    """
    document: dict[str, Any] = {
        "model": model,
        "version": version,
        "image": {"width": header.width, "height": header.height},
        "pixel_spacing": pixel_spacing.as_dict(),
        "landmarks": [
            {
                "name": item.name,
                "x": _or_none(item.x),
                "y": _or_none(item.y),
                "confidence": item.confidence,
                "state": str(item.state),
                "check": item.predicted is not None and item.predicted.check,
                **region_fields(_region(item)),
                "radius_mm": radius_mm(_region(item), pixel_spacing),
            }
            for item in landmarks
        ],
    }
    return document if trust is None else {**document, "trust": dict(trust)}


def parse_result(content: str | bytes | dict[str, Any]) -> Result:
    """Read what :func:`result_document` wrote; keys that it does not know are left aside.

    Raises:
        LabelError: not JSON, or not such a document; one sentence.
    """
    try:
        document: Any = content if isinstance(content, dict) else json.loads(content)
        model, version = str(document["model"]), str(document["version"])
        return Result(
            Landmarks(tuple(_landmark(item, f"{model} {version}") for item in document["landmarks"])),
            width=int(document["image"]["width"]),
            height=int(document["image"]["height"]),
            pixel_spacing=PixelSpacing.from_dict(document["pixel_spacing"]),
            model=model,
            version=version,
        )
    except LandmarksError as error:
        raise LabelError(str(error)) from error
    except KeyError as error:
        raise LabelError(f"Not a landmark result: {error} is missing.") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LabelError(f"Not a landmark result: {error}.") from error


def csv_rows(studies: Iterable[tuple[str, Landmarks, PixelSpacing]]) -> Iterator[dict[str, str | float | None]]:
    """One row a landmark; None where there is no position, confidence, radius, prediction or no millimetres.

    Args:
        studies: image id, its landmarks, its pixel spacing.

    Yields:
        A row with the keys :data:`COLUMNS`; millimetres count from the centre of the first pixel, as pixels do.
    """
    for image, landmarks, spacing in studies:
        for item in landmarks:
            x, y = _or_none(item.x), _or_none(item.y)
            yield {
                "image": image,
                "landmark": item.name,
                "x_px": x,
                "y_px": y,
                "x_mm": None if x is None or spacing.x is None else x * spacing.x,
                "y_mm": None if y is None or spacing.y is None else y * spacing.y,
                "state": str(item.state),
                "confidence": item.confidence,
                "radius_px": None if (region := _region(item)) is None else region.radius,
                "radius_mm": radius_mm(region, spacing),
                "check": None if item.predicted is None else item.predicted.check,
            }


def write_csv(path: str | Path, studies: Iterable[tuple[str, Landmarks, PixelSpacing]]) -> None:
    """Write the rows of :func:`csv_rows` with a header line, UTF-8, empty where there is no value."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(csv_rows(studies))
    write_atomic(path, text.getvalue())


def _landmark(item: dict[str, Any], model: str) -> Landmark:
    """A landmark; one that a calibrated model has found is a prediction of that model, ``"name version"``."""
    x, y = (math.nan if item[axis] is None else float(item[axis]) for axis in "xy")
    confidence = item["confidence"]
    landmark = Landmark(
        str(item["name"]), x, y, State(item["state"]), None if confidence is None else float(confidence)
    )
    region, check = parse_region(item), item.get("check") is True
    if not landmark.state.has_position or (region is None and not check):
        return landmark
    return replace(landmark, predicted=Predicted(x, y, model, region, check))


def _region(item: Landmark) -> Region | None:
    return None if item.predicted is None else item.predicted.region


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value

"""A picture of landmarks on their radiograph: the prediction, its confidence, and the annotation where there is one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lib.evaluation.key import ANNOTATION, SUSPECT, confidence_colour, draw_key, draw_title
from lib.evaluation.labels import Box, place_labels
from lib.evaluation.pen import Colour, Pen, text_width
from lib.landmarks import Landmarks, LandmarkSet

FloatArray = npt.NDArray[np.float64]

LONGEST_SIDE = 1200
MAX_BYTES = 300_000

#: With more landmarks than this, marks are small and each line is named once instead of each landmark.
CROWDED = 40

_MOST_NAMED = 12  # of those called out among many: more names than that hide the picture
_NOWHERE = (np.nan, np.nan)
_HALO: Colour = (0, 0, 0, 140)
_LINE: Colour = (140, 190, 255, 130)
_LEADER: Colour = (238, 242, 246, 120)


def draw_overlay(
    pixels: npt.NDArray[Any],
    landmarks: Landmarks,
    landmark_set: LandmarkSet,
    *,
    truth: Landmarks | None = None,
    title: str | None = None,
    suspects: Mapping[str, tuple[float, float] | None] | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw landmarks as crosses with their abbreviations, coloured by confidence, the set's lines through them.

    Args:
        pixels: (H, W) grey values of the radiograph.
        landmarks: the prediction, in pixels of the file as stored.
        landmark_set: the set it belongs to.
        truth: the annotation: open circles, each joined to its prediction.
        title: a line at the top.
        suspects: landmarks to call out, each with the place where it was expected, if that is known.

    Returns:
        (h, w, 3) RGB, the longer side 1200 pixels.

    Raises:
        LandmarksError: a landmark that the set does not have.
    """
    picture = _backdrop(pixels)
    enlarged = np.array(picture.size) / pixels.shape[::-1]
    predicted = landmarks.ordered(landmark_set.names)
    annotated = (truth or Landmarks(())).ordered(landmark_set.names)
    points, circles = ((item.points() + 0.5) * enlarged - 0.5 for item in (predicted, annotated))
    called_out = [landmark_set.index(name) for name in suspects or ()]
    expected = np.array([place or _NOWHERE for place in (suspects or {}).values()], dtype=np.float64).reshape(-1, 2)
    moves = np.stack([points[called_out], (expected + 0.5) * enlarged - 0.5], axis=1)
    lines = _segments(points, landmark_set)
    joints = np.stack([circles, points], axis=1)
    crowded = max(predicted.num_placed(), annotated.num_placed()) > CROWDED

    pen = Pen(picture.size)  # title and key come first: they never hide a mark
    has_confidence = any(item.confidence is not None for item in predicted)
    shown = {"confidence": has_confidence, "annotation": truth is not None, "suspects": bool(called_out)}
    taken = [draw_key(pen, np.concatenate([points, circles]), **shown)]
    if title:
        taken.append(draw_title(pen, title))
    pen.lines(lines, _LINE, 1.5)
    _draw_annotation(pen, circles, joints, radius=3.5 if crowded else 5.5)
    _draw_suspects(pen, moves, radius=8.0 if crowded else 12.0)
    _draw_crosses(pen, points, predicted, size=4.5 if crowded else 7.0)
    texts, anchors = _names_to_write(points, circles, landmark_set, called_out, crowded=crowded)
    obstacles = np.concatenate([points, circles, _along(lines), _along(joints)])
    _draw_names(pen, texts, anchors, 13 if crowded else 15, obstacles, taken)
    pen.draw_on(picture)
    return np.asarray(picture, dtype=np.uint8)


def save_overlay(
    path: Path,
    pixels: npt.NDArray[Any],
    landmarks: Landmarks,
    landmark_set: LandmarkSet,
    *,
    truth: Landmarks | None = None,
    title: str | None = None,
) -> None:
    """Write :func:`draw_overlay`'s picture as JPEG of less than 300 kB; ``path`` ends in ``.jpg``."""
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        raise ValueError(f"Overlays are written as JPEG: give a file name that ends in .jpg, not '{path.name}'.")
    path.write_bytes(overlay_jpeg(draw_overlay(pixels, landmarks, landmark_set, truth=truth, title=title)))


def overlay_jpeg(overlay: npt.NDArray[np.uint8]) -> bytes:
    """A picture of :func:`draw_overlay` as JPEG of less than 300 kB."""
    picture = Image.fromarray(overlay)
    for quality in (90, 75, 50, 25, 10):  # real radiographs fit at the first or second, pure noise at the last
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=quality, subsampling="4:4:4")  # thin coloured lines keep their colour
        if content.tell() < MAX_BYTES:
            break
    return content.getvalue()


def _backdrop(pixels: npt.NDArray[Any]) -> Image.Image:
    """The radiograph in grey, windowed between its 0.5 and 99.5 percentiles, its longer side 1200 pixels."""
    step = max(1, max(pixels.shape) // 1000)  # percentiles of a part of the pixels are as good and much faster
    low, high = np.percentile(pixels[::step, ::step], (0.5, 99.5))
    grey = (pixels.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    factor = LONGEST_SIDE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).convert("RGB")


def _draw_annotation(pen: Pen, circles: FloatArray, joints: FloatArray, *, radius: float) -> None:
    pen.lines(joints, _HALO, 2.5)
    pen.lines(joints, ANNOTATION, 1.0)
    pen.circles(circles, radius, _HALO, 3.0)
    pen.circles(circles, radius, ANNOTATION, 1.5)


def _draw_suspects(pen: Pen, moves: FloatArray, *, radius: float) -> None:
    """Rings around (M, 2, 2) landmarks, the first of each pair, joined to small ones where they were expected."""
    for colour, wider in ((_HALO, 1.5), (SUSPECT, 0.0)):
        pen.lines(moves, colour, 1.5 + wider)
        pen.circles(moves[:, 0], radius, colour, 2.5 + wider)
        pen.circles(moves[:, 1], 4.0, colour, 1.5 + wider)


def _draw_crosses(pen: Pen, points: FloatArray, landmarks: Landmarks, *, size: float) -> None:
    across, down = np.array([size, 0.0]), np.array([0.0, size])
    for point, landmark in zip(points, landmarks, strict=True):
        cross = [(point - across, point + across), (point - down, point + down)]
        pen.lines(cross, _HALO, 4.0)
        pen.lines(cross, confidence_colour(landmark.confidence), 2.0)


def _draw_names(
    pen: Pen, texts: list[str], anchors: FloatArray, font_size: int, obstacles: FloatArray, taken: list[Box]
) -> None:
    """Write each text near its point, with a line to the point where it does not stand right beside it."""
    sizes = np.array([(text_width(text, font_size), font_size + 1) for text in texts]).reshape(-1, 2)
    boxes = place_labels(anchors, sizes, pen.size, obstacles=obstacles, taken=taken)
    for text, anchor, box in zip(texts, anchors, boxes, strict=True):
        if box is None:
            continue
        nearest = np.clip(anchor, box[:2], box[2:])
        if np.hypot(*(nearest - anchor)) > 15.0:
            pen.lines([(anchor, nearest)], _LEADER, 1.0)
        pen.text((box[0] + 2.0, (box[1] + box[3]) / 2), text, font_size)


def _names_to_write(
    points: FloatArray, circles: FloatArray, landmark_set: LandmarkSet, called_out: list[int], *, crowded: bool
) -> tuple[list[str], FloatArray]:
    """The M texts and the (M, 2) points they name: each landmark, or in crowded sets those called out and lines."""
    places = np.where(np.isnan(points), circles, points)  # one that was not predicted is named at its annotation
    if crowded and landmark_set.lines:
        some = called_out[:_MOST_NAMED]
        texts = [landmark_set.landmarks[index].abbreviation for index in some]
        texts += [line.name for line in landmark_set.lines]
        anchors = places[[*some, *(landmark_set.index(line.landmarks[0]) for line in landmark_set.lines)]]
    else:
        texts, anchors = [landmark.abbreviation for landmark in landmark_set.landmarks], places
    known = ~np.isnan(anchors).any(axis=1)
    return [text for text, keep in zip(texts, known, strict=True) if keep], anchors[known]


def _segments(points: FloatArray, landmark_set: LandmarkSet) -> FloatArray:
    """(M, 2, 2) start and end of each piece of the set's lines; NaN where an end has no position."""
    pieces = [piece for line in landmark_set.lines for piece in pairwise(line.landmarks)]
    indices = [[landmark_set.index(start), landmark_set.index(end)] for start, end in pieces]
    ends: FloatArray = points[np.array(indices, dtype=np.intp).reshape(-1, 2)]
    return ends


def _along(segments: FloatArray) -> FloatArray:
    """Points along (M, 2, 2) segments, for labels to keep off them."""
    shares = np.linspace(0.0, 1.0, 9)[:, np.newaxis, np.newaxis]
    spread: FloatArray = segments[:, 0] + shares * np.diff(segments, axis=1)[:, 0]
    return spread.reshape(-1, 2)

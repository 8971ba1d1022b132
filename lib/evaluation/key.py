"""What colours and circles of an overlay mean, and the key that says so in the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lib.evaluation.labels import Box, num_covered
from lib.evaluation.pen import Colour, Pen, text_width

#: Annotations, and landmarks that a person placed.
ANNOTATION: Colour = (255, 255, 255, 230)
PERSON: Colour = (100, 190, 255, 255)
#: Landmarks that are called out, and where they were expected.
SUSPECT: Colour = (255, 150, 40, 255)

#: Confidence 0, 0.5 and 1: vermilion, orange, bluish green after Okabe and Ito, brightened for a dark ground. They
#: differ in lightness and in blue too, which red-green blindness leaves intact.
_RAMP = np.array([(255, 85, 45), (255, 185, 40), (45, 225, 175)], dtype=np.float64)
_PANEL: Colour = (0, 0, 0, 120)
_KEY_WIDTH, _ROW, _EDGE = 176.0, 22.0, 4.0


def confidence_colour(confidence: float | None) -> Colour:
    """The colour of a landmark; ``None`` is one that a person placed."""
    if confidence is None:
        return PERSON
    red, green, blue = (int(np.interp(confidence, (0.0, 0.5, 1.0), channel)) for channel in _RAMP.T)
    return (red, green, blue, 255)


def draw_title(pen: Pen, title: str) -> Box:
    """Write the title at the upper left, smaller where the picture is narrow; returns the box it takes."""
    size = 18
    while size > 9 and text_width(title, size) > pen.size[0] - 24:
        size -= 1
    box = (_EDGE, _EDGE, 16.0 + _EDGE + text_width(title, size), 32.0)
    pen.panel(box, _PANEL)
    pen.text((12, 18), title, size)
    return box


def draw_key(
    pen: Pen, points: npt.NDArray[np.float64], *, confidence: bool, annotation: bool, suspects: bool = False
) -> Box:
    """Explain the colours of crosses and the circles in the corner with the fewest points; returns the box it takes."""
    height = _ROW * (confidence + annotation + 2 * suspects)
    right, bottom = pen.size[0] - _EDGE - _KEY_WIDTH, pen.size[1] - _EDGE - height
    corners = np.array([(_EDGE, bottom), (right, bottom), (right, 36.0)])  # the title has the fourth
    boxes = np.hstack([corners, corners + np.array([_KEY_WIDTH, height])])
    left, top = corners[np.argmin(num_covered(boxes, points))].tolist()
    box = (left, top, left + _KEY_WIDTH, top + height)
    if height:
        pen.panel(box, _PANEL)
    y = top + _ROW / 2
    if annotation:
        pen.circles([(left + 14, y)], 5.0, ANNOTATION, 1.5)
        pen.text((left + 26, y), "annotation", 13)
        y += _ROW
    if suspects:
        pen.circles([(left + 14, y)], 8.0, SUSPECT, 2.5)
        pen.text((left + 28, y), "suspicious", 13)
        pen.circles([(left + 14, y + _ROW)], 4.0, SUSPECT, 1.5)
        pen.text((left + 28, y + _ROW), "expected there", 13)
        y += 2 * _ROW
    if confidence:
        pen.text((left + 8, y), "confidence 0", 13)
        pen.text((left + 160, y), "1", 13)
        for x in range(60):
            pen.lines([[(left + 94 + x, y - 4), (left + 94 + x, y + 4)]], confidence_colour(x / 59), 1.0)
    return box

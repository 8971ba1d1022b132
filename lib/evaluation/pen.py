"""Smooth lines, circles and readable text over a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int, int]  # red, green, blue, opacity

_OVERSAMPLING = 2
_INK: Colour = (238, 242, 246, 255)


@dataclass(frozen=True, slots=True)
class _Text:
    at: tuple[float, float]
    content: str
    size: int


class Pen:
    """Draws on a transparent layer of twice the size, averaged down at the end: Pillow's own lines have jagged edges.

    Coordinates are ``(x, y)`` in pixels of the picture, the centre of the first pixel is (0, 0). What has a NaN is not
    drawn. Text lies above everything else.

    Args:
        size: ``(width, height)`` of the picture.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._layer = Image.new("RGBA", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING))
        self._draw = ImageDraw.Draw(self._layer)
        self._texts: list[_Text] = []

    def lines(self, segments: Iterable[npt.ArrayLike], colour: Colour, width: float) -> None:
        """Draw (M, 2, 2) segments, start and end."""
        for segment in segments:
            ends = _to_layer(segment)
            if not np.isnan(ends).any():
                self._draw.line(ends.ravel().tolist(), fill=colour, width=round(width * _OVERSAMPLING))

    def circles(self, centres: Iterable[npt.ArrayLike], radius: float, colour: Colour, width: float) -> None:
        """Draw open circles around (M, 2) points; ``width`` lies half inside and half outside of ``radius``."""
        reach = (radius + width / 2) * _OVERSAMPLING
        for centre in centres:
            x, y = _to_layer(centre)
            if not np.isnan([x, y]).any():
                box = [x - reach, y - reach, x + reach, y + reach]
                self._draw.ellipse(box, outline=colour, width=round(width * _OVERSAMPLING))

    def panel(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Draw a filled box with round corners: left, top, right, bottom."""
        self._draw.rounded_rectangle(_to_layer(box).tolist(), radius=5 * _OVERSAMPLING, fill=colour)

    def text(self, at: tuple[float, float], content: str, size: int) -> None:
        """Write with a dark halo; ``at`` is the left end, at the middle of the height."""
        self._texts.append(_Text(at, _one_line(content), size))

    def draw_on(self, picture: Image.Image) -> None:
        """Blend everything drawn so far into an RGB picture of the pen's size."""
        layer = self._layer.reduce(_OVERSAMPLING)
        picture.paste(layer, mask=layer)
        draw = ImageDraw.Draw(picture)
        for text in self._texts:
            font = ImageFont.load_default(text.size)
            draw.text(text.at, text.content, _INK[:3], font, anchor="lm", stroke_width=2, stroke_fill=(0, 0, 0))


def text_width(content: str, size: int) -> float:
    """Width of a text in pixels, its halo included."""
    return float(ImageFont.load_default(size).getlength(_one_line(content))) + 4.0


def _one_line(content: str) -> str:
    return " ".join(content.split())  # Pillow refuses to measure or place text of several lines


def _to_layer(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    scaled: npt.NDArray[np.float64] = (np.asarray(points, dtype=np.float64) + 0.5) * _OVERSAMPLING - 0.5
    return scaled

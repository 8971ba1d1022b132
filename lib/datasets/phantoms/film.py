"""From thicknesses to the grey values of a film: attenuation, scatter, noise, film curve, collimation, letters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lib.datasets.phantoms.canvas import FloatImage, blurred

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Box = tuple[float, float, float, float]


def expose(thickness: FloatImage, pixels_per_mm: float, keep: Box, rng: np.random.Generator, bits: int) -> Pixels:
    """Take the radiograph.

    Args:
        thickness: (H, W) attenuation lengths, 0 in air.
        pixels_per_mm: scale, so that blur and grain keep their size on the patient.
        keep: ``(left, top, right, bottom)`` pixels that neither the collimator nor a letter may cover.
        rng: decides exposure, noise, contrast, borders.
        bits: 8 gives uint8; 9 to 16 give uint16 with that many bits in use.

    Returns:
        (H, W) grey values, bright = dense.
    """
    grain = blurred(rng.standard_normal(thickness.shape).astype(np.float32), 0.5 * pixels_per_mm)
    grain *= rng.uniform(0.01, 0.03) / max(float(grain.std()), 1e-6)
    density = _detect(np.clip(thickness, 0, None) * (1 + grain), pixels_per_mm, rng)
    grey = _film_curve(density, rng)
    grey = blurred(grey, rng.uniform(0.1, 0.45) * pixels_per_mm)
    _collimate(grey, keep, rng)
    _print_letters(grey, keep, rng)
    highest = 2**bits - 1
    stored: Pixels = np.rint(np.clip(grey, 0, 1) * highest).astype(np.uint8 if bits == 8 else np.uint16)
    return stored


def _detect(thickness: FloatImage, pixels_per_mm: float, rng: np.random.Generator) -> FloatImage:
    """(H, W) optical density behind the patient: Beer-Lambert, beam falling off, scatter, quantum noise."""
    height, width = thickness.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    slope_x, slope_y = rng.uniform(-0.12, 0.12, 2)
    beam = 1 + slope_x * x + slope_y * y - rng.uniform(0, 0.12) * (x**2 + y**2) / 2
    arriving = beam * np.exp(-rng.uniform(0.85, 1.2) * thickness)
    arriving += rng.uniform(0.03, 0.12) * blurred(arriving, 20 * pixels_per_mm)
    noise = rng.standard_normal(thickness.shape).astype(np.float32)
    arriving += rng.uniform(0.004, 0.016) * np.sqrt(arriving) * noise
    return np.asarray(-np.log(np.clip(arriving, 1e-3, None)), dtype=np.float32)


def _film_curve(density: FloatImage, rng: np.random.Generator) -> FloatImage:
    """(H, W) grey values about 0 to 1: a window around the densities there are, bent as a film bends them."""
    low, high = np.percentile(density[::4, ::4], (2, 99.5))
    width = high - low
    level = (density - low + rng.uniform(-0.05, 0.06) * width) / (width * rng.uniform(0.92, 1.2))
    grey = np.clip(level, 0, 1) ** rng.uniform(0.65, 1.15)
    bend = rng.uniform(0.0, 0.5)  # toe and shoulder
    return np.asarray((1 - bend) * grey + bend * grey**2 * (3 - 2 * grey), dtype=np.float32)


def _print_letters(grey: FloatImage, keep: Box, rng: np.random.Generator) -> None:
    """Lead letters: the side, sometimes a number, in a corner and outside ``keep`` where there is room."""
    height, width = grey.shape
    text = rng.choice(["L", "R"]) + (f" {rng.integers(100, 99999)}" if rng.random() < 0.5 else "")
    font = ImageFont.load_default(size=rng.uniform(0.028, 0.05) * min(height, width))
    _, _, right, bottom = font.getbbox(text)
    stamp = Image.new("F", (int(right) + 2, int(bottom) + 2))
    ImageDraw.Draw(stamp).text((1, 1), text, font=font, fill=rng.uniform(0.75, 1.0))
    letters = np.asarray(stamp)
    rows, columns = letters.shape
    places = []
    for near_x in (0.03, 0.97):
        for near_y in (0.03, 0.97):
            x, y = int(near_x * (width - columns)), int(near_y * (height - rows))
            if x + columns < keep[0] or x > keep[2] or y + rows < keep[1] or y > keep[3]:
                places.append((x, y))
    if places and rng.random() < 0.7:
        x, y = places[rng.integers(len(places))]
        area = grey[y : y + rows, x : x + columns]
        np.maximum(area, letters, out=area)


def _collimate(grey: FloatImage, keep: Box, rng: np.random.Generator) -> None:
    """Blank borders on some sides, black or white, that reach at most half way to what must stay visible."""
    if rng.random() < 0.4:
        return
    height, width = grey.shape
    gaps = (keep[0], keep[1], width - 1 - keep[2], height - 1 - keep[3])
    limits = (0.06 * width, 0.06 * height) * 2
    depths = [int(max(0.0, min(gap / 2, limit)) * rng.uniform(0, 1)) for gap, limit in zip(gaps, limits, strict=True)]
    value = rng.choice([rng.uniform(0, 0.05), rng.uniform(0.9, 1.0)], p=[0.7, 0.3])
    grey[:, : depths[0]] = value
    grey[: depths[1]] = value
    grey[:, width - depths[2] :] = value
    grey[height - depths[3] :] = value

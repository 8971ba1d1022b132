"""Labelled synthetic radiographs: every landmark lies where its anatomy was drawn, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

import numpy as np

from lib.datasets.phantoms.canvas import Canvas, Pose
from lib.datasets.phantoms.cephalogram import Cephalogram
from lib.datasets.phantoms.curves import FloatArray
from lib.datasets.phantoms.film import Box, Pixels, expose
from lib.datasets.phantoms.hand import Hand
from lib.datasets.phantoms.spine import Spine
from lib.datasets.studies import DatasetError, Study
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import PixelSpacing, SpacingSource


class Anatomy(Protocol):
    """A patient who differs with the random numbers, in millimetres, x right and y down on the radiograph.

    Attributes:
        field_mm: ``(height, width)`` that the usual radiograph shows.
        centre: ``(x, y)`` that it shows in its middle.
        tilt: largest rotation on the film, degrees.
        default_size: ``(height, width)`` of the picture in pixels where none is asked for.
    """

    field_mm: ClassVar[tuple[float, float]]
    centre: ClassVar[tuple[float, float]]
    tilt: ClassVar[float]
    default_size: ClassVar[tuple[int, int]]

    def __init__(self, rng: np.random.Generator) -> None: ...

    @property
    def landmarks(self) -> FloatArray:
        """(N, 2) mm, in the order of the landmark set."""

    def draw(self, canvas: Canvas) -> None:
        """Lay all tissues on the canvas."""


ANATOMIES: dict[str, type[Anatomy]] = {"cephalometric_19": Cephalogram, "hand_37": Hand, "spine_68": Spine}


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A synthetic radiograph.

    Args:
        kind: the name of its landmark set.
        seed: what it was made from.
        pixels: (H, W) uint8 or uint16, bright = dense.
        landmarks: in pixels, complete, inside the picture.
        pixel_spacing: millimetres on the synthetic patient.
        bits: how many of a pixel's bits are in use.
    """

    kind: str
    seed: int
    pixels: Pixels
    landmarks: Landmarks
    pixel_spacing: PixelSpacing
    bits: int


def make_phantom(kind: str, seed: int, size: tuple[int, int] | None = None, bits: int = 8) -> Phantom:
    """Draw a synthetic radiograph; the same arguments give the same picture.

    Args:
        kind: ``"cephalometric_19"`` (lateral, facing right), ``"hand_37"`` (thumb on the right) or ``"spine_68"``
            (antero-posterior).
        seed: which patient and film, 0 or more.
        size: ``(height, width)`` in pixels, at least 64 each; None for a usual one.
        bits: 8 gives uint8, 9 to 16 uint16 with that many bits in use.

    Raises:
        DatasetError: no phantom of that kind, a negative seed, a picture too small, bits out of range.
    """
    if kind not in ANATOMIES:
        raise DatasetError(f"No phantom of kind '{kind}': give one of {', '.join(sorted(ANATOMIES))}.")
    if seed < 0:
        raise DatasetError(f"A phantom's seed is 0 or more, not {seed}.")
    if not 8 <= bits <= 16:
        raise DatasetError(f"A phantom has 8 to 16 bits a pixel, not {bits}.")
    anatomy_class = ANATOMIES[kind]
    height, width = size or anatomy_class.default_size
    if min(height, width) < 64:
        raise DatasetError(
            f"A phantom of {height} x {width} pixels is too small to show anatomy: give at least 64 x 64."
        )
    rng = np.random.default_rng([seed, sorted(ANATOMIES).index(kind)])
    anatomy = anatomy_class(rng)
    pose = _pose(anatomy, height, width, rng)
    canvas = Canvas(height, width, pose)
    anatomy.draw(canvas)
    points = pose.to_pixels(anatomy.landmarks)
    margin = 3 * pose.scale
    keep: Box = (*(points.min(axis=0) - margin), *(points.max(axis=0) + margin))
    return Phantom(
        kind=kind,
        seed=seed,
        pixels=expose(canvas.thickness, pose.scale, keep, rng, bits),
        landmarks=Landmarks.from_points(_names(kind), points),
        pixel_spacing=PixelSpacing(1 / pose.scale, 1 / pose.scale, SpacingSource.PIXEL_SPACING),
        bits=bits,
    )


def phantom_studies(kind: str, count: int, seed: int = 0, size: tuple[int, int] | None = None) -> Iterator[Study]:
    """``count`` synthetic studies from the seeds ``seed``, ``seed + 1`` and so on, each drawn when it is asked for."""
    for number in range(seed, seed + count):
        phantom = make_phantom(kind, number, size)
        yield Study(
            image=phantom.pixels,
            name=f"{kind}_phantom_{number:04d}",
            landmarks=phantom.landmarks,
            pixel_spacing=phantom.pixel_spacing,
            provenance={"dataset": "phantom", "kind": kind, "seed": number},
        )


@cache
def _names(kind: str) -> tuple[str, ...]:
    return LandmarkSet.load(kind).names


def _pose(anatomy: Anatomy, height: int, width: int, rng: np.random.Generator) -> Pose:
    """A pose that varies as patients do, with every landmark at least 3 % of the picture away from its border."""
    scale = min(height / anatomy.field_mm[0], width / anatomy.field_mm[1]) * rng.uniform(0.94, 1.06)
    degrees = rng.uniform(-anatomy.tilt, anatomy.tilt)
    size = np.array([width, height], dtype=np.float64)
    margin = 0.03 * size
    turned = Pose(1.0, degrees, (0.0, 0.0))
    points = turned.to_pixels(anatomy.landmarks)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(scale, *((size - 2 * margin) / (high - low)))
    middle = turned.to_pixels([anatomy.centre])[0] * scale
    shift = size / 2 - middle + rng.uniform(-0.04, 0.04, 2) * size
    shift = np.clip(shift, margin - low * scale, size - margin - high * scale) - 0.5  # the picture's corner is at -0.5
    return Pose(float(scale), float(degrees), (float(shift[0]), float(shift[1])))

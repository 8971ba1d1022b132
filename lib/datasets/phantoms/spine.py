"""A synthetic antero-posterior spine radiograph: T1 to L5 along a curve that is straight in few and scoliotic in many."""

# ruff: noqa: RUF005 - an array plus a tuple is a sum of vectors here
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, band, ellipse, rotated, smooth

LEVELS = np.arange(17)  # T1 to T12, L1 to L5
WIDTHS = np.interp(LEVELS, (0, 3, 6, 11, 16), (30, 27, 28, 37, 48))
HEIGHTS = np.interp(LEVELS, (0, 6, 11, 16), (15, 18.5, 23, 26.5))
DISCS = np.interp(LEVELS, (0, 6, 11, 16), (3.5, 4.0, 6.0, 9.5))  # below each


@dataclass(frozen=True, slots=True)
class _Vertebra:
    """A vertebral body: ``corners`` (4, 2) top left, top right, bottom left, bottom right."""

    corners: FloatArray
    tilt: float
    twist: float  # -1 to 1: how far pedicles and spinous process have turned to one side

    def point(self, across: float, down: float) -> FloatArray:
        """A place in the body: ``across`` -1 to 1 from its left to its right edge, ``down`` 0 to 1 from top to bottom."""
        left = self.corners[0] * (1 - down) + self.corners[2] * down
        right = self.corners[1] * (1 - down) + self.corners[3] * down
        place: FloatArray = left + (right - left) * (across + 1) / 2
        return place

    @property
    def width(self) -> float:
        return float(np.hypot(*(self.corners[1] - self.corners[0])))

    @property
    def height(self) -> float:
        return float(np.hypot(*(self.point(0, 1) - self.point(0, 0))))


class Spine:
    """A trunk with 17 vertebrae, top of T1 at the origin; the heart on the right of the image."""

    field_mm: ClassVar[tuple[float, float]] = (530.0, 199.0)
    centre: ClassVar[tuple[float, float]] = (0.0, 224.0)
    tilt: ClassVar[float] = 4.0
    default_size: ClassVar[tuple[int, int]] = (1024, 384)

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._size = rng.uniform(0.86, 1.06)
        self._vertebrae = self._build()

    @property
    def landmarks(self) -> FloatArray:
        """(68, 2) mm in the order of the set."""
        return np.concatenate([vertebra.corners for vertebra in self._vertebrae])

    def draw(self, canvas: Canvas) -> None:
        """Lay all tissues on the canvas."""
        self._draw_trunk(canvas)
        self._draw_ribs(canvas)
        self._draw_pelvis(canvas)
        for level, vertebra in enumerate(self._vertebrae):
            self._draw_vertebra(canvas, vertebra, lumbar=level > 11)
        first = self._vertebrae[0]
        above = first.corners + rotated([(0, -first.height - 4)], first.tilt)[0]
        for _ in range(2):
            self._draw_vertebra(
                canvas, _Vertebra(above + (above - above.mean(axis=0)) * (-0.12, 0), first.tilt, 0.0), lumbar=False
            )
            above = above + (0, -first.height - 4)

    def _build(self) -> list[_Vertebra]:
        """Stack the bodies from T1 down; each plate is tilted as the curve is there, so bodies become wedges."""
        along = np.linspace(0, 1, 2 * len(LEVELS))  # upper and lower plate of each
        main, second = self._rng.uniform(0, 24), self._rng.normal(0, 2.5)
        cycles = self._rng.uniform(0.6, 1.15)
        phase = self._rng.uniform(0, 2 * np.pi, 2)
        tilts = main * np.sin(2 * np.pi * cycles * along + phase[0]) + second * np.sin(4 * np.pi * along + phase[1])
        twists = np.gradient(tilts, along) / 150
        tilts -= tilts.mean()
        proportions = self._rng.normal(1, 0.04, 3).clip(0.92, 1.08)
        middle = np.zeros(2)
        vertebrae = []
        for level in LEVELS:
            upper, lower = tilts[2 * level : 2 * level + 2]
            half = WIDTHS[level] * proportions[0] * self._size * self._rng.uniform(0.97, 1.03) / 2
            height = HEIGHTS[level] * proportions[1] * self._size * self._rng.uniform(0.97, 1.03)
            bottom = middle + rotated([(0, height)], (upper + lower) / 2)[0]
            plates = [
                middle + rotated([(-half, 0), (half, 0)], upper),
                bottom + rotated([(-1.04 * half, 0), (1.04 * half, 0)], lower),
            ]
            vertebrae.append(
                _Vertebra(np.vstack(plates), (upper + lower) / 2, float(np.clip(twists[2 * level], -1, 1)))
            )
            middle = bottom + rotated([(0, DISCS[level] * proportions[2] * self._size)], lower)[0]
        return vertebrae

    def _level(self, number: int) -> FloatArray:
        return self._vertebrae[number].point(0, 0.5)

    def _draw_trunk(self, canvas: Canvas) -> None:
        """Body, lungs, windpipe, heart, domes of the diaphragm, gas in the bowel."""
        top, floor = self._level(0), self._level(9) + (0, self._rng.uniform(-10, 15))
        x = float(np.mean([self._level(number)[0] for number in (2, 6, 10)]))
        side = 140 * self._size
        body = smooth([(x - 38, top[1] - 120), (x - 45, top[1] - 25), (x - side - 20, top[1] + 5), (x - side, floor[1]), (x - side, 700),
                       (x + side, 700), (x + side, floor[1]), (x + side + 20, top[1] + 5), (x + 45, top[1] - 25), (x + 38, top[1] - 120)])  # fmt: skip
        canvas.fill(body, amount=1.15, round_mm=25)
        for sign in (-1, 1):
            dome = floor + (sign * 55, -12 if sign < 0 else 0)
            lung = smooth([top + (sign * 22, 12), top + (sign * 50, 12), (x + sign * (side - 45), top[1] + 70), (x + sign * (side - 18), floor[1] - 60),
                           (x + sign * (side - 14), floor[1] + 40), dome + (sign * 28, 8), dome, dome + (-sign * 30, 10),
                           self._level(7) + (sign * 27, 0), self._level(4) + (sign * 22, 0)], closed=True)  # fmt: skip
            canvas.fill(lung, amount=-0.62, soft_mm=2.0)
        heart = self._level(7)
        canvas.fill(ellipse(heart + (28, 8), (38, 50), -25), amount=0.26, soft_mm=3)
        canvas.fill(band(smooth([top + (0, -70), top + (2, 0), self._level(4)]), 15, 12), amount=-0.3, soft_mm=1.5)
        for _ in range(self._rng.integers(3, 10)):
            spot = self._level(13) + self._rng.uniform((-85, -40), (85, 110))
            canvas.fill(
                ellipse(spot, self._rng.uniform(4, 15, 2), self._rng.uniform(0, 180)),
                amount=-self._rng.uniform(0.08, 0.25),
                soft_mm=2,
            )

    def _draw_ribs(self, canvas: Canvas) -> None:
        for number in range(12):
            vertebra = self._vertebrae[number]
            reach = np.interp(number, (0, 2, 5, 9, 11), (48, 82, 112, 120, 85)) * self._size
            fall = np.interp(number, (0, 4, 11), (18, 30, 75)) * self._size
            for sign in (-1, 1):
                root = vertebra.point(sign * 0.95, 0.12)
                rib = [root, root + (sign * 0.2 * reach, -5), root + (sign * 0.55 * reach, 0.18 * fall), root + (sign * 0.88 * reach, 0.62 * fall),
                       root + (sign * reach, 1.15 * fall)]  # fmt: skip
                canvas.fill(band(smooth(rib), 7.5 * self._size, 6), amount=0.13, rim=0.2, rim_mm=1.0, soft_mm=0.4)
                if 1 <= number <= 9:
                    front = [rib[-1], rib[-1] + (-sign * 0.1 * reach, 26), rib[-1] + (-sign * 0.45 * reach, 52)]
                    canvas.fill(band(smooth(front), 7), amount=0.11, soft_mm=1.5)
        first = self._level(0)
        for sign in (-1, 1):
            collar_bone = [first + (sign * 14, 34), first + (sign * 55, 16), first + (sign * 110, 10)]
            canvas.fill(band(smooth(collar_bone), 11, 9), amount=0.15, rim=0.2, rim_mm=1.2, soft_mm=0.5)

    def _draw_pelvis(self, canvas: Canvas) -> None:
        """Sacrum and the two iliac wings below L5."""
        last = self._vertebrae[-1]
        base, half = last.point(0, 1) + (0, 9), 0.62 * last.width
        sacrum = smooth([base + (-half, 0), base + (half, 0), base + (half + 12, 18), base + (14, 95), base + (-14, 95), base + (-half - 12, 18)],
                        closed=True)  # fmt: skip
        canvas.fill(sacrum, amount=0.3, rim=0.3, rim_mm=1.8, soft_mm=0.6)
        for sign in (-1, 1):
            wing = smooth([base + (sign * 40, 18), base + (sign * 58, -14), base + (sign * 95, -26), base + (sign * 135, 15), base + (sign * 115, 90),
                           base + (sign * 55, 90)], closed=True)  # fmt: skip
            canvas.fill(wing, amount=0.28, rim=0.4, rim_mm=2.2, soft_mm=0.6)

    def _draw_vertebra(self, canvas: Canvas, vertebra: _Vertebra, lumbar: bool) -> None:
        at, width, height = vertebra.point, vertebra.width, vertebra.height
        body = [at(-1, 0), at(0, 0.03), at(1, 0), at(0.93, 0.25), at(0.9, 0.5), at(0.93, 0.75), at(1, 1), at(0, 0.97), at(-1, 1), at(-0.93, 0.75),
                at(-0.9, 0.5), at(-0.93, 0.25)]  # fmt: skip
        canvas.fill(np.array(body), amount=0.26, rim=0.36, rim_mm=1.3, soft_mm=0.3)
        turned = 0.3 * vertebra.twist
        for sign in (-1, 1):
            pedicle = ellipse(at(sign * 0.6 + turned, 0.36), (0.085 * width, 0.2 * height), vertebra.tilt)
            canvas.fill(pedicle, amount=0.06, rim=0.34, rim_mm=1.0, soft_mm=0.25)
            tip = at(sign * (1.5 if lumbar else 1.42), 0.34 if lumbar else 0.12)
            canvas.fill(band(np.array([at(sign * 0.85, 0.36), (at(sign * 0.85, 0.36) + tip) / 2, tip]), 0.3 * height, 0.22 * height),
                        amount=0.12, rim=0.1, soft_mm=0.7)  # fmt: skip
        thorn = ellipse(at(1.4 * turned, 0.78), (0.06 * width + 1, 0.24 * height), vertebra.tilt)
        canvas.fill(thorn, amount=0.12, rim=0.3, rim_mm=1.0, soft_mm=0.3)

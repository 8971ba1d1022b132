"""A synthetic antero-posterior spine radiograph: T1 to L5 along a curve, straight in few and scoliotic in many."""

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
        """A place in the body: ``across`` -1 to 1 from left to right edge, ``down`` 0 to 1 from top to bottom."""
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
            narrower = above - 0.12 * (above - above.mean(axis=0)) * (1, 0)
            self._draw_vertebra(canvas, _Vertebra(narrower, first.tilt, 0.0), lumbar=False)
            above = above + (0, -first.height - 4)

    def _build(self) -> list[_Vertebra]:
        """Stack the bodies from T1 down; each plate is tilted as the curve is there, so bodies become wedges."""
        place = np.linspace(0, 1, 2 * len(LEVELS))  # upper and lower plate of each
        main, second = self._rng.uniform(0, 24), self._rng.normal(0, 2.5)
        cycles = self._rng.uniform(0.6, 1.15)
        phase = self._rng.uniform(0, 2 * np.pi, 2)
        tilts = main * np.sin(2 * np.pi * cycles * place + phase[0]) + second * np.sin(4 * np.pi * place + phase[1])
        twists = np.gradient(tilts, place) / 150
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
        """Body, lungs down to the domes of the diaphragm, heart, windpipe, gas in the bowel."""
        top, floor = self._level(0), self._level(9) + (0, self._rng.uniform(-10, 15))
        x = float(np.mean([self._level(number)[0] for number in (2, 6, 10)]))
        side = 140 * self._size
        half = [(38, top[1] - 120), (45, top[1] - 25), (side + 20, top[1] + 5), (side, floor[1]), (side, 700)]
        body = [(x - width, y) for width, y in half] + [(x + width, y) for width, y in half[::-1]]
        canvas.fill(smooth(body), amount=1.15, round_mm=25)
        for sign in (-1, 1):
            mirror = (sign, 1)
            apex = top + np.array([(22, 12), (50, 12)]) * mirror
            outside = (x, 0) + np.array(
                [(side - 45, top[1] + 70), (side - 18, floor[1] - 60), (side - 14, floor[1] + 40)]
            ) * mirror
            dome = floor + np.array([(83, 8), (55, 0), (25, 10)]) * mirror + (0, -12 if sign < 0 else 0)
            inside = [self._level(7) + (sign * 27, 0), self._level(4) + (sign * 22, 0)]
            canvas.fill(smooth(np.vstack([apex, outside, dome, inside]), closed=True), amount=-0.62, soft_mm=2.0)
        canvas.fill(ellipse(self._level(7) + (28, 8), (38, 50), -25), amount=0.26, soft_mm=3)
        canvas.fill(band(smooth([*(top + [(0, -70), (2, 0)]), self._level(4)]), 15, 12), amount=-0.3, soft_mm=1.5)
        for _ in range(self._rng.integers(3, 10)):
            spot = self._level(13) + self._rng.uniform((-85, -40), (85, 110))
            gas = ellipse(spot, self._rng.uniform(4, 15, 2), self._rng.uniform(0, 180))
            canvas.fill(gas, amount=-self._rng.uniform(0.08, 0.25), soft_mm=2)

    def _draw_ribs(self, canvas: Canvas) -> None:
        for number in range(12):
            reach = np.interp(number, (0, 2, 5, 9, 11), (48, 82, 112, 120, 85)) * self._size
            fall = np.interp(number, (0, 4, 11), (18, 30, 75)) * self._size
            posterior = np.array([(0, 0), (0.2, 0), (0.55, 0.18), (0.88, 0.62), (1, 1.15)]) * (reach, fall)
            posterior[1, 1] = -5  # it rises a little before it falls
            anterior = posterior[-1] + [(0, 0), (-0.1 * reach, 26), (-0.45 * reach, 52)]
            for sign in (-1, 1):
                root = self._vertebrae[number].point(sign * 0.95, 0.12)
                rib = band(smooth(root + posterior * (sign, 1)), 7.5 * self._size, 6)
                canvas.fill(rib, amount=0.13, rim=0.2, rim_mm=1.0, soft_mm=0.4)
                if 1 <= number <= 9:
                    canvas.fill(band(smooth(root + anterior * (sign, 1)), 7), amount=0.11, soft_mm=1.5)
        for sign in (-1, 1):
            collar_bone = self._level(0) + np.array([(14, 34), (55, 16), (110, 10)]) * (sign, 1)
            canvas.fill(band(smooth(collar_bone), 11, 9), amount=0.15, rim=0.2, rim_mm=1.2, soft_mm=0.5)

    def _draw_pelvis(self, canvas: Canvas) -> None:
        """Sacrum and the two iliac wings below L5."""
        last = self._vertebrae[-1]
        base, half = last.point(0, 1) + (0, 9), 0.62 * last.width
        right = np.array([(half, 0), (half + 12, 18), (14, 95)])
        sacrum = smooth(base + np.vstack([right, (right * (-1, 1))[::-1]]), closed=True)
        canvas.fill(sacrum, amount=0.3, rim=0.3, rim_mm=1.8, soft_mm=0.6)
        for sign in (-1, 1):
            wing = np.array([(40, 18), (58, -14), (95, -26), (135, 15), (115, 90), (55, 90)]) * (sign, 1)
            canvas.fill(smooth(base + wing, closed=True), amount=0.28, rim=0.4, rim_mm=2.2, soft_mm=0.6)

    def _draw_vertebra(self, canvas: Canvas, vertebra: _Vertebra, lumbar: bool) -> None:
        """The waisted body with pedicles, transverse processes and the spinous process seen through it."""
        at, width, height = vertebra.point, vertebra.width, vertebra.height
        left = [(-1, 1), (-0.93, 0.75), (-0.9, 0.5), (-0.93, 0.25), (-1, 0)]
        right = [(-across, down) for across, down in left[::-1]]
        body = [at(across, down) for across, down in [*left, (0, 0.03), *right, (0, 0.97)]]
        canvas.fill(np.array(body), amount=0.26, rim=0.36, rim_mm=1.3, soft_mm=0.3)
        turned = 0.3 * vertebra.twist
        for sign in (-1, 1):
            pedicle = ellipse(at(sign * 0.6 + turned, 0.36), (0.085 * width, 0.2 * height), vertebra.tilt)
            canvas.fill(pedicle, amount=0.06, rim=0.34, rim_mm=1.0, soft_mm=0.25)
            root, tip = at(sign * 0.85, 0.36), at(sign * 1.45, 0.34 if lumbar else 0.12)
            process = band([root, (root + tip) / 2, tip], 0.3 * height, 0.22 * height)
            canvas.fill(process, amount=0.12, rim=0.1, soft_mm=0.7)
        thorn = ellipse(at(1.4 * turned, 0.78), (0.06 * width + 1, 0.24 * height), vertebra.tilt)
        canvas.fill(thorn, amount=0.12, rim=0.3, rim_mm=1.0, soft_mm=0.3)

"""A synthetic hand radiograph, thumb on the right: the hand of an adult, or of a child with growth plates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, Points, along, band, ellipse, rotated, smooth


class _Ray(NamedTuple):
    """A metacarpal and its phalanges: lengths in mm of an adult, angle from the forearm's axis, where it begins."""

    lengths: tuple[float, ...]
    degrees: float
    start: tuple[float, float]


# The head of the capitate is the origin; little finger to thumb as in the landmark set.
RAYS = {
    "little": _Ray((55, 34, 19, 17), -16, (-19.5, -26.5)),
    "ring": _Ray((60, 44, 27, 19), -6, (-11, -29)),
    "middle": _Ray((68, 48, 30, 20), 1, (0.5, -29)),
    "index": _Ray((69, 43, 25, 18), 10, (14, -26)),
    "thumb": _Ray((47, 34, 24), 43, (27, -19)),
}
# Half of a bone's width at base, waist and head, from the metacarpal to the tip.
FINGER_WIDTHS = ((6.3, 3.6, 6.4), (7.2, 4.3, 5.0), (5.9, 3.6, 4.2), (4.9, 2.3, 3.0))
THUMB_WIDTHS = ((7.4, 4.6, 7.2), (7.2, 4.4, 5.2), (6.0, 3.0, 3.8))

# Outlines of the carpal bones; the first point of each is its landmark.
CARPALS = {
    "triquetrum": [(-22, 3), (-25.5, -4), (-25, -11), (-19.5, -14), (-16, -9), (-17.5, -2)],
    "lunate": [(-9.5, 10.5), (-15.5, 7), (-15.5, 1.5), (-10, -1), (-3, 2.5), (-3, 8.5)],
    "scaphoid": [(6, 8), (-0.5, 5), (1.5, -0.5), (8, -7), (14.5, -9.5), (17, -5.5), (12.5, 3)],
    "hamate": [(-10, -3), (-17.5, -12), (-20, -20.5), (-13.5, -25), (-7.5, -24), (-6.8, -12)],
    "capitate": [(0, 0), (-4.5, -3), (-5.3, -13), (-5.8, -24), (1.5, -26.5), (6.3, -22), (5, -12), (4, -3)],
    "trapezoid": [(12, -12), (7.5, -14.5), (8, -22), (14, -23), (17, -18)],
    "trapezium": [(19, -8), (15.5, -12), (18.5, -19), (24, -19.5), (25.5, -13)],
}

# The six landmarks of the wrist are corners of these.
ULNA = [(-33, 23), (-14.5, 26), (-15.5, 40), (-18, 60), (-18, 130), (-33, 130), (-34, 60), (-34, 40)]
ULNA_CAP = [(-32.5, 21.5), (-30.5, 16), (-28.7, 13), (-26.5, 17), (-20, 17.5), (-15, 19), (-14.5, 24)]
RADIUS = [(-10.5, 22.5), (20, 22.8), (19, 38), (14.5, 60), (12, 130), (-7, 130), (-7, 60), (-9.5, 38)]
RADIUS_CAP = [(-10.8, 20.8), (-11.3, 16), (-1, 13.5), (10, 9.5), (20.3, 4), (22.2, 11), (20.8, 21)]


@dataclass(frozen=True, slots=True)
class _Bone:
    """A tubular bone from the middle of its base to the middle of its head, both of which lie on its outline."""

    base: FloatArray
    head: FloatArray
    half_widths: FloatArray

    @property
    def length(self) -> float:
        return float(np.hypot(*(self.head - self.base)))

    def outline(self) -> FloatArray:
        base, waist, head = self.half_widths
        near_base = [(-0.005, 0.55 * base), (0.02, 0.9 * base), (0.08, base), (0.2, 0.3 * base + 0.7 * waist)]
        near_head = [(0.8, 0.35 * head + 0.65 * waist), (0.92, head), (0.99, 0.65 * head)]
        side = [*near_base, (0.5, waist), *near_head]
        contour = [(0, 0), *side, (1, 0), *[(t, -offset) for t, offset in side[::-1]]]
        return smooth(along(self.base, self.head, contour), closed=True)


class Hand:
    """A left hand, fingers more or less spread."""

    field_mm: ClassVar[tuple[float, float]] = (272.0, 204.0)
    centre: ClassVar[tuple[float, float]] = (16.0, -82.0)
    tilt: ClassVar[float] = 10.0
    default_size: ClassVar[tuple[int, int]] = (640, 480)

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._size = rng.uniform(0.78, 1.06)
        self._open_plates = self._size < 0.95 and rng.random() < 0.8
        self._stretch = rng.normal(1, 0.03, 2).clip(0.94, 1.06)
        self._wrist_turn = rng.uniform(-7, 7)
        self._carpals = [self._carpal(np.array(outline, dtype=np.float64)) for outline in CARPALS.values()]
        self._rays = self._build_rays()

    @property
    def landmarks(self) -> FloatArray:
        """(37, 2) mm in the order of the set."""
        wrist = [ULNA[0], ULNA_CAP[2], ULNA[1], RADIUS[0], RADIUS[1], RADIUS_CAP[4]]
        points = [*self._wrist(wrist), *(outline[0] for outline in self._carpals)]
        points += [bones[0].base for bones in self._rays.values()]
        for name in ("thumb", "index", "middle", "ring", "little"):
            phalanges = self._rays[name][1:]
            points += [phalanges[0].base, *(bone.head for bone in phalanges)]
        return np.array(points)

    def draw(self, canvas: Canvas) -> None:
        """Lay all tissues on the canvas."""
        self._draw_soft_tissue(canvas)
        self._draw_forearm(canvas)
        for outline in self._carpals:
            canvas.fill(smooth(outline, closed=True), amount=0.36, rim=0.36, rim_mm=1.0, soft_mm=0.2)
        canvas.fill(ellipse(self._carpals[0][2] + (3, 3), (4.2, 5)), amount=0.18, rim=0.2)  # pisiform
        for bones in self._rays.values():
            for number, bone in enumerate(bones):
                density = 0.42 - 0.06 * number
                canvas.fill(bone.outline(), amount=density, rim=density, rim_mm=1.4, soft_mm=0.15)
                if self._open_plates and number:
                    self._draw_plate(canvas, bone)

    def _place(self, points: npt.ArrayLike) -> FloatArray:
        """From the adult template to this hand."""
        placed: FloatArray = np.asarray(points, dtype=np.float64) * self._stretch * self._size
        return placed

    def _wrist(self, points: Points) -> FloatArray:
        return self._place(rotated(points, self._wrist_turn, (-4, 10)))

    def _carpal(self, outline: FloatArray) -> FloatArray:
        middle = outline.mean(axis=0)
        grown = self._rng.uniform(0.86, 0.96) if self._open_plates else self._rng.uniform(1.02, 1.1)
        return self._place(middle + (outline - middle) * grown + self._rng.normal(0, 0.6, 2).clip(-1.2, 1.2))

    def _build_rays(self) -> dict[str, list[_Bone]]:
        spread, lean = self._rng.uniform(0.7, 1.15), self._rng.uniform(-3, 3)
        rays = {}
        for name, ray in RAYS.items():
            direction = ray.degrees * spread + lean + self._rng.uniform(-2, 2)
            at = self._place(ray.start) + self._rng.normal(0, 0.5, 2).clip(-1, 1)
            thick = self._size * (0.92 if name == "little" else 1.0)
            bones = []
            for length, widths in zip(ray.lengths, THUMB_WIDTHS if name == "thumb" else FINGER_WIDTHS, strict=True):
                step = rotated([(0, -length * self._rng.uniform(0.95, 1.05) * self._size)], direction)[0]
                bones.append(_Bone(at, at + step, np.array(widths) * thick))
                joint = (1.8 if len(bones) > 1 else 3.0) * self._size
                at = at + step * (1 + joint / bones[-1].length)
                direction += self._rng.uniform(-5, 5) - (10 if name == "thumb" and len(bones) == 1 else 0)
            rays[name] = bones
        return rays

    def _draw_soft_tissue(self, canvas: Canvas) -> None:
        fingers = []
        for name, bones in self._rays.items():
            last = bones[-1]
            pad = last.head + (last.head - last.base) * (4.5 * self._size / last.length)
            thick = (21 if name == "thumb" else 17.5) * self._size
            axis = [bone.base for bone in (bones if name == "thumb" else bones[1:])]
            fingers.append(band(smooth([*axis, last.head, pad]), thick * 1.15, thick * 0.8))
            fingers.append(ellipse(last.head * 0.6 + pad * 0.4, np.full(2, thick * 0.42)))
        palm = self._palm()
        canvas.fill(palm, *fingers, amount=0.16, soft_mm=0.4)
        canvas.fill(palm, *fingers, amount=0.26, round_mm=7, soft_mm=0.4)
        canvas.fill(palm, amount=0.2, round_mm=12, soft_mm=2)

    def _palm(self) -> FloatArray:
        """The outline of palm and forearm, up to the webs between the fingers."""
        chains = {name: [bone.base for bone in bones] for name, bones in self._rays.items()}
        fingers = [chain for name, chain in chains.items() if name != "thumb"]
        webs = [(0.7 * (a[1] + b[1]) + 0.3 * (a[2] + b[2])) / 2 for a, b in pairwise(fingers)]
        thumb, index, little = chains["thumb"], chains["index"], chains["little"]
        ball = [thumb[0] + (8, 2), (thumb[0] + thumb[1]) / 2 + (9, 3), thumb[1] + (0, -4)]
        radial = [*self._wrist([(31, 120), (29, 20)]), *ball, (thumb[1] + index[1]) / 2 + (-6, 10), index[1] + (10, 0)]
        ulnar = [little[1] + (-9, 0), *self._wrist([(-42, 20), (-43, 120)])]
        return smooth([*radial, *webs[::-1], *ulnar], closed=True)

    def _draw_forearm(self, canvas: Canvas) -> None:
        """Shaft and epiphysis of each bone; once grown they touch, and where the plate was a scar shows."""
        gap = 0.0 if self._open_plates else 1.4
        for shaft, cap in ((ULNA, ULNA_CAP), (RADIUS, RADIUS_CAP)):
            edge = np.zeros((len(cap), 2))
            edge[[0, -1], 1] = gap
            canvas.fill(self._wrist(shaft), amount=0.36, rim=0.32, rim_mm=1.6, soft_mm=0.2)
            canvas.fill(self._wrist(cap + edge), amount=0.34, rim=0.32, rim_mm=1.1, soft_mm=0.2)

    def _draw_plate(self, canvas: Canvas, bone: _Bone) -> None:
        """The growth plate near the base of a phalanx: a dark line across the bone."""
        at = 4.2 * self._size / bone.length
        reach = float(bone.half_widths[0])
        plate = along(bone.base, bone.head, [(at, -reach), (at * 0.92, 0), (at, reach)])
        canvas.fill(band(plate, 1.3), amount=-0.35, soft_mm=0.25)

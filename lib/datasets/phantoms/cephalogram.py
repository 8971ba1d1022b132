"""A synthetic lateral cephalogram, facing right: every landmark is an edge, a tip or a centre of what is drawn."""

# ruff: noqa: RUF005 - an array plus a tuple is a sum of vectors here
from __future__ import annotations

from typing import ClassVar

import numpy as np

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, along, band, ellipse, smooth
from lib.datasets.phantoms.head import Head, build_head
from lib.datasets.phantoms.jaws import draw_jaws
from lib.datasets.phantoms.skull import draw_skull

ORDER = (
    "S", "N", "Or", "Po", "A", "B", "Pog", "Me", "Gn", "Go", "Ii", "Is", "UL", "LL", "Sn", "Pog'", "PNS", "ANS", "Ar"
)  # fmt: skip


class Cephalogram:
    """A head on a film: soft tissue, neck, skull, jaws, sometimes the head holder."""

    field_mm: ClassVar[tuple[float, float]] = (236.0, 190.0)
    centre: ClassVar[tuple[float, float]] = (17.0, 22.0)
    tilt: ClassVar[float] = 10.0
    default_size: ClassVar[tuple[int, int]] = (600, 480)

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._head = build_head(rng)

    @property
    def landmarks(self) -> FloatArray:
        """(19, 2) mm in the order of the set."""
        return np.array([self._head[name] for name in ORDER])

    def draw(self, canvas: Canvas) -> None:
        """Lay all tissues on the canvas."""
        _draw_soft_tissue(canvas, self._head)
        _draw_throat(canvas, self._head, self._rng)
        _draw_cervical_spine(canvas, self._head, self._rng)
        draw_skull(canvas, self._head, self._rng)
        draw_jaws(canvas, self._head)
        if self._rng.random() < 0.5:
            _draw_head_holder(canvas, self._head)


def _draw_soft_tissue(canvas: Canvas, head: Head) -> None:
    n, sn, nose, upper, lower, me = (head[name] for name in ("N", "Sn", "Nose", "UL", "LL", "Me"))
    stomion = (upper + lower) / 2 + (-5.5, 0)
    throat = (head["Go"] + me) / 2 + (8, 18)
    neck = np.array([head["Go"][0] + 28, throat[1]])
    profile = [
        *(n + [(6, -56), (9.5, -22), (9.5, -11), (6.2, 1.5)]),
        *((n + nose) / 2 + (0.8, 0), nose + (-3.2, -5.5), nose, nose + (-3.8, 4.8)),
        *(sn + [(4.5, 0.2), (0, 0), (0.6, 4)]),
        *(upper, upper + (-1.5, 4.5), stomion, lower + (-1.8, -4.5), lower),
        *(head["B"] + (9.5, 1.5), head["Pog'"], me + (6.5, 7.5), me + (-8, 9.5)),
        *(throat, neck + (0, 25), neck + (-4, 110)),
    ]
    nape = [(-82, throat[1] + 110), (-80, 110), (-76, 80)]
    occiput = [(-92, 48), (-107, 0), (-102, -50), (-70, -89), (-22, -105), (28, -99)]
    outline = smooth([*profile, *nape, *occiput], closed=True)
    canvas.fill(outline, amount=0.36)
    canvas.fill(outline, amount=0.5, round_mm=20)


def _draw_throat(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """The airway from the soft palate down, and the hyoid before it."""
    pns, go = head["PNS"], head["Go"]
    airway = smooth([pns + (-7, 3), (pns + go) / 2 + (0, 5), *(go + [(9, 22), (12, 60), (8, 110)])])
    canvas.fill(band(airway, 8, 13), amount=-0.32, soft_mm=1.5)
    hyoid = go + (24, 28 + rng.uniform(-5, 5))
    canvas.fill(band(smooth(hyoid + [(-13, -7), (-4, -1), (3, 4)]), 2.5, 6), amount=0.3, rim=0.2)


def _draw_cervical_spine(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Atlas with its two arches, the dens, and the bodies and arches from the axis down."""
    top = np.array([head["Go"][0] - 15.0, head["Ar"][1] + 24.0])
    dens = smooth(top + [(-5, 8), (-4, -14), (1, -17), (4, -13), (7, 8)], closed=True)
    canvas.fill(dens, amount=0.22, rim=0.3, rim_mm=1.2)
    canvas.fill(ellipse(top + (9, -12), (3, 5)), amount=0.2, rim=0.3)
    canvas.fill(band(smooth(top + [(-12, -10), (-24, -8), (-38, -7)]), 7, 4), amount=0.2, rim=0.2, soft_mm=0.9)
    centre, down = top, np.array([rng.uniform(-0.35, 0.0), 1.0])
    for level in range(6):
        half, height = 7.5 + 0.25 * level, 15.0 if level == 0 else 12.5
        side = [(0, half), (0.5, half - 1.2), (1, half)]
        contour = [*side, *[(t, -offset) for t, offset in side[::-1]]]
        body = along(centre - down * height / 2, centre + down * height / 2, contour)
        canvas.fill(body, amount=0.26, rim=0.4, rim_mm=1.4, soft_mm=0.5)
        arch = smooth(centre + [(-8, -2), (-18, 1 + level), (-30 - level, 7 + 1.5 * level)])
        canvas.fill(band(arch, 10, 5), amount=0.24, rim=0.2, soft_mm=0.9)
        down = down + (rng.uniform(-0.02, 0.07), 0)
        centre = centre + down * (height / 2 + 9.5)


def _draw_head_holder(canvas: Canvas, head: Head) -> None:
    """The rest at the bridge of the nose and its ruler."""
    rest = head["N"] + (17, 2)
    canvas.fill(ellipse(rest, (3.5, 4.5)), band(rest + [(0, 0), (14, 0)], 3), amount=0.5, soft_mm=0.2)
    foot = rest + (14, 4)
    canvas.fill(band(foot + [(0, -114), (0, 0)], 3.5), amount=0.45, soft_mm=0.2)
    ticks = [band(foot + [(-2.5, -tick), (2.5, -tick)], 0.6) for tick in range(5, 30, 3)]
    canvas.fill(*ticks, amount=0.4)

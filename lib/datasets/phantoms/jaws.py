"""The jaws and teeth of a synthetic head."""

# ruff: noqa: RUF005 - an array plus a tuple is a sum of vectors here
from __future__ import annotations

import numpy as np

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, along, band, smooth
from lib.datasets.phantoms.head import Head


def draw_jaws(canvas: Canvas, head: Head) -> None:
    """Lay jaws and teeth on the canvas: their landmarks are tips, corners and the deepest places of the outlines."""
    _draw_maxilla(canvas, head)
    _draw_mandible(canvas, head)
    _draw_tooth(canvas, head["Is"], head["A"] + (-8, 0), width=7.0, blunt=0.12, amount=0.8)
    _draw_tooth(canvas, head["Ii"], head["B"] + (-7, 2), width=5.5, blunt=0.12, amount=0.8)
    _draw_cheek_teeth(canvas, head)


def _draw_maxilla(canvas: Canvas, head: Head) -> None:
    """Hard palate with its spines at the tips, the bone of the upper teeth with A-point in its front, soft palate."""
    pns, ans, a, molar = (head[name] for name in ("PNS", "ANS", "A", "Molar"))
    crest = a + (head["Is"] - a) * 0.45 + (-1.5, 0)
    front = smooth([ans + (-5, 3.2), a, crest])[8:]
    gum = [
        crest + (-9, -1),
        (crest + molar) / 2 + (-2, -7),
        *(molar + [(2, -8), (-8, -11)]),
        *(pns + [(0, 10), (0, 0)]),
    ]
    canvas.fill(np.vstack([[ans], front, smooth([crest, *gum])]), amount=0.3, rim=0.25, rim_mm=1.3, soft_mm=0.15)
    nasal_floor = [(0, 0), (0.15, -1.4), (0.75, -1.6), (0.94, -1.0), (1, 0)]
    roof_of_mouth = [(0.92, 1.2), (0.7, 1.8), (0.12, 1.2)]
    canvas.fill(along(pns, ans, [*nasal_floor, *roof_of_mouth]), amount=0.55, soft_mm=0.15)
    canvas.fill(band(smooth(pns + [(2, 1), (-8, 10), (-13, 22)]), 5, 8), amount=0.2, soft_mm=0.8)


def _draw_mandible(canvas: Canvas, head: Head) -> None:
    """Condyle, ramus, body and chin; articulare lies on its posterior border."""
    ar, go, me, gn, pog, b, tip, molar = (head[name] for name in ("Ar", "Go", "Me", "Gn", "Pog", "B", "Ii", "Molar"))
    base = me - go
    crest = tip + (b - tip) * 0.5
    ramus = [*(ar + [(1, -9), (-2, -5), (0, 0)]), (ar + go) / 2 + (1.8, 0)]
    lower_border = [go, go + (4.5, 4.2), go + 0.35 * base + (0, 1.2), go + 0.7 * base + (0, 2.2)]
    outside = smooth([*ramus, *lower_border, me, gn, pog, b, crest])
    coronoid = [*(molar + [(6, 8), (-9, 6), (-14, -8)]), *(ar + [(22, -5), (12, 2), (5, -7)])]
    inside = smooth([crest + (-6, 1), *coronoid])
    canvas.fill(np.vstack([outside, inside]), amount=0.3, rim=0.5, rim_mm=1.6, soft_mm=0.15)
    canvas.fill(np.vstack([outside[40:], inside[:20]]), amount=0.18, soft_mm=3)  # the body is thicker than the ramus
    chin = [b + (-1, 1), pog + (-0.7, 0), gn + (-0.7, -0.7), *(me + [(0, -0.8), (-9, -4)]), b + (-9, 5)]
    canvas.fill(smooth(chin, closed=True), amount=0.12, rim=0.4, rim_mm=1.3)
    canal = [(ar + go) / 2 + (8, 4), go + (20, -6), go + 0.55 * base + (0, -9), go + 0.8 * base + (0, -9)]
    canvas.fill(band(smooth(canal), 2.5), amount=-0.1, soft_mm=0.3)


def _draw_cheek_teeth(canvas: Canvas, head: Head) -> None:
    """Molars and premolars of both jaws along the plane in which they meet."""
    plane = (head["Is"] + head["Ii"]) / 2 + (-8, 0) - head["Molar"]
    up = np.array([plane[1], -plane[0]]) / np.hypot(*plane)
    for place, width in ((0.02, 10.5), (0.31, 11.0), (0.57, 7.5), (0.78, 7.5), (0.98, 7.5)):
        point = head["Molar"] + place * plane
        _draw_tooth(canvas, point + 0.4 * up, point + 16 * up, width, blunt=0.8, amount=0.5)
        _draw_tooth(canvas, point - 0.4 * up, point - 18 * up, width, blunt=0.8, amount=0.5)


def _draw_tooth(canvas: Canvas, tip: FloatArray, apex: FloatArray, width: float, blunt: float, amount: float) -> None:
    """A tooth from its biting edge to the end of its root; ``blunt`` 0 is a sharp edge, 1 a flat one."""
    crown, half = 0.4, width / 2
    enamel = [(0, blunt), (0.1, 0.4 + 0.5 * blunt), (0.6 * crown, 1.0), (crown, 0.85)]
    root = [(0.75, 0.55), (1, 0.15)]
    for part, density, rim in (([*enamel, *root], 0.5, 0.2), (enamel, 0.8, 0.0)):
        contour = [*part, *[(t, -offset) for t, offset in part[::-1]]]
        canvas.fill(
            along(tip, apex, np.array(contour) * (1, half)), amount=amount * density, rim=amount * rim, soft_mm=0.25
        )

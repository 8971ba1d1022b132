"""The bones of a synthetic head above the jaws: vault, cranial base, ear, orbit."""

# ruff: noqa: RUF005 - an array plus a tuple is a sum of vectors here
from __future__ import annotations

import numpy as np

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, arc, band, ellipse, smooth
from lib.datasets.phantoms.head import Head


def draw_skull(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Lay the skull on the canvas: nasion, sella, articulare (its half), porion and orbitale become visible."""
    _draw_vault(canvas, head, rng)
    _draw_cranial_base(canvas, head, rng)
    _draw_nose(canvas, head)
    _draw_ear(canvas, head["Po"], rng)
    _draw_orbit(canvas, head)


def _draw_vault(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Outer and inner table with the diploe between them, from nasion over the vertex to the occiput's underside."""
    n, s = head["N"], head["S"]
    upper = [(66, -34), (56, -66), (25, -92), (-20, -97), (-66, -80), (-95, -45), (-98, -5), (-84, 28), (-62, 43)]
    grown = np.array([*upper, (-44, 45)]) * float(np.hypot(*(n - head["Po"]))) / 91
    outer = smooth([n, n + (3.2, -10), *grown])
    brain = np.vstack([outer, [head["Ar"] + (-12, 12), s + (-8, 8), s + (10, -6)]])
    canvas.fill(brain, amount=0.3, round_mm=16, soft_mm=0.6)
    thick = rng.uniform(4.0, 6.5)
    canvas.fill(band(outer, 1.6, 0.8), amount=0.3, soft_mm=0.3)
    canvas.fill(_inside(outer, 0.0, thick), amount=0.4, soft_mm=0.4)
    canvas.fill(_inside(outer, thick - 1.5, thick), amount=0.22, soft_mm=0.4)
    frontal_sinus = smooth(n + [(-1.5, -5), (-0.5, -13), (-2.5, -23), (-6, -15), (-7, -6)], closed=True)
    canvas.fill(frontal_sinus, amount=-0.28, rim=0.25, rim_mm=1.0)


def _inside(line: FloatArray, start: float, depth: float) -> FloatArray:
    """The band from ``start`` to ``depth`` mm on the inner side of the vault; it thins out towards both ends."""
    along_line = np.gradient(line, axis=0)
    inwards = np.column_stack([-along_line[:, 1], along_line[:, 0]]) / np.hypot(*along_line.T)[:, None]
    ends = np.minimum(np.linspace(0.15, 8, len(line)), np.linspace(3, 0.3, len(line)))
    inwards *= np.clip(ends, 0, 1)[:, None]
    outline: FloatArray = np.vstack([line + inwards * start, (line + inwards * depth)[::-1]])
    return outline


def _draw_cranial_base(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Anterior base, sella turcica as a cup about S, clivus, and the underside that crosses the ramus in articulare."""
    s, n, ar = head["S"], head["N"], head["Ar"]
    radius = rng.uniform(4.5, 6.3)
    cup = s + arc((0, 0), (radius, radius), -35, 215)
    front, back = cup[0], cup[-1]
    roof = smooth([*(n + [(-5, -7), (-16, -8)]), *(s + [(33, -13), (17, -9)]), front + (3, -0.5), front])
    clivus = smooth([*(back + [(0, 0), (-1.8, -1.8), (-4, 4)]), s + (-14, 20), ar + (-11, 9)])
    underside = smooth([*(s + [(22, 17), (8, 21)]), ar, ar + (-11, 9.5)])
    canvas.fill(ellipse(s, (radius, radius)), amount=-0.14)
    canvas.fill(band(np.vstack([roof, cup, clivus]), 1.5), amount=0.5, soft_mm=0.35)
    canvas.fill(band(smooth([n + (-7, 2), *(s + [(45, -1), (30, -4)]), front + (4, 1)]), 1.2), amount=0.28)
    sphenoid = np.vstack([cup[::-1], roof[-8:-1][::-1], s + [(26, 4)], underside, clivus[::-1]])
    canvas.fill(sphenoid, amount=0.22, soft_mm=1)
    canvas.fill(band(underside, 1.5), amount=0.45, soft_mm=0.3)
    sinus = smooth([front + (2, 5), *(s + [(17, -4), (24, 6), (17, 14), (4, 12)])], closed=True)
    canvas.fill(sinus, amount=-0.25, rim=0.25, rim_mm=0.9)


def _draw_nose(canvas: Canvas, head: Head) -> None:
    """The nasal bone, which leaves a notch to the frontal bone at nasion, and the ethmoid cells."""
    n, s = head["N"], head["S"]
    ridge = head["Nose"] - n
    nasal_bone = smooth([n + (0.2, 0.9), n + 0.2 * ridge + (-1.6, 0), n + 0.45 * ridge + (-2.5, 0)])
    canvas.fill(band(nasal_bone, 3.4, 0.9), amount=0.4)
    ethmoid = smooth([n + (-5, 6), *(s + [(30, 2), (30, 17)]), n + (-4, 25)], closed=True)
    canvas.fill(ethmoid, amount=0.12, soft_mm=2)


def _draw_ear(canvas: Canvas, po: FloatArray, rng: np.random.Generator) -> None:
    """The ear canal, whose rim is highest in porion, in the dense petrous bone; the cells of the mastoid."""
    canvas.fill(ellipse(po + (1, -3), (15, 11), -20), amount=0.4, soft_mm=4)
    mastoid = po + (-13, 13)
    canvas.fill(ellipse(mastoid, (9, 14), 15), amount=0.25, soft_mm=2.5)
    for _ in range(16):
        canvas.fill(ellipse(mastoid + rng.normal(0, 4.5, 2), rng.uniform(0.7, 2.2, 2)), amount=-0.13, soft_mm=0.4)
    radius = rng.uniform(3.8, 5.2)
    canal = po + (0, radius)
    canvas.fill(ellipse(canal, (radius, radius)), amount=-0.3)
    canvas.fill(band(canal + arc((0, 0), (radius, radius), 0, 360), 1.6), amount=0.7)


def _draw_orbit(canvas: Canvas, head: Head) -> None:
    """The orbit's rim, lowest in orbitale, and below it the zygomatic bone and the maxillary sinus."""
    orbitale, pns, ans = head["Or"], head["PNS"], head["ANS"]
    canvas.fill(ellipse(orbitale + (-2, -15), (16, 14)), amount=-0.1, soft_mm=1.5)
    rim = orbitale + arc((0, -17), (11, 17), -20, 170)
    canvas.fill(band(rim[:25], 0.6, 1.9), band(rim[24:], 1.9, 0.6), amount=0.5, soft_mm=0.25)
    key_ridge = smooth(orbitale + [(-17, -6), (-14, 9), (-9.5, 18), (-5.5, 17), (-2, 8), (1, 2.5)])
    canvas.fill(band(key_ridge, 1.8), amount=0.25, soft_mm=0.5)
    floor = [ans + (-14, -4), (pns + ans) / 2 + (-4, -3), *(pns + [(6, -5), (5, -16)])]
    sinus = smooth([orbitale + (1, 5), *floor, orbitale + (-22, 4)], closed=True)
    canvas.fill(sinus, amount=-0.26, rim=0.22, rim_mm=1.0, soft_mm=0.4)
    canvas.fill(band(smooth(pns + [(1, -2), (-1, -12), (4, -24)]), 1.5), amount=0.3)

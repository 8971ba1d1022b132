"""A synthetic lateral cephalogram, facing right: every landmark is an edge, a tip or a centre of what is drawn here."""

# ruff: noqa: RUF005 - an array plus a tuple is a sum of vectors here
from __future__ import annotations

from typing import ClassVar

import numpy as np

from lib.datasets.phantoms.canvas import Canvas
from lib.datasets.phantoms.curves import FloatArray, along, arc, band, ellipse, smooth
from lib.datasets.phantoms.head import Head, build_head

ORDER = (
    "S",
    "N",
    "Or",
    "Po",
    "A",
    "B",
    "Pog",
    "Me",
    "Gn",
    "Go",
    "Ii",
    "Is",
    "UL",
    "LL",
    "Sn",
    "Pog'",
    "PNS",
    "ANS",
    "Ar",
)


class Cephalogram:
    """A head on a film: soft tissue, skull, cranial base, neck, jaws, teeth, sometimes the head holder."""

    field_mm: ClassVar[tuple[float, float]] = (236.0, 190.0)
    centre: ClassVar[tuple[float, float]] = (14.0, 22.0)
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
        _soft_tissue(canvas, self._head)
        _vault(canvas, self._head, self._rng)
        _cranial_base(canvas, self._head, self._rng)
        _ear(canvas, self._head["Po"], self._rng)
        _neck(canvas, self._head, self._rng)
        _orbit(canvas, self._head)
        _maxilla(canvas, self._head)
        _mandible(canvas, self._head)
        _incisors(canvas, self._head)
        _cheek_teeth(canvas, self._head)
        if self._rng.random() < 0.5:
            _head_holder(canvas, self._head)


def _vault_outline(head: Head) -> FloatArray:
    """The outside of the skull from nasion over the vertex to the occipital bone's underside."""
    n, po = head["N"], head["Po"]
    grow = float(np.hypot(*(n - po))) / 91
    upper = [
        (66, -34),
        (56, -66),
        (25, -92),
        (-20, -97),
        (-66, -80),
        (-95, -45),
        (-98, -5),
        (-84, 28),
        (-62, 43),
        (-44, 45),
    ]
    return smooth([n, n + (3.2, -10), *(np.array(upper) * grow)])


def _soft_tissue(canvas: Canvas, head: Head) -> None:
    n, sn, nose = head["N"], head["Sn"], head["Nose"]
    stomion = (head["UL"] + head["LL"]) / 2 + (-5.5, 0)
    throat = (head["Go"] + head["Me"]) / 2 + (8, 18)
    neck_x = head["Go"][0] + 28
    profile = [
        n + (6, -56), n + (9.5, -22), n + (9.5, -11), n + (6.2, 1.5), (n + nose) / 2 + (0.8, 0), nose + (-3.2, -5.5), nose,
        nose + (-3.8, 4.8), sn + (4.5, 0.2), sn, sn + (0.6, 4), head["UL"], head["UL"] + (-1.5, 4.5), stomion,
        head["LL"] + (-1.8, -4.5), head["LL"], head["B"] + (9.5, 1.5), head["Pog'"], head["Me"] + (6.5, 7.5),
        head["Me"] + (-8, 9.5), throat, (neck_x, throat[1] + 25), (neck_x - 4, throat[1] + 110),
    ]  # fmt: skip
    back = [
        (-82, throat[1] + 110),
        (-80, 110),
        (-76, 80),
        (-92, 48),
        (-107, 0),
        (-102, -50),
        (-70, -89),
        (-22, -105),
        (28, -99),
    ]
    outline = smooth([*profile, *back], closed=True)
    canvas.fill(outline, amount=0.36)
    canvas.fill(outline, amount=0.5, round_mm=20)


def _vault(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    outer = _vault_outline(head)
    brain = np.vstack([outer, [head["Ar"] + (-12, 12), head["S"] + (-8, 8), head["S"] + (10, -6)]])
    canvas.fill(brain, amount=0.3, round_mm=16, soft_mm=0.6)
    thick = rng.uniform(4.0, 6.5)
    canvas.fill(band(outer, 1.6, 0.8), amount=0.3, soft_mm=0.3)
    canvas.fill(_inside(outer, thick), amount=0.4, soft_mm=0.4)
    canvas.fill(_inside(outer, thick, thick - 1.5), amount=0.22, soft_mm=0.4)
    n = head["N"]
    sinus = smooth([n + (-1.5, -5), n + (-0.5, -13), n + (-2.5, -23), n + (-6, -15), n + (-7, -6)], closed=True)
    canvas.fill(sinus, amount=-0.28, rim=0.25, rim_mm=1.0)


def _inside(line: FloatArray, depth: float, start: float = 0.0) -> FloatArray:
    """The band between ``start`` and ``depth`` mm on the inner side of the vault, which thins out towards nasion and the neck."""
    along_line = np.gradient(line, axis=0)
    across = np.column_stack([along_line[:, 1], -along_line[:, 0]]) / np.hypot(*along_line.T)[:, None]
    ends = np.minimum(np.linspace(0.15, 8, len(line)), np.linspace(3, 0.3, len(line)))
    inwards = -across * np.clip(ends, 0, 1)[:, None]
    return np.vstack([line + inwards * start, (line + inwards * depth)[::-1]])


def _cranial_base(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Anterior base, sella turcica as a cup about S, clivus, and the underside that crosses the ramus in articulare."""
    s, n, ar = head["S"], head["N"], head["Ar"]
    radius = rng.uniform(4.5, 6.3)
    cup = s + arc((0, 0), (radius, radius), -35, 215)
    front, back = cup[0], cup[-1]
    roof = smooth([n + (-5, -7), n + (-16, -8), s + (33, -13), s + (17, -9), front + (3, -0.5), front])
    clivus = smooth([back, back + (-1.8, -1.8), back + (-4, 4), s + (-14, 20), ar + (-11, 9)])
    canvas.fill(ellipse(s, (radius, radius)), amount=-0.14)
    canvas.fill(band(np.vstack([roof, cup, clivus]), 1.5), amount=0.5, soft_mm=0.35)
    canvas.fill(band(smooth([n + (-7, 2), s + (45, -1), s + (30, -4), front + (4, 1)]), 1.2), amount=0.28)
    underside = smooth([s + (22, 17), s + (8, 21), ar, ar + (-11, 9.5)])
    canvas.fill(
        np.vstack([cup[::-1], roof[-8:-1][::-1], s + [(26, 4)], underside, clivus[::-1]]), amount=0.22, soft_mm=1
    )
    canvas.fill(band(underside, 1.5), amount=0.45, soft_mm=0.3)
    sinus = smooth([front + (2, 5), s + (17, -4), s + (24, 6), s + (17, 14), s + (4, 12)], closed=True)
    canvas.fill(sinus, amount=-0.25, rim=0.25, rim_mm=0.9)
    ridge = head["Nose"] - n
    nasal_bone = smooth([n + (0.2, 0.9), n + 0.2 * ridge + (-1.6, 0), n + 0.45 * ridge + (-2.5, 0)])
    canvas.fill(band(nasal_bone, 3.4, 0.9), amount=0.4)
    ethmoid = smooth([n + (-5, 6), s + (30, 2), s + (30, 17), n + (-4, 25)], closed=True)
    canvas.fill(ethmoid, amount=0.12, soft_mm=2)


def _ear(canvas: Canvas, po: FloatArray, rng: np.random.Generator) -> None:
    """The ear canal with a rim whose highest point is porion, in the dense petrous bone, and the cells of the mastoid."""
    canvas.fill(ellipse(po + (1, -3), (15, 11), -20), amount=0.4, soft_mm=4)
    mastoid = po + (-13, 13)
    canvas.fill(ellipse(mastoid, (9, 14), 15), amount=0.25, soft_mm=2.5)
    for _ in range(16):
        canvas.fill(ellipse(mastoid + rng.normal(0, 4.5, 2), rng.uniform(0.7, 2.2, 2)), amount=-0.13, soft_mm=0.4)
    radius = rng.uniform(3.8, 5.2)
    canal = po + (0, radius)
    canvas.fill(ellipse(canal, (radius, radius)), amount=-0.3)
    canvas.fill(band(canal + arc((0, 0), (radius, radius), 0, 360), 1.6), amount=0.7)


def _neck(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Cervical vertebrae behind the throat, the airway and the hyoid before them."""
    top = np.array([head["Go"][0] - 15.0, head["Ar"][1] + 24.0])
    lean = rng.uniform(-0.35, 0.0)
    tongue_root = (head["PNS"] + head["Go"]) / 2
    airway = [
        head["PNS"] + (-7, 3),
        tongue_root + (0, 5),
        head["Go"] + (9, 22),
        head["Go"] + (12, 60),
        head["Go"] + (8, 110),
    ]
    canvas.fill(band(smooth(airway), 8, 13), amount=-0.32, soft_mm=1.5)
    hyoid = head["Go"] + (24, 28 + rng.uniform(-5, 5))
    canvas.fill(band(smooth([hyoid + (-13, -7), hyoid + (-4, -1), hyoid + (3, 4)]), 2.5, 6), amount=0.3, rim=0.2)
    canvas.fill(smooth([top + (-5, 8), top + (-4, -14), top + (1, -17), top + (4, -13), top + (7, 8)], closed=True), amount=0.22,
                rim=0.3, rim_mm=1.2)  # fmt: skip
    canvas.fill(ellipse(top + (9, -12), (3, 5)), amount=0.2, rim=0.3)
    canvas.fill(
        band(smooth([top + (-12, -10), top + (-24, -8), top + (-38, -7)]), 7, 4), amount=0.2, rim=0.2, soft_mm=0.9
    )
    centre, down = top, np.array([lean, 1.0])
    for level in range(6):
        width, height = 15 + 0.5 * level, 12.5 + (2.5 if level == 0 else 0)
        body = along(centre - down * height / 2, centre + down * height / 2,
                     [(0, width / 2), (0.5, width / 2 - 1.2), (1, width / 2), (1, -width / 2), (0.5, 1.2 - width / 2), (0, -width / 2)])  # fmt: skip
        canvas.fill(body, amount=0.26, rim=0.4, rim_mm=1.4, soft_mm=0.5)
        arch = [centre + (-8, -2), centre + (-18, 1 + level), centre + (-30 - level, 7 + 1.5 * level)]
        canvas.fill(band(smooth(arch), 10, 5), amount=0.24, rim=0.2, soft_mm=0.9)
        down = down + (rng.uniform(-0.02, 0.07), 0)
        centre = centre + down * (height / 2 + 9.5)


def _orbit(canvas: Canvas, head: Head) -> None:
    """The orbit's rim, lowest in orbitale, and below it the zygomatic bone and the maxillary sinus."""
    orbitale, pns, ans = head["Or"], head["PNS"], head["ANS"]
    socket = orbitale + (-2, -15)
    canvas.fill(ellipse(socket, (16, 14)), amount=-0.1, soft_mm=1.5)
    rim = orbitale + arc((0, -17), (11, 17), -20, 170)
    canvas.fill(band(rim[:25], 0.6, 1.9), band(rim[24:], 1.9, 0.6), amount=0.5, soft_mm=0.25)
    key_ridge = smooth([orbitale + (-17, -6), orbitale + (-14, 9), orbitale + (-9.5, 18), orbitale + (-5.5, 17), orbitale + (-2, 8),
                        orbitale + (1, 2.5)])  # fmt: skip
    canvas.fill(band(key_ridge, 1.8), amount=0.25, soft_mm=0.5)
    sinus = smooth([orbitale + (1, 5), ans + (-14, -4), (pns + ans) / 2 + (-4, -3), pns + (6, -5), pns + (5, -16), orbitale + (-22, 4)],
                   closed=True)  # fmt: skip
    canvas.fill(sinus, amount=-0.26, rim=0.22, rim_mm=1.0, soft_mm=0.4)
    canvas.fill(band(smooth([pns + (1, -2), pns + (-1, -12), pns + (4, -24)]), 1.5), amount=0.3)


def _maxilla(canvas: Canvas, head: Head) -> None:
    """Hard palate with its spines at the tips; its front is deepest in A-point."""
    pns, ans, a, tip, molar = (head[name] for name in ("PNS", "ANS", "A", "Is", "Molar"))
    span = ans - pns
    crest = a + (tip - a) * 0.45 + (-1.5, 0)
    front = smooth([ans + (-5, 3.2), a, crest])[8:]
    gum = smooth(
        [
            crest,
            crest + (-9, -1),
            (crest + molar) / 2 + (-2, -7),
            molar + (2, -8),
            molar + (-8, -11),
            pns + (0, 10),
            pns,
        ]
    )
    canvas.fill(np.vstack([[ans], front, gum]), amount=0.3, rim=0.25, rim_mm=1.3, soft_mm=0.15)
    palate = [pns, pns + 0.15 * span + (0, -1.4), pns + 0.75 * span + (0, -1.6), ans - 0.06 * span + (0, -1.0), ans,
              ans - 0.08 * span + (0, 1.2), pns + 0.7 * span + (0, 1.8), pns + 0.12 * span + (0, 1.2)]  # fmt: skip
    canvas.fill(np.array(palate), amount=0.55, soft_mm=0.15)
    soft_palate = smooth([pns + (2, 1), pns + (-8, 10), pns + (-13, 22)])
    canvas.fill(band(soft_palate, 5, 8), amount=0.2, soft_mm=0.8)


def _mandible(canvas: Canvas, head: Head) -> None:
    ar, go, me, gn, pog, b, tip, molar = (head[name] for name in ("Ar", "Go", "Me", "Gn", "Pog", "B", "Ii", "Molar"))
    lower = me - go
    crest = tip + (b - tip) * 0.5
    posterior = smooth([ar + (1, -9), ar + (-2, -5), ar, ar + 0.5 * (go - ar) + (1.8, 0), go, go + (4.5, 4.2), go + 0.35 * lower + (0, 1.2),
                        go + 0.7 * lower + (0, 2.2), me, gn, pog, b, crest])  # fmt: skip
    anterior = smooth(
        [crest + (-6, 1), molar + (6, 8), molar + (-9, 6), molar + (-14, -8), ar + (22, -5), ar + (12, 2), ar + (5, -7)]
    )
    outline = np.vstack([posterior, anterior])
    canvas.fill(outline, amount=0.3, rim=0.5, rim_mm=1.6, soft_mm=0.15)
    canvas.fill(np.vstack([posterior[40:], anterior[:20]]), amount=0.18, soft_mm=3)
    symphysis = smooth(
        [b + (-1, 1), pog + (-0.7, 0), gn + (-0.7, -0.7), me + (0, -0.8), me + (-9, -4), b + (-9, 5)], closed=True
    )
    canvas.fill(symphysis, amount=0.12, rim=0.4, rim_mm=1.3)
    canal = smooth([(ar + go) / 2 + (8, 4), go + (20, -6), go + 0.55 * lower + (0, -9), go + 0.8 * lower + (0, -9)])
    canvas.fill(band(canal, 2.5), amount=-0.1, soft_mm=0.3)


def _tooth(canvas: Canvas, tip: FloatArray, apex: FloatArray, width: float, blunt: float, amount: float) -> None:
    """A tooth from its biting edge to the end of its root; ``blunt`` 0 is a sharp edge, 1 a flat one."""
    crown = 0.4
    wide = width / 2
    side = [
        (0, blunt * wide),
        (0.1, (0.4 + 0.5 * blunt) * wide),
        (0.6 * crown, wide),
        (crown, 0.85 * wide),
        (0.75, 0.55 * wide),
        (1, 0.15 * wide),
    ]
    contour = [*side, *[(t, -offset) for t, offset in side[::-1]]]
    canvas.fill(along(tip, apex, contour), amount=amount * 0.5, rim=amount * 0.2, soft_mm=0.25)
    canvas.fill(along(tip, apex, [row for row in contour if row[0] <= crown]), amount=amount * 0.8, soft_mm=0.25)


def _incisors(canvas: Canvas, head: Head) -> None:
    _tooth(canvas, head["Is"], head["A"] + (-8, 0), 7.0, 0.12, 0.8)
    _tooth(canvas, head["Ii"], head["B"] + (-7, 2), 5.5, 0.12, 0.8)


def _cheek_teeth(canvas: Canvas, head: Head) -> None:
    front = (head["Is"] + head["Ii"]) / 2 + (-8, 0)
    plane = front - head["Molar"]
    up = np.array([plane[1], -plane[0]]) / np.hypot(*plane)
    for place, width in ((0.02, 10.5), (0.31, 11.0), (0.57, 7.5), (0.78, 7.5), (0.98, 7.5)):
        point = head["Molar"] + place * plane
        _tooth(canvas, point + 0.4 * up, point + 16 * up, width, 0.8, 0.5)
        _tooth(canvas, point - 0.4 * up, point - 18 * up, width, 0.8, 0.5)


def _head_holder(canvas: Canvas, head: Head) -> None:
    """The rest at the bridge of the nose and its ruler."""
    rest = head["N"] + (17, 2)
    canvas.fill(ellipse(rest, (3.5, 4.5)), band(np.array([rest, rest + (14, 0)]), 3), amount=0.5, soft_mm=0.2)
    rod = np.array([rest + (14, -110), rest + (14, 4)])
    canvas.fill(band(rod, 3.5), amount=0.45, soft_mm=0.2)
    canvas.fill(*[band(rod[1] + np.array([(-2.5, -tick), (2.5, -tick)]), 0.6) for tick in range(5, 30, 3)], amount=0.4)

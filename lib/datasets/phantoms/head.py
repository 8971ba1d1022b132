"""Where things are in a synthetic head seen from the side: the norms of cephalometry and how people differ."""

from __future__ import annotations

import numpy as np

from lib.datasets.phantoms.curves import FloatArray, rotated

Head = dict[str, FloatArray]


def build_head(rng: np.random.Generator) -> Head:
    """A head in the Frankfort horizontal, facing right, sella at the origin, mm, y down.

    Means are near the usual norms (SNA 81°, SNB 79°, S-N 65 mm, N-Me 110 mm, Frankfort to mandibular plane 26°),
    spreads about those of orthodontic patients. The jaws vary by themselves, so all kinds of bite come up.

    Returns:
        Landmarks by their abbreviations, and the construction points ``"Molar"`` (where the last teeth meet) and
        ``"Nose"`` (its tip).
    """
    vary = _Variation(rng)
    head: Head = {
        "S": np.zeros(2),
        "N": rotated([(64.5 + vary(3), 0)], -8 + vary(3))[0],
        "Or": vary.near(47, 18, 2.0),
        "Po": vary.near(-21, 18, 2.2),
        "Ar": vary.near(-13.5, 29, 1.8),
    }
    head |= _maxilla(vary)
    head |= _mandible(vary, head["Ar"])
    head |= _bite(vary, head)
    head |= _profile(vary, head)
    size = 1 + vary(0.045)
    return {name: point * size for name, point in head.items()}


class _Variation:
    """Normal deviates that never stray beyond two deviations."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, deviation: float) -> float:
        return float(np.clip(self._rng.normal(0, deviation), -2 * deviation, 2 * deviation))

    def near(self, x: float, y: float, deviation: float) -> FloatArray:
        return np.array([x + self(deviation), y + self(deviation)])


def _maxilla(vary: _Variation) -> Head:
    tilt = vary(3)
    pns = vary.near(18, 39, 2.2)
    ans = pns + rotated([(47.5 + vary(2.5), 0)], tilt)[0]
    return {"PNS": pns, "ANS": ans, "A": ans + rotated([vary.near(-2.8, 7.5, 0.8)], tilt)[0]}


def _mandible(vary: _Variation, ar: FloatArray) -> Head:
    """The ramus turns about articulare (a long or a deep face), the body about gonion (its angle)."""
    turn = vary(2.5)
    go = rotated([ar + np.array([8.0, 42.0]) * (1 + vary(0.06))], turn, ar)[0]
    body = np.array([(59.0, 29.0), (64.0, 26.8), (66.2, 22.0), (65.4, 8.5), (71.5, -6.5)]) * (1 + vary(0.045))
    chin = vary(1.2)
    body[1:3, 0] += (0.6 * chin, chin)
    me, gn, pog, b, ii = rotated(body, turn + vary(3)) + go
    return {"Go": go, "Me": me, "Gn": gn, "Pog": pog, "B": b, "Ii": ii}


def _bite(vary: _Variation, head: Head) -> Head:
    """Incisors of both jaws grow towards each other, whatever the jaws do."""
    overlap = np.array([2.8 + vary(1.2), 1.8 + vary(1.5)])  # overjet, overbite
    middle = (head["A"] + (5.0, 18.0) + head["Ii"]) / 2
    lower = middle - overlap / 2
    molar = (head["PNS"] + (8, 0) + head["Go"] + (28, -8)) / 2
    return {"Ii": lower, "Is": lower + overlap, "Molar": molar}


def _profile(vary: _Variation, head: Head) -> Head:
    sn = head["ANS"] + vary.near(9.5, 5, 1.0)
    lips = vary(1.2)  # full or thin
    return {
        "Sn": sn,
        "Nose": sn + vary.near(14.5, -10.5, 2.0),
        "UL": head["Is"] + (11.5 + lips + vary(0.8), -8.5 + vary(1.2)),
        "LL": head["Ii"] + (11.0 + lips + vary(0.8), 11 + vary(1.2)),
        "Pog'": head["Pog"] + (11 + vary(1.5), 1 + vary(1.0)),
    }

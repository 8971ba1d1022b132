"""What is checked, and what a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lib.evaluation.spacing import tolerance_px
from lib.landmarks import Landmarks
from lib.landmarks.consensus import Reading
from lib.radiographs import Fingerprint, PixelSpacing


class Kind(StrEnum):
    """What may be wrong with a label."""

    UNREADABLE = "unreadable"
    MIRRORED = "mirrored"
    EXCHANGED = "exchanged"
    ORDER = "order"
    SHAPE = "shape"
    MODEL = "model"
    READERS = "readers"
    EDGE = "edge"
    COPIES = "copies"

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    Kind.UNREADABLE: "label cannot be read",
    Kind.MIRRORED: "mirrored",
    Kind.EXCHANGED: "landmarks exchanged",
    Kind.ORDER: "order or side",
    Kind.SHAPE: "unlike the other labels",
    Kind.MODEL: "unlike the model",
    Kind.READERS: "readers disagree",
    Kind.EDGE: "on the edge of the image",
    Kind.COPIES: "same picture twice",
}

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be wrong with the label of one image.

    Args:
        image: its id.
        kind: what.
        severity: how many times the finding exceeds what good labels of this kind rarely exceed, so that findings of
            all kinds can be put in one order; 1 is worth a look.
        sentence: the finding, for people.
        landmarks: names of those that it is about; none where it is about the whole label.
        expected: for each of them where it was expected, in pixels of the file as stored; None where that is not known.
    """

    image: str
    kind: Kind
    severity: float
    sentence: str
    landmarks: tuple[str, ...] = ()
    expected: tuple[Place | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        places = [None if place is None else [round(place[0], 1), round(place[1], 1)] for place in self.expected]
        return {
            "image": self.image,
            "kind": str(self.kind),
            "severity": round(self.severity, 3),
            "sentence": self.sentence,
            "landmarks": list(self.landmarks),
            "expected": places,
        }


@dataclass(frozen=True, slots=True, eq=False)
class CheckedLabel:
    """One label, and what is known that it can be checked against.

    Args:
        image: the image's id.
        landmarks: all of the set, in its order, placed or not, in pixels of the file as stored.
        height, width: of the image in pixels.
        spacing: millimetres of a pixel.
        fingerprint: of the image; None where copies of it are not looked for.
        prediction: by a model, all landmarks of the set; None where there is no model.
        learnt: that model has learnt from this image.
        readings: labels by several people.
    """

    image: str
    landmarks: Landmarks
    height: int
    width: int
    spacing: PixelSpacing
    fingerprint: Fingerprint | None = None
    prediction: Landmarks | None = None
    learnt: bool = False
    readings: tuple[Reading, ...] = ()

    @property
    def tolerance_px(self) -> float:
        """A distance in pixels that is none: 2 mm, or where millimetres are not known a share of the diagonal."""
        return tolerance_px(self.height, self.width, self.spacing)

    def length(self, px: float) -> str:
        """A distance for people: in mm, if they are known."""
        if self.spacing.x is None or self.spacing.y is None:
            return f"{px:.0f} px"
        return f"{px * (self.spacing.x + self.spacing.y) / 2:.1f} mm"


def listed(names: tuple[str, ...] | list[str], most: int = 4) -> str:
    """Names for a sentence, the first few of them."""
    shown = [f"'{name}'" for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)

"""Finding the landmark that somebody means by a label."""

from __future__ import annotations

import unicodedata

from lib.landmarks import LandmarkSet


class NameTable:
    """The names and abbreviations of a landmark set, as people write them.

    The name as it stands in the set comes first, then the abbreviation as it stands there, then either of them without
    regard to case, blanks and the way an accent is encoded, as long as only one landmark answers to that.
    """

    def __init__(self, landmark_set: LandmarkSet) -> None:
        self._exact = {landmark.abbreviation: landmark.name for landmark in landmark_set.landmarks}
        self._exact.update({name: name for name in landmark_set.names})
        self._loose: dict[str, set[str]] = {}
        for written, name in self._exact.items():
            self._loose.setdefault(_plain(written), set()).add(name)

    def find(self, label: str) -> str | None:
        """The landmark's name in the set; None where no landmark, or more than one, answers to the label."""
        if label in self._exact:
            return self._exact[label]
        names = self._loose.get(_plain(label), set())
        return next(iter(names)) if len(names) == 1 else None

    def unknown(self, labels: list[str]) -> list[str]:
        """The labels that no landmark of the set answers to, in their order."""
        return [label for label in labels if self.find(label) is None]


def _plain(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())

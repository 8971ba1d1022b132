"""What is kept about each image of the split, and what can be asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.radiographs import Fingerprint, Identity

Side = Literal["train", "held_out", "left_out"]
"""Learnt from, measured on, or neither: an image that belongs with images of both other sides."""


class SplitError(ValueError):
    """A split that cannot be made or read; one sentence that says what to do."""


class Entry(BaseModel):
    """One image.

    Attributes:
        side: decided once.
        group: name of the images that belong together, of one patient as far as is known; a group has one side.
        by: ``share`` where the side was chosen here, ``file`` where a user's file has given it.
        reason: why it is left out.
        patient, study, number: see :class:`~lib.radiographs.Identity`.
        content: of which state of the image's file the fingerprint is.
        exact, picture: see :class:`~lib.radiographs.Fingerprint`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Side
    group: str = Field(min_length=1)
    by: Literal["share", "file"] = "share"
    reason: str = ""
    patient: str | None = None
    study: str | None = None
    number: str | None = None
    content: str = ""
    exact: str
    picture: str

    @model_validator(mode="after")
    def _checked_fingerprint(self) -> Self:
        _ = self.fingerprint
        return self

    @property
    def identity(self) -> Identity:
        """Patient and study, as far as they are known."""
        return Identity(self.patient, self.study, self.number)

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the image's pixels."""
        return Fingerprint(self.exact, self.picture)


class Split(BaseModel):
    """Which images train and which are held out. Never changed in place.

    Attributes:
        given: name of the last file by which a user has given sides.
        images: by id; those whose image or label has gone since stay, so that they come back to their side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    given: str | None = None
    images: dict[str, Entry] = Field(default_factory=dict)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All that is kept, by image id."""
        return self.images

    def side(self, image: str) -> Side:
        """The side of an image; ``KeyError`` for one that is not in the split."""
        return self.images[image].side

    def group(self, image: str) -> str:
        """The name of the group of an image; ``KeyError`` for one that is not in the split."""
        return self.images[image].group

    def fingerprint(self, image: str) -> Fingerprint:
        """The fingerprint of an image; ``KeyError`` for one that is not in the split."""
        return self.images[image].fingerprint

    def known(self, image: str, content: str) -> Fingerprint | None:
        """The fingerprint of an image, if its file is still the one that was read for it: see :attr:`Entry.content`."""
        entry = self.images.get(image)
        return entry.fingerprint if entry is not None and entry.content == content else None

    def summary(self, images: Iterable[str]) -> dict[str, Any]:
        """What a report tells of the split of some images.

        Returns:
            ``{"source": text, "train": {"images": n, "patients": n}, "held_out": {the same},
            "left_out": [{"image": id, "reason": sentence}], "undecided": [id]}``. Patients are groups: of one patient
            where the files say whose they are, otherwise of one study or one picture.
        """
        wanted = sorted(set(images))
        known = {image: self.images[image] for image in wanted if image in self.images}
        told: dict[str, Any] = {"source": self._source(known.values())}
        for side in ("train", "held_out"):
            groups = Counter(entry.group for entry in known.values() if entry.side == side)
            told[side] = {"images": groups.total(), "patients": len(groups)}
        left = {image: entry for image, entry in known.items() if entry.side == "left_out"}
        told["left_out"] = [{"image": image, "reason": entry.reason} for image, entry in left.items()]
        told["undecided"] = [image for image in wanted if image not in known]
        return told

    def _source(self, entries: Iterable[Entry]) -> str:
        by = {entry.by for entry in entries}
        if "file" not in by:
            return "automatic"
        return f"{self.given}, the others automatic" if "share" in by else str(self.given)

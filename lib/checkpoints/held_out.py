"""How far a model was off on each held-out image: kept in its file, so that two models can be compared pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class HeldOutErrors(BaseModel):
    """Errors of one model on the images that nothing was learnt from.

    Attributes:
        images: M ids; in a model's file, which may be given to others, fingerprints of their pixels.
        patients: the group of each image, see :mod:`lib.trainers.split`; images of a group are not independent. In a
            model's file, numbers.
        landmarks: N names.
        px: M rows of N radial errors in pixels of the file as stored; None where the landmark is not annotated.
        tolerances: M rows of N errors divided by what is tolerated, see
            :func:`~lib.evaluation.metrics.detection_errors`; None as in ``px``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: tuple[str, ...]
    patients: tuple[str, ...]
    landmarks: tuple[str, ...]
    px: tuple[tuple[float | None, ...], ...]
    tolerances: tuple[tuple[float | None, ...], ...]

    @model_validator(mode="after")
    def _matching(self) -> Self:
        if len(self.patients) != len(self.images):
            raise ValueError(f"{len(self.images)} images have {len(self.patients)} groups")
        for table in (self.px, self.tolerances):
            if len(table) != len(self.images) or any(len(row) != len(self.landmarks) for row in table):
                raise ValueError(f"errors are not {len(self.images)} rows of {len(self.landmarks)}")
        return self

    def anonymous(self, fingerprints: Mapping[str, str]) -> Self:
        """The same without ids of images and patients.

        Args:
            fingerprints: of each image.
        """
        numbers = {patient: str(number) for number, patient in enumerate(dict.fromkeys(self.patients), start=1)}
        return self.renamed([fingerprints[image] for image in self.images], [numbers[name] for name in self.patients])

    def renamed(self, images: Sequence[str], patients: Sequence[str]) -> Self:
        """The same images and patients in the same order by other names."""
        return type(self).model_validate({**dict(self), "images": tuple(images), "patients": tuple(patients)})

    def only(self, landmarks: Sequence[str]) -> Self:
        """The errors of some of its landmarks."""
        columns = [self.landmarks.index(name) for name in landmarks]
        px, tolerances = (
            tuple(tuple(row[column] for column in columns) for row in table) for table in (self.px, self.tolerances)
        )
        return self.model_copy(update={"landmarks": tuple(landmarks), "px": px, "tolerances": tolerances})

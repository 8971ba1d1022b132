"""From a datastore's labels to the samples that training reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from fastapi import HTTPException

from lib.evaluation.spacing import millimetres
from lib.landmarks import Landmarks, LandmarkSet
from lib.landmarks.consensus import Reading, completed, consensus, first_readings
from lib.radiographs import Identity, PixelSpacing, RadiographHeader
from lib.trainers.split import MIN_LABELS

logger = logging.getLogger(__name__)

Target = Literal["last", "mean", "median"]
"""See :class:`~lib.trainers.options.TrainOptions`."""


class NotEnoughLabelsError(ValueError):
    """Too few labels to train on; one sentence that says how many are needed."""


class LabelledStudies(Protocol):
    """What training asks of a datastore of landmarks."""

    @property
    def folder(self) -> Path:
        """Where what is noted about the labels lies, the held-out split for one."""

    def identity(self, image_id: str) -> Identity:
        """Patient and study of an image."""

    def get_labeled_images(self) -> list[str]:
        """Ids of the images with a submitted label."""

    def get_image_uri(self, image_id: str) -> str:
        """Path of an image."""

    def get_label_info(self, label_id: str, label_tag: str) -> dict[str, Any]:
        """Where a label comes from; ``landmark_set`` names its set."""

    def header(self, image_id: str) -> RadiographHeader:
        """The image's header."""

    def pixel_spacing(self, image_id: str) -> PixelSpacing:
        """Millimetres on the patient: the user's, otherwise the file's."""

    def landmarks(self, image_id: str, tag: str = "final") -> Landmarks:
        """A label, in pixels of the file as stored."""

    def annotations(self, image_id: str) -> Sequence[Reading]:
        """The readings of an image, by whomever."""


def labelled_samples(
    studies: LabelledStudies, landmark_set: LandmarkSet, target: Target = "last"
) -> list[dict[str, Any]]:
    """One sample for each submitted label of the set that has a landmark with a position.

    With the target ``mean`` or ``median`` its points are those that the annotators' first readings amount to. What none
    of them says anything about is taken from the submitted label: one that came with a data set is nobody's reading.

    Each has ``id``, ``image`` (path), ``label`` ((N, 2) points in pixels of the file, NaN where not annotated),
    ``file_size`` (height, width), ``pixel_mm`` ((2,), x and y, NaN where unknown) and ``pixel_source``, who says so.

    Raises:
        NotEnoughLabelsError: fewer than needed.
    """
    samples = []
    for image_id in sorted(studies.get_labeled_images()):
        sample = _sample(studies, image_id, landmark_set, target)
        if sample is not None:
            samples.append(sample)
    check_count(len(samples), landmark_set)
    return samples


def check_count(count: int, landmark_set: LandmarkSet) -> None:
    """Refuse to train on too few labels.

    Raises:
        NotEnoughLabelsError: says how many there are and how many are needed.
    """
    if count < MIN_LABELS:
        missing = MIN_LABELS - count
        raise NotEnoughLabelsError(
            f"Training needs at least {MIN_LABELS} radiographs with submitted '{landmark_set.name}' landmarks, "
            f"two to learn from and one to hold out; there {'is' if count == 1 else 'are'} {count}: "
            f"submit {missing} more."
        )


def check_labels(studies: LabelledStudies, landmark_set: LandmarkSet) -> None:
    """Refuse to train on too few labels, without a look at the images: they may have to be fetched.

    Raises:
        NotEnoughLabelsError: fewer than needed.
    """
    labels = (_label(studies, image_id, landmark_set) for image_id in studies.get_labeled_images())
    check_count(sum(label is not None for label in labels), landmark_set)


def _label(
    studies: LabelledStudies, image_id: str, landmark_set: LandmarkSet, target: Target = "last"
) -> Landmarks | None:
    """A label of the set with at least one place; None where there is none, said in the log where it is damaged."""
    stated: Mapping[str, Any] = studies.get_label_info(image_id, "final")
    if stated.get("landmark_set", landmark_set.name) != landmark_set.name:
        return None
    try:
        label = studies.landmarks(image_id).ordered(landmark_set.names)
        if target != "last":
            label = _together(studies.annotations(image_id), label, landmark_set, target)
    except (ValueError, HTTPException) as error:
        _tell(image_id, error)
        return None
    return label if label.num_placed() else None


def _together(
    readings: Sequence[Reading], submitted: Landmarks, landmark_set: LandmarkSet, method: Literal["mean", "median"]
) -> Landmarks:
    """What the annotators of an image say together; what they say nothing about is as it was submitted."""
    ours = first_readings(reading for reading in readings if reading.landmark_set == landmark_set.name)
    labels = [reading.landmarks.ordered(landmark_set.names) for reading in ours]
    return completed(consensus(labels, method), by=submitted) if labels else submitted


def _sample(
    studies: LabelledStudies, image_id: str, landmark_set: LandmarkSet, target: Target
) -> dict[str, Any] | None:
    label = _label(studies, image_id, landmark_set, target)
    if label is None:
        return None
    try:
        header = studies.header(image_id)
        spacing = millimetres(label, landmark_set, studies.pixel_spacing(image_id))
        path = studies.get_image_uri(image_id)
    except (ValueError, HTTPException) as error:
        _tell(image_id, error)
        return None
    return {
        "id": image_id,
        "image": path,
        "label": label.points().astype(np.float32),
        "file_size": np.array([header.height, header.width]),
        "pixel_mm": np.array([spacing.x, spacing.y], dtype=np.float64),
        "pixel_source": str(spacing.source),
    }


def _tell(image_id: str, error: Exception) -> None:
    """Say in the log why an image does not train; what a datastore says to its clients stands in an HTTPException.

    Raises:
        HTTPException: a server of images is away: no fault of the image, and a training on what is left is another one.
    """
    if isinstance(error, HTTPException) and error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    reason = error.detail if isinstance(error, HTTPException) else error
    logger.warning("'%s' does not train: %s", image_id, reason)

"""Who has read which radiograph, and what each of them has marked."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from monailabel.interfaces.datastore import Datastore

from lib.landmarks import Landmarks, LandmarkSet
from lib.landmarks.consensus import Reading
from lib.radiographs import RadiographHeader
from monailabel_app.datastores import rules
from monailabel_app.datastores.annotators import checked_name
from monailabel_app.datastores.catalogue import Catalogue
from monailabel_app.datastores.entries import Study
from monailabel_app.datastores.readings import Shelf, reading_entry
from monailabel_app.datastores.rules import FINAL
from monailabel_app.errors import ClientError, NotFoundError, client_errors

logger = logging.getLogger(__name__)

_Found = tuple[Shelf, Path, str, dict[str, Any]]


class Annotations(Datastore):
    """The part of the datastore that tells annotators apart.

    A reading is a label by the person who has submitted it; the submitted label of an image is one of its readings,
    unless it came with a data set.
    """

    _catalogue: Catalogue

    def header(self, image_id: str) -> RadiographHeader:
        """Size, geometry and pixel spacing."""
        raise NotImplementedError

    def annotations(self, image_id: str) -> list[Reading]:
        """The readings of an image by annotator and number; one whose file is damaged is told in the log.

        Raises:
            NotFoundError: there is no such image.
            ClientError: 503, a server that the image has to be fetched from does not answer.
        """
        readings = []
        for found in self._found(image_id):
            try:
                readings.append(self._read(image_id, found))
            except ClientError as error:
                if error.status == HTTPStatus.SERVICE_UNAVAILABLE:  # a DICOMweb server is away: no fault of the file
                    raise
                who = f"{rules.quoted(found[0].annotator)} (reading {found[0].number})"
                logger.warning("Left out the reading of %s by %s: %s", rules.quoted(image_id), who, error)
        return readings

    def annotation(self, image_id: str, annotator: str, number: int = 1) -> Reading:
        """One person's reading of an image.

        Raises:
            NotFoundError: there is no such image, or it has no such reading.
            ClientError: the name can be nobody's, or the file is damaged.
        """
        found = self._found(image_id)
        wanted = self._catalogue.readings.shelf(checked_name(annotator), number).key
        for one in found:
            if one[0].key == wanted:
                return self._read(image_id, one)
        who = ", ".join(f"{shelf.annotator} (reading {shelf.number})" for shelf, *_ in found) or "nobody"
        raise NotFoundError(
            f"The image {rules.quoted(image_id)} has no reading {number} by {rules.quoted(annotator)}: there is {who}."
        )

    def annotated(self) -> dict[str, list[tuple[str, int]]]:
        """Annotator and number of each reading, by the image's id; nothing is read for it."""
        visible = self._catalogue.visible()
        shelves = self._catalogue.readings
        told: dict[str, list[tuple[str, int]]] = {}
        for shelf in shelves.shelves():
            for image_id in shelves.images(shelf) & visible.keys():
                told.setdefault(image_id, []).append((shelf.annotator, shelf.number))
        for image_id in self._catalogue.labelled(FINAL):
            own = shelves.only_submitted(image_id, visible[image_id])
            if own is not None and (own.annotator, own.number) not in told.get(image_id, []):
                told.setdefault(image_id, []).append((own.annotator, own.number))
        return {image_id: sorted(readings) for image_id, readings in sorted(told.items())}

    def _found(self, image_id: str) -> list[_Found]:
        image_id = self._catalogue.resolve(image_id)
        study = self._catalogue.study(image_id)
        found = {
            shelf.key: (shelf, path, extension, _noted(study, shelf))
            for shelf, path, extension in self._catalogue.readings.of(image_id)
        }
        shelf = self._catalogue.readings.only_submitted(image_id, study)
        final = self._catalogue.label(image_id, FINAL)
        if shelf is not None and final is not None:
            path = self._catalogue.label_path(FINAL, image_id, final.ext)
            found[shelf.key] = (shelf, path, final.ext, reading_entry(final, shelf).info)
        return sorted(found.values(), key=lambda one: one[0])

    def _read(self, image_id: str, found: _Found) -> Reading:
        shelf, path, extension, info = found
        with client_errors():
            content = rules.checked_size(path, rules.MAX_LABEL_BYTES).read_bytes()
            landmark_set, landmarks = self._landmarks_in(image_id, content, extension, info)
        return Reading(shelf.annotator, landmarks, landmark_set.name, shelf.number, copy.deepcopy(info))

    def _landmarks_in(
        self,
        image_id: str,
        content: bytes,
        extension: str,  # noqa: ARG002 - it matters for labels of reports
        info: Mapping[str, Any],
    ) -> tuple[LandmarkSet, Landmarks]:
        return self._catalogue.sets.read(content, self.header(image_id), info)


def _noted(study: Study, shelf: Shelf) -> dict[str, Any]:
    """What is noted about a reading; of one that was put there by hand whose it is, and no more."""
    own = {"annotator": shelf.annotator, "reading": shelf.number}
    entry = study.readings.get(shelf.key)
    return {**(entry.info if entry else {}), **own}

"""What is on a DICOMweb server and what is noted about it here, brought together."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom import Dataset

from lib.landmarks import LandmarkSet
from monailabel_app.datastores import rules
from monailabel_app.datastores.catalogue import Catalogue
from monailabel_app.datastores.entries import Index, Study, image_entry
from monailabel_app.datastores.overview import file_of
from monailabel_app.datastores.pacs import Pacs, PacsRefusedError, Place
from monailabel_app.datastores.pacs_images import ImageCache
from monailabel_app.datastores.pacs_listing import Image, Lister, Listing, is_uid
from monailabel_app.datastores.pacs_reports import ReportLabel, ReportReader
from monailabel_app.datastores.readings import reading_entry
from monailabel_app.datastores.rules import FINAL, TAGS
from monailabel_app.errors import NotFoundError, StudiesError

logger = logging.getLogger(__name__)

MIN_AGE_S = 3.0
"""How old the listing may be before the next call looks again..."""
PATIENCE = 20.0
"""...or this many times as old as the last look took: a large server is not asked all the time."""
SOONER = 5.0
"""This part of it is enough before an unknown image is looked for."""


class PacsCatalogue(Catalogue):
    """The radiographs and landmark reports of a DICOMweb server; an image's id is its SOP instance UID.

    What is noted here about an image outlives this process, so that a server that is away for a while changes nothing
    but what needs its files: the last listing goes on to count. A series' UID is understood as the id of its one image.

    Args:
        pacs: the server.
        folder: where notes, predictions and fetched files lie; made where absent.
        landmark_sets: the landmark set of each model, by the model's name.
        filters: see :class:`Lister`.
        max_bytes: what fetched files may take, see :class:`ImageCache`.
    """

    def __init__(
        self,
        pacs: Pacs,
        folder: Path,
        landmark_sets: Mapping[str, LandmarkSet],
        filters: Mapping[str, str],
        max_bytes: int,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.pacs = pacs
        self.fault = ""
        self._images = ImageCache(folder, max_bytes)
        self._lister = Lister(pacs, filters)
        self._age_s = 0.0
        self._series: dict[str, list[str]] = {}
        self._listed: frozenset[str] = frozenset()
        super().__init__(folder, landmark_sets)

    def refresh(self, *, wait: bool = False) -> None:
        """Look at the server; where it does not answer, ``fault`` says so and the last listing stays.

        Args:
            wait: for another thread that looks already; otherwise its look has to do.
        """
        first = not hasattr(self, "_looked_at")
        if not self._looking.acquire(blocking=first or wait):
            return
        try:
            if first:
                self._begin()
            began = time.monotonic()
            self._look()
            self._looked_at = time.monotonic()
            self._age_s = max(MIN_AGE_S, PATIENCE * (self._looked_at - began))
        finally:
            self._looking.release()

    def resolve(self, image_id: str) -> str:
        """The image of a series that has one, since viewers name radiographs by their series.

        Raises:
            StudiesError: the series has several.
        """
        images = self._series.get(image_id, [])
        if len(images) > 1:
            raise StudiesError(
                f"The series {rules.quoted(image_id)} has {len(images)} radiographs: name one by its SOP instance UID."
            )
        return images[0] if images else image_id

    def find(self, image_id: str) -> Study | None:
        """One study, by its image's id or by its series'; what a viewer has just sent to the server is looked for."""
        found = super().find(self.resolve(image_id))
        age = time.monotonic() - self._looked_at
        if found is None and is_uid(image_id) and self._index.draft is None and age > self._age_s / SOONER:
            self._look_for(image_id)
            found = super().find(self.resolve(image_id))
        return found

    def image_path(self, image_id: str) -> Path:
        """Where the image's file is, fetched where needed; errors as :meth:`Pacs.retrieve`."""
        return super().image_path(self.resolve(image_id))

    def label_path(self, tag: str, image_id: str, extension: str = rules.LABEL_EXTENSIONS[0]) -> Path:
        """Where a label's file is or will be."""
        return super().label_path(tag, self.resolve(image_id), extension)

    def note_label(self, image_id: str, label: ReportLabel, info: Mapping[str, Any]) -> None:
        """Note the label of a report that has just been stored, before the next look finds it.

        Args:
            image_id: the image.
            label: as it is read from the report.
            info: what the client notes about it; whose reading it is.
        """
        with self.transaction() as draft:
            study = self._kept(image_id, draft.objects[image_id])
            entry = label.write(self.label_path(FINAL, image_id, ".json"))
            shelf, _ = self.readings.write(image_id, label.text(), ".json", info)
            reading = entry.model_copy(update={"info": {**entry.info, **info}})
            study = study.with_reading(shelf.key, reading_entry(reading, shelf))
            draft.objects[image_id] = study.with_label(FINAL, entry)

    def _begin(self) -> None:
        """Start with what an earlier process has noted."""
        objects = self._index.read().objects
        noted = [image for study in objects.values() if (image := _image(study)) is not None]
        self._lister.remember(noted)
        self._take(Listing({image.place.instance: image for image in noted}))

    def _look(self) -> None:
        try:
            listing = self._lister.look()
            self._note_listed(listing)
            self._take(listing)
            faults = [*self._lister.faults, *self._note_reports(listing)]
        except StudiesError as error:
            faults = [str(error)]
        fault = faults[0] if faults else ""
        if fault and fault != self.fault:
            logger.warning("%s What was known before is used.", fault)
        elif self.fault and not fault:
            logger.info("The DICOMweb server %s answers again", self.pacs.url)
        self.fault = fault

    def _take(self, listing: Listing) -> None:
        series: dict[str, list[str]] = {}
        for uid, image in listing.images.items():
            series.setdefault(image.place.series, []).append(uid)
        self._series = series
        self._listed = frozenset(ImageCache.file(uid) for uid in listing.images)
        self._overview.list_begins()
        self._overview.take_files(self._listed)
        for tag in TAGS:
            self._overview.take_names(tag, self._scan.labels(tag))

    def _note_listed(self, listing: Listing) -> None:
        def unnoted(index: Index) -> list[Image]:
            return [
                image
                for uid, image in listing.images.items()
                if uid not in index.objects or _image(index.objects[uid]) != image
            ]

        if not unnoted(self._index.read()):
            return
        with self.transaction() as draft:
            for image in unnoted(draft):
                uid = image.place.instance
                earlier = draft.objects.get(uid)
                entry = image_entry(ImageCache.file(uid), {**(earlier.image.info if earlier else {}), **_note(image)})
                draft.objects[uid] = (earlier or Study()).model_copy(update={"image": entry})

    def _note_reports(self, listing: Listing) -> list[str]:
        """Read again the reports of each study that got or lost some; what went wrong with single studies."""
        readers = self.sets.digest()
        studies: dict[str, list[str]] = {}
        before = self._index.read().objects
        for uid, image in listing.images.items():
            if uid in before and self._is_stale(uid, before[uid], listing.stamp(image.place.study, readers)):
                studies.setdefault(image.place.study, []).append(uid)
        reader = ReportReader(self.pacs, self._lister, self.sets, self._scan.tell_once)
        faults = []
        for study, images in studies.items():
            places = {uid: listing.images[uid].place for uid in images}
            try:
                labels = reader.newest(study, listing.reports.get(study, {}), places)
            except (PacsRefusedError, NotFoundError) as error:  # of this study; its labels stay, and it is tried again
                faults.append(str(error))
                continue
            with self.transaction() as draft:
                for uid in images:
                    self._note_newest(draft, uid, before[uid], labels.get(uid), listing.stamp(study, readers))
        return faults

    def _note_newest(self, draft: Index, uid: str, before: Study, label: ReportLabel | None, stamp: str) -> None:
        """Note the label that counts now, unless one has been submitted while the reports were read."""
        noted = draft.objects[uid]
        entry = noted.labels.get(FINAL)
        if entry != before.labels.get(FINAL):
            return
        if label is not None:  # somebody else's: the report that counted is a reading of this image
            noted = self._kept(uid, noted)
        known = {item.name for item in self.sets.all()}
        if label is not None:
            entry = label.write(super().label_path(FINAL, uid, ".json"))
        elif entry is not None and entry.info.get("landmark_set") in known:  # otherwise: of another process' models
            super().label_path(FINAL, uid, ".json").unlink(missing_ok=True)
            entry = None
        info = {**noted.image.info, "reports": stamp}
        draft.objects[uid] = noted.with_image_info(info).with_label(FINAL, entry)

    def _kept(self, uid: str, study: Study) -> Study:
        final = study.labels.get(FINAL)
        if final is None:
            return study
        return self.readings.keep_submitted(uid, study, super().label_path(FINAL, uid, final.ext))

    def _is_stale(self, uid: str, study: Study, stamp: str) -> bool:
        if study.image.info.get("reports", "") != stamp:
            return True
        label = study.labels.get(FINAL)
        return label is not None and not super().label_path(FINAL, uid, label.ext).is_file()

    def lists(self, dataset: Dataset) -> bool:
        """Whether an instance is one that this server would list."""
        return self._lister.lists(dataset)

    def _look_for(self, uid: str) -> None:
        """Look again, and closely where the server has such an image: one may have taken the place of another."""
        try:
            series = self.pacs.series_of(uid)
        except StudiesError:
            series = None
        if series is not None:
            self._lister.forget(series)
        self.refresh()

    def _rescan_s(self) -> float:
        return self._age_s

    def _look_soon(self) -> None:
        self.refresh()

    def _is_image_file(self, file: str) -> bool:
        return file in self._listed  # what the server has is known by its listing

    def _image_file(self, image_id: str, study: Study) -> Path:
        image = _image(study)
        if image is None:
            return self.folder / file_of(image_id, study)
        try:
            return self._images.path(self.pacs, image.place, self._labelled_uids)
        except NotFoundError:
            self._lister.forget(image.place.series)
            raise

    def _image_stamp(self, image_id: str, study: Study) -> str:  # noqa: ARG002
        return ""  # a SOP instance never changes

    def _labelled_uids(self) -> set[str]:
        return {uid for uid, noted in self._index.read().objects.items() if FINAL in noted.labels}

    def place(self, image_id: str) -> Place:
        """Where an image is on the server; ``NotFoundError`` where there is no such image."""
        image = _image(self.study(image_id))
        if image is None:
            raise StudiesError(f"What is noted about the image {rules.quoted(image_id)} is damaged.")
        return image.place


def _note(image: Image) -> dict[str, Any]:
    """What is noted about an image: where it is on the server."""
    place = image.place
    return {
        "StudyInstanceUID": place.study,
        "SeriesInstanceUID": place.series,
        "SOPInstanceUID": place.instance,
        "Modality": image.modality,
        "InstanceNumber": image.number,
        "siblings": image.siblings,
    }


def _image(study: Study) -> Image | None:
    """The image that :func:`_note` has noted; None where an index was edited by hand."""
    info = study.image.info
    try:
        place = Place(info["StudyInstanceUID"], info["SeriesInstanceUID"], info["SOPInstanceUID"])
        return Image(place, info["Modality"], info["InstanceNumber"], info["siblings"])
    except KeyError:
        return None

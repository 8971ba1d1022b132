"""What is in a studies folder, as others ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lib.radiographs import RadiographHeader
from monailabel_app.datastores import rules
from monailabel_app.datastores.entries import Entry, Index, Study
from monailabel_app.datastores.looking import Looking
from monailabel_app.datastores.overview import file_of, is_landmark_label
from monailabel_app.datastores.rules import TAGS
from monailabel_app.errors import NotFoundError


class Catalogue(Looking):
    """The images and landmark labels of a folder; finds by itself what people or other processes put there.

    An image counts while its file is there. When the file is gone, what is noted about it stays in the index, unseen,
    until the file is back. A label counts when it has been read once with a landmark set and its file is there; what is
    no landmark label, the segmentation mask of another app say, is left alone.

    Args:
        folder: the studies folder; made where absent.
        landmark_sets: the landmark set of each model, by the model's name.
    """

    def resolve(self, image_id: str) -> str:
        """The id that is meant by one of its other names; here an id has none."""
        return image_id

    def visible(self) -> dict[str, Study]:
        """The studies whose image is there."""
        with self._now() as (overview, drafted):
            visible = dict(overview.visible)
            for image_id, study in drafted.items():
                visible.pop(image_id, None)
                if study is not None and overview.is_there(image_id, study):
                    visible[image_id] = study
            return visible

    def images(self) -> list[str]:
        """The ids of the studies whose image is there, sorted."""
        with self._now() as (overview, drafted):
            if not drafted:
                return overview.images()
        return sorted(self.visible())

    def counts(self) -> tuple[int, dict[str, int]]:
        """How many images there are, and how many of them have a landmark label of each tag."""
        for tag in TAGS:
            self._look_at_labels(tag)
        with self._now() as (overview, drafted):
            if not drafted:
                return len(overview.visible), {tag: len(overview.labelled[tag]) for tag in TAGS}
        return len(self.visible()), {tag: len(self.labelled(tag)) for tag in TAGS}

    def changes(self, mark: int | None) -> tuple[int, bool, dict[str, tuple[bool, Mapping[str, Any]] | None]]:
        """What is different from an earlier time; an open transaction is left aside.

        Args:
            mark: of the earlier time; None the first time.

        Returns:
            The mark of now; whether all images follow, since that is not known any more; and for each image that is
            different whether it has a submitted label and what is noted about it, or None for one that is not there.
        """
        self._look_at_labels(rules.FINAL)
        with self._now() as (overview, _):
            now, changed = overview.log.since(mark)
            ids = overview.visible.keys() if changed is None else changed
            labelled, visible = overview.labelled[rules.FINAL], overview.visible
            found: dict[str, tuple[bool, Mapping[str, Any]] | None] = {
                image_id: (image_id in labelled, visible[image_id].image.info) if image_id in visible else None
                for image_id in ids
            }
            return now, changed is None, found

    def study(self, image_id: str) -> Study:
        """One study; ``NotFoundError`` where there is no such image."""
        found = self.find(image_id)
        if found is None:
            raise NotFoundError(f"There is no image {rules.quoted(image_id)} among the studies.")
        return found

    def find(self, image_id: str) -> Study | None:
        """One study; None where there is no such image."""
        study = self.index().objects.get(image_id)
        if study is None or rules.id_fault(image_id) is not None:
            return None
        # Where the listing is older than the index, the file itself tells.
        there = self._overview.is_there(image_id, study) or self._is_image_file(file_of(image_id, study))
        return study if there else None

    def image_path(self, image_id: str) -> Path:
        """Where the image's file is; ``NotFoundError`` where there is no such image."""
        return self._image_file(image_id, self.study(image_id))

    def file_path(self, image_id: str) -> Path:
        """Where the image's file has its place, whether or not it is there now; errors as :meth:`image_path`."""
        return self.folder / file_of(image_id, self.study(image_id))

    def stamps(self, images: Iterable[str]) -> dict[str, str]:
        """What tells whether an image's file has been replaced, of those that are there; nothing is read or fetched."""
        objects = self.index().objects
        studies = ((image, objects.get(image)) for image in images)
        with self._overview.lock:
            there = [(image, study) for image, study in studies if study and self._overview.is_there(image, study)]
        return {image: self._image_stamp(image, study) for image, study in there}

    def label(self, image_id: str, tag: str) -> Entry | None:
        """What is noted about a landmark label; None where there is none."""
        study = self.find(image_id)
        entry = None if study is None else study.labels.get(rules.checked_tag(tag))
        if entry is None or not is_landmark_label(entry):
            return None
        return entry if self.label_path(tag, image_id, entry.ext).is_file() else None

    def labelled(self, tag: str) -> dict[str, Entry]:
        """The landmark labels of a tag by image id."""
        self._look_at_labels(rules.checked_tag(tag))
        with self._now() as (overview, drafted):
            labelled = dict(overview.labelled[tag])
            for image_id, study in drafted.items():
                labelled.pop(image_id, None)
                if study is not None and overview.is_there(image_id, study):
                    label = overview.label(image_id, study, tag)
                    if label is not None:
                        labelled[image_id] = label
            return labelled

    def unreadable(self, tag: str) -> dict[str, str]:
        """Why label files of a tag are ignored that lie where an image's label has its place, by image id."""
        self._look_at_labels(rules.checked_tag(tag))
        with self._now() as (overview, _):
            ignored = sorted(overview.dropped[tag])
        return {image_id: self._refused[tag, image_id] for image_id in ignored if (tag, image_id) in self._refused}

    def shown(self) -> Index:
        """The index with the images and landmark labels that are there."""
        labelled = {tag: self.labelled(tag) for tag in TAGS}
        objects = {
            image_id: study.model_copy(
                update={"labels": {tag: labelled[tag][image_id] for tag in TAGS if image_id in labelled[tag]}}
            )
            for image_id, study in self.visible().items()
        }
        return self.index().model_copy(update={"objects": objects})

    def header(self, image_id: str) -> RadiographHeader:
        """The image's header, with the pixel spacing that a user gave in place of the file's.

        Raises:
            NotFoundError: there is no such image.
            RadiographError: its file is damaged.
        """
        return self._header(image_id, self.study(image_id))

    def _image_stamp(self, image_id: str, study: Study) -> str:
        try:
            status = os.stat(f"{self.folder}/{file_of(image_id, study)}")  # noqa: PTH116 - of a great many files
        except OSError:  # it has gone in this moment
            return ""
        return f"{status.st_mtime_ns}-{status.st_size}"

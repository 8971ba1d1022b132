"""A folder of radiographs and their landmark labels as MONAI Label's datastore."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.formats import copy_atomic, json_text, markups_document, parse_markups, write_atomic
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import PixelSpacing, RadiographError, RadiographHeader, read_header
from monailabel_app.datastores import rules
from monailabel_app.datastores.annotators import annotator_of, is_of_a_data_set
from monailabel_app.datastores.checksums import checksum_of
from monailabel_app.datastores.entries import Index, Study, image_entry, label_entry
from monailabel_app.datastores.overview import file_of
from monailabel_app.datastores.reading import StudiesReading
from monailabel_app.datastores.readings import reading_entry
from monailabel_app.datastores.rules import FINAL, LABEL_EXTENSIONS, TAGS
from monailabel_app.errors import ConflictError, NotFoundError, StudiesError, client_errors

logger = logging.getLogger(__name__)


class StudiesFolder(StudiesReading):
    """Radiographs in a folder and its subfolders, labels in ``labels/final``, ``.../original``, ``.../annotators``.

    An image's id is its path without extension, ``/`` written as ``__``; once given it stays, noted in
    ``datastore_v2.json`` with the file. A label is one canonical markups file, ``labels/TAG/ID.mrk.json``. Nothing is
    stored that has not been read, an image by its header, a label with its landmark set; and what is already in
    the folder is found, see :class:`~monailabel_app.datastores.catalogue.Catalogue`.

    Args:
        studies: the folder; made where absent.
        landmark_sets: the landmark set of each model, by the model's name.
    """

    def set_name(self, name: str) -> None:
        """Name the studies."""
        with self._catalogue.transaction() as draft:
            draft.name = rules.checked_text(name, "name")

    def set_description(self, description: str) -> None:
        """Describe the studies."""
        with self._catalogue.transaction() as draft:
            draft.description = rules.checked_text(description, "description")

    def update_image_info(self, image_id: str, info: Mapping[str, Any]) -> None:
        """Add to what is noted about an image; ``pixel_spacing`` must be one, and null takes the user's back.

        Raises:
            StudiesError: not storable, see :func:`rules.checked_info`.
            NotFoundError: there is no such image.
        """
        added = _checked_image_info(info)
        with self._catalogue.transaction() as draft:
            study = self._catalogue.study(image_id)
            noted = _merged(study.image.info, added)
            content = self._checksums.remembered(self._catalogue.file_path(image_id))  # so it outlives this process
            draft.objects[image_id] = study.with_image_info({**noted, **({"content": content} if content else {})})

    def note(self, image_id: str, **own: Any) -> None:
        """Note what the server alone may say of an image: to whom it was handed out, and that it was set aside.

        Raises:
            NotFoundError: there is no such image.
        """
        with self._catalogue.transaction() as draft:
            study = self._catalogue.study(image_id)
            draft.objects[image_id] = study.with_image_info({**study.image.info, **own})

    def add_image(self, image_id: str | None, image_filename: str | Path, image_info: Mapping[str, Any] | None) -> str:
        """Store an image after reading its header; its id.

        Args:
            image_id: its id; None takes the file's name.
            image_filename: the file to copy.
            image_info: what to note about it.

        Raises:
            StudiesError: the id, the file or the info cannot be stored.
            ConflictError: there is another image of that id.
        """
        source = rules.checked_size(image_filename, rules.MAX_IMAGE_BYTES)
        extension = rules.checked_image_extension(source.name)
        image_id = rules.checked_id(image_id or source.name.removesuffix(extension))
        info = _checked_image_info(image_info)
        try:
            read_header(source)
        except RadiographError as error:  # its name is that of a temporary file, which tells the client nothing
            raise StudiesError(str(error).replace(source.name, f"{image_id}{extension}")) from error
        with self._catalogue.transaction() as draft:
            self._store_image(draft, image_id, source, extension, info)
        logger.info("Stored the image %s", image_id)
        return image_id

    def remove_image(self, image_id: str) -> None:
        """Remove an image, its labels, its readings and what is noted about it.

        Raises:
            NotFoundError: there is no such image.
        """
        with self._catalogue.transaction() as draft:
            path = self._catalogue.image_path(image_id)
            del draft.objects[image_id]
            for tag in TAGS:
                self._unlink_label(tag, image_id, LABEL_EXTENSIONS)
            self._catalogue.readings.remove(image_id, self._catalogue.readings.shelves())
            path.unlink(missing_ok=True)
        logger.info("Removed the image %s", image_id)

    def save_label(
        self, image_id: str, label_filename: str | Path, label_tag: str, label_info: Mapping[str, Any] | None
    ) -> str:
        """Store a label after reading it, rewritten as this app writes labels; its id.

        A submitted one is also kept as the reading of its annotator, and that of another person stays theirs.

        Upstream stores any file of any name under any tag, the empty list that stock Slicer submits too, and counts the
        image as labelled. Here the content decides: an unreadable label is refused, and nothing changes.

        Args:
            image_id: the image it belongs to.
            label_filename: a markups file; its extension does not matter.
            label_tag: ``final`` or ``original``.
            label_info: what to note about it; ``model`` tells the landmark set,
                :func:`~monailabel_app.datastores.annotators.annotator_of` whose reading it is.

        Raises:
            ClientError: the tag, the label or the info cannot be stored; one sentence.
            NotFoundError: there is no such image.
        """
        self._save(image_id, label_filename, rules.checked_tag(label_tag), rules.checked_info(label_info))
        return image_id

    def save_reading(self, image_id: str, label_filename: str | Path, label_info: Mapping[str, Any] | None) -> str:
        """Store a label as the reading of its annotator alone, see :meth:`save_label`; the image's id.

        The submitted label stays what it is; where there is none, the reading is submitted with it.
        """
        info = rules.checked_info(label_info)
        with self.transaction():
            submitted = self._catalogue.label(image_id, FINAL) is not None
            self._save(image_id, label_filename, None if submitted else FINAL, info)
        return image_id

    def _save(self, image_id: str, file: str | Path, tag: str | None, info: dict[str, Any]) -> None:
        annotator_of(info)  # refused before anything is stored
        content = rules.checked_size(file, rules.MAX_LABEL_BYTES).read_bytes()
        with client_errors(), self.transaction():  # the image must not be replaced meanwhile
            header = self.header(image_id)
            landmark_set, landmarks = self._catalogue.sets.read(content, header, info)
            self._write_label(image_id, tag, landmarks, landmark_set, header, info)

    def update_label_info(self, label_id: str, label_tag: str, info: Mapping[str, Any]) -> None:
        """Add to what is noted about a label; ``NotFoundError`` where there is no such label."""
        added = rules.checked_info(info)
        with self._catalogue.transaction() as draft:
            label = self._catalogue.label(label_id, label_tag)
            if label is None:
                raise NotFoundError(f"The image {rules.quoted(label_id)} has no {label_tag} label.")
            entry = label.model_copy(update={"info": _merged(label.info, added)})
            draft.objects[label_id] = draft.objects[label_id].with_label(label_tag, entry)

    def remove_label(self, label_id: str, label_tag: str) -> None:
        """Remove a label, file and entry; ``NotFoundError`` where there is no such label.

        With a submitted label goes the reading that it is; those of others stay, though the image then counts as
        unlabelled until somebody submits one.
        """
        with self._catalogue.transaction() as draft:
            label = self._catalogue.label(label_id, label_tag)
            if label is None:
                raise NotFoundError(f"The image {rules.quoted(label_id)} has no {label_tag} label.")
            study = draft.objects[label_id]
            if label_tag == FINAL:
                study = self._catalogue.readings.remove_submitted(label_id, study)
            # Upstream removes only the file: datalist() keeps the dead path, and training dies of it.
            draft.objects[label_id] = study.with_label(rules.checked_tag(label_tag), None)
            self._unlink_label(label_tag, label_id, LABEL_EXTENSIONS)
        logger.info("Removed the %s label of %s", label_tag, label_id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Changes within the block are written to the index once, at its end; other writers wait."""
        with self._catalogue.transaction():
            yield

    def import_study(
        self,
        image_id: str | None,
        source_file: str | Path,
        landmarks: Landmarks | None = None,
        landmark_set: LandmarkSet | None = None,
        image_info: Mapping[str, Any] | None = None,
        label_info: Mapping[str, Any] | None = None,
    ) -> str:
        """Store an image and, where ``landmarks`` are given with their set, its submitted label; its id.

        Raises:
            ClientError: the image or the landmarks cannot be stored.
        """
        info = rules.checked_info(label_info)
        with client_errors(), self.transaction():
            if landmarks is None or landmark_set is None:
                return self.add_image(image_id, source_file, image_info)
            header = read_header(source_file)
            document = markups_document(landmarks, header.geometry, title=landmark_set.title)
            checked = parse_markups(document, landmark_set, header)  # refused before anything is stored
            image_id = self.add_image(image_id, source_file, image_info)
            self._write_label(image_id, FINAL, checked, landmark_set, header, info)
            return image_id

    def _store_image(self, draft: Index, image_id: str, source: Path, extension: str, info: dict[str, Any]) -> None:
        file = f"{image_id}{extension}"
        old = draft.objects.get(image_id)
        if old is not None:
            there = (self.folder / file_of(image_id, old)).is_file()
            known = self._content(image_id, old) if there else old.image.info.get("content") or {}
            if known.get("checksum") == checksum_of(source):
                if not there:
                    self._copy_image(source, file_of(image_id, old))
                draft.objects[image_id] = old.with_image_info(_merged(old.image.info, info))
                return
            if there or old.readings or any(label.ext in LABEL_EXTENSIONS for label in old.labels.values()):
                # Upstream replaces it: in Slicer, Add Data with a file of that name is enough to lose a study.
                raise ConflictError(
                    f"There is another image {rules.quoted(image_id)}: choose another name for this one."
                )
        if (self.folder / file).exists():
            raise ConflictError(f"There is another file {rules.quoted(file)} among the studies: choose another name.")
        content = self._copy_image(source, file)
        entry = image_entry(file, {**info, "content": content})
        draft.objects[image_id] = (old or Study()).model_copy(update={"image": entry})

    def _copy_image(self, source: Path, file: str) -> dict[str, Any]:
        target = self.folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_atomic(source, target)
        return self._checksums.note(target)

    def _write_label(
        self,
        image_id: str,
        tag: str | None,
        landmarks: Landmarks,
        landmark_set: LandmarkSet,
        header: RadiographHeader,
        info: dict[str, Any],
    ) -> None:
        """Write a label under its tag, and as a reading where it is one; without a tag as a reading alone."""
        document = markups_document(landmarks, header.geometry, title=landmark_set.title, landmark_set=landmark_set)
        text, extension, readings = json_text(document), LABEL_EXTENSIONS[0], self._catalogue.readings
        with self._catalogue.transaction() as draft:
            study = self._catalogue.study(image_id)
            if tag == FINAL and (earlier := self._catalogue.label(image_id, FINAL)) is not None:
                replaced = self._catalogue.label_path(FINAL, image_id, earlier.ext)
                study = readings.keep_submitted(image_id, study, replaced)
            if tag is None or (tag == FINAL and not is_of_a_data_set(info)):
                shelf, path = readings.write(image_id, text, extension, info)
                entry = label_entry(path, extension, FINAL, landmark_set, landmarks, info)
                study = study.with_reading(shelf.key, reading_entry(entry, shelf))
            if tag is not None:
                path = self._catalogue.label_path(tag, image_id)
                write_atomic(path, text)
                self._unlink_label(tag, image_id, LABEL_EXTENSIONS[1:])  # upstream leaves both: either may come back
                study = study.with_label(tag, label_entry(path, extension, tag, landmark_set, landmarks, info))
            draft.objects[image_id] = study
        logger.info("Stored the %s label of %s: %d landmarks", tag or "annotator's", image_id, landmarks.num_placed())

    def _unlink_label(self, tag: str, image_id: str, extensions: tuple[str, ...]) -> None:
        for extension in extensions:
            self._catalogue.label_path(tag, image_id, extension).unlink(missing_ok=True)


def _checked_image_info(info: Mapping[str, Any] | None) -> dict[str, Any]:
    checked = rules.checked_info(info)
    if checked.get("pixel_spacing") is not None:
        try:
            checked["pixel_spacing"] = PixelSpacing.from_dict(checked["pixel_spacing"]).as_dict()
        except ValueError as error:
            raise StudiesError(str(error)) from error
    return checked


def _merged(noted: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """What was noted with what is added, within the limit of size for both together; the server's own keys stay."""
    own = {key: value for key, value in noted.items() if key in rules.SERVER_KEYS}
    return {**rules.checked_info({**noted, **added}), **own}

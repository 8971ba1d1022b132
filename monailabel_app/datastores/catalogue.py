"""What is in a studies folder: the index and the files, brought together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from lib.formats import MOVED_PX, LabelError
from lib.landmarks import Landmarks, LandmarkSet, provenance_table
from lib.radiographs import PixelSpacing, RadiographError, RadiographHeader, read_header
from monailabel_app.datastores import rules
from monailabel_app.datastores.checksums import checksum_of
from monailabel_app.datastores.index import Entry, Index, IndexFile, Study
from monailabel_app.datastores.label_sets import LabelSets
from monailabel_app.datastores.readings import ReadingFiles
from monailabel_app.datastores.rules import LABEL_EXTENSIONS, TAGS
from monailabel_app.datastores.scan import LABELS_FOLDER, FolderScan, id_for
from monailabel_app.errors import NotFoundError, StudiesError

RESCAN_S = 1.0
"""How old the listing of the folder may be before the next call looks again."""


class Catalogue:
    """The images and landmark labels of a folder; finds by itself what people or other processes put there.

    An image counts while its file is there. When the file is gone, what is noted about it stays in the index, unseen,
    until the file is back. A label counts when it has been read once with a landmark set and its file is there; what is
    no landmark label, the segmentation mask of another app say, is left alone.

    Args:
        folder: the studies folder; made where absent.
        landmark_sets: the landmark set of each model, by the model's name.
    """

    def __init__(self, folder: Path, landmark_sets: Mapping[str, LandmarkSet]) -> None:
        self.folder = folder
        self.sets = LabelSets(landmark_sets)
        self.readings = ReadingFiles(folder)
        for tag in TAGS:
            (folder / LABELS_FOLDER / tag).mkdir(parents=True, exist_ok=True)
        self._index = IndexFile(folder)
        self._scan = FolderScan(folder)
        self._files: frozenset[str] = frozenset()
        self._unusable: dict[str, object] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self.refresh()

    def transaction(self) -> AbstractContextManager[Index]:
        """The index to change, see :meth:`IndexFile.transaction`."""
        return self._index.transaction()

    def refresh(self) -> None:
        """Look at the folder: note new images, and labels that somebody put there by hand."""
        self._files = frozenset(self._scan.images())
        self._note_images()
        self._note_labels()
        self._looked_at = time.monotonic()

    def index(self) -> Index:
        """All that is noted, after a look at the folder if the last one is a second ago."""
        if self._index.draft is None and time.monotonic() - self._looked_at > self._rescan_s():
            self.refresh()
        return self._index.read()

    def resolve(self, image_id: str) -> str:
        """The id that is meant by one of its other names; here an id has none."""
        return image_id

    def visible(self) -> dict[str, Study]:
        """The studies whose image is there."""
        return self._there(self.index())

    def study(self, image_id: str) -> Study:
        """One study; ``NotFoundError`` where there is no such image."""
        found = self.find(image_id)
        if found is None:
            raise NotFoundError(f"There is no image {rules.quoted(image_id)} among the studies.")
        return found

    def find(self, image_id: str) -> Study | None:
        """One study; None where there is no such image."""
        study = self.index().objects.get(image_id)
        if study is not None and file_of(image_id, study) not in self._files:
            # Added a moment ago, by this process or another: the listing is older than the index.
            self._look_again()
        return study if study is not None and self._is_there(image_id, study) else None

    def added(self, file: str) -> None:
        """Count in an image file that has just been written."""
        self._files = self._files | {file}

    def image_path(self, image_id: str) -> Path:
        """Where the image's file is; ``NotFoundError`` where there is no such image."""
        return self._image_file(image_id, self.study(image_id))

    def file_path(self, image_id: str) -> Path:
        """Where the image's file has its place, whether or not it is there now; errors as :meth:`image_path`."""
        return self.folder / file_of(image_id, self.study(image_id))

    def stamps(self, images: Iterable[str]) -> dict[str, str]:
        """What tells whether an image's file has been replaced, of those that are there; nothing is read or fetched."""
        visible = self.visible()
        return {image: self._image_stamp(image, visible[image]) for image in images if image in visible}

    def label_path(self, tag: str, image_id: str, extension: str = LABEL_EXTENSIONS[0]) -> Path:
        """Where a label's file is or will be; every part of the path is checked."""
        return self.folder / LABELS_FOLDER / rules.checked_tag(tag) / f"{rules.checked_id(image_id)}{extension}"

    def label(self, image_id: str, tag: str) -> Entry | None:
        """What is noted about a landmark label; None where there is none."""
        study = self.find(image_id)
        entry = None if study is None else study.labels.get(rules.checked_tag(tag))
        if entry is None or not _is_landmark_label(entry):
            return None
        return entry if self.label_path(tag, image_id, entry.ext).is_file() else None

    def labelled(self, tag: str) -> dict[str, Entry]:
        """The landmark labels of a tag by image id."""
        visible = self.visible()  # first, since it may find labels
        names = self._scan.labels(rules.checked_tag(tag))
        return {
            image_id: entry
            for image_id, study in visible.items()
            if (entry := study.labels.get(tag)) and _is_landmark_label(entry) and f"{image_id}{entry.ext}" in names
        }

    def unreadable(self, tag: str) -> dict[str, str]:
        """Why label files of a tag are ignored that lie where an image's label has its place, by image id."""
        visible = self.visible()  # first, since it reads what has changed
        names = self._scan.labels(rules.checked_tag(tag))
        there = {known[0] for name in names if (known := rules.label_id(name)) is not None}
        ignored = visible.keys() & there - self.labelled(tag).keys()
        return {
            image_id: self._refused[tag, image_id] for image_id in sorted(ignored) if (tag, image_id) in self._refused
        }

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

    def _rescan_s(self) -> float:
        return RESCAN_S

    def _look_again(self) -> None:
        self._files = frozenset(self._scan.images())

    def _image_file(self, image_id: str, study: Study) -> Path:
        return self.folder / file_of(image_id, study)

    def _image_stamp(self, image_id: str, study: Study) -> str:
        try:
            changed, size = _stamp(self._image_file(image_id, study))
        except OSError:  # it has gone in this moment
            return ""
        return f"{changed}-{size}"

    def _is_there(self, image_id: str, study: Study) -> bool:
        # An id that breaks the rules can only stand in an index that is not ours; its label would have no place.
        return file_of(image_id, study) in self._files and rules.id_fault(image_id) is None

    def _there(self, index: Index) -> dict[str, Study]:
        return {image_id: study for image_id, study in index.objects.items() if self._is_there(image_id, study)}

    def _header(self, image_id: str, study: Study) -> RadiographHeader:
        header = read_header(self._image_file(image_id, study))
        given = study.image.info.get("pixel_spacing")
        if given is None:
            return header
        try:
            return replace(header, pixel_spacing=PixelSpacing.from_dict(given))
        except ValueError as error:  # the index has been edited by hand
            raise StudiesError(f"What is noted for the image {rules.quoted(image_id)}: {error}") from error

    def _note_images(self) -> None:
        def unnoted(index: Index) -> frozenset[str]:
            noted = {file_of(image_id, study) for image_id, study in index.objects.items()}
            return self._files - noted - self._unusable.keys()

        if not unnoted(self._index.read()):
            return
        with self.transaction() as draft:
            for file in sorted(unnoted(draft)):
                try:
                    image_id = id_for(file, draft.objects)
                except StudiesError as error:
                    self._unusable[file] = None
                    self._scan.tell_once(f"Ignored the file {rules.quoted(file)}: {error}")
                    continue
                draft.objects[image_id] = Study(image=image_entry(file, {}))

    def _note_labels(self) -> None:
        found = {}
        for tag in TAGS:
            names = self._scan.labels(tag)
            for image_id, study in self._there(self._index.read()).items():
                entry = study.labels.get(tag)
                if entry is not None and _is_landmark_label(entry) and f"{image_id}{entry.ext}" in names:
                    continue
                dropped = [extension for extension in LABEL_EXTENSIONS if f"{image_id}{extension}" in names]
                if dropped:
                    found[tag, image_id] = self._read_dropped(tag, image_id, study, dropped[0])
        if not any(found.values()):
            return
        with self.transaction() as draft:
            for (tag, image_id), entry in found.items():
                study_now = draft.objects.get(image_id)
                if entry is None or study_now is None:
                    continue
                earlier = study_now.labels.get(tag)
                if earlier is None or not _is_landmark_label(earlier) or earlier.ext != entry.ext:
                    draft.objects[image_id] = study_now.with_label(tag, entry)

    def _read_dropped(self, tag: str, image_id: str, study: Study, extension: str) -> Entry | None:
        """A label somebody put there by hand, if it is one; a bad one is told once, and read again when it changes."""
        path = self.label_path(tag, image_id, extension)
        earlier = study.labels.get(tag)
        info = earlier.info if earlier is not None and earlier.ext == extension else {}
        stamp = None
        try:
            stamp = _stamp(path), _stamp(self._image_file(image_id, study))
            if self._unusable.get(str(path)) == stamp:
                return None
            content = rules.checked_size(path, rules.MAX_LABEL_BYTES).read_bytes()
            landmark_set, landmarks = self.sets.read(content, self._header(image_id, study), info)
        except FileNotFoundError:  # gone again since the folder was listed
            return None
        except (LabelError, RadiographError, StudiesError) as error:
            self._unusable[str(path)], self._refused[tag, image_id] = stamp, str(error)
            self._scan.tell_once(f"Ignored the label {path.relative_to(self.folder)}: {error}")
            return None
        return label_entry(path, extension, tag, landmark_set, landmarks, info)


def file_of(image_id: str, study: Study) -> str:
    """The image's path relative to the studies folder; MONAI Label notes none and uses id and extension."""
    file = study.image.info.get("file")
    return file if isinstance(file, str) else f"{image_id}{study.image.ext}"


def image_entry(file: str, info: dict[str, object]) -> Entry:
    """What is noted about a new image."""
    name = file.rpartition("/")[2]
    own = {"ts": int(time.time()), "name": name, "file": file}
    return Entry(ext=rules.checked_image_extension(name), info={**info, **own})


def label_entry(
    path: Path, extension: str, tag: str, landmark_set: LandmarkSet, landmarks: Landmarks, info: dict[str, object]
) -> Entry:
    """What is noted about a label that has been read with a landmark set and lies at ``path``.

    ``provenance`` tells for each landmark whether a person placed, moved or accepted it, and which model predicted it.
    """
    own = {
        "ts": int(time.time()),
        "name": path.name,
        "landmark_set": landmark_set.name,
        "checksum": checksum_of(path),
        "provenance": provenance_table(landmarks, submitted=tag == rules.FINAL, tolerance_px=MOVED_PX),
    }
    return Entry(ext=extension, info={**info, **own})


def _is_landmark_label(entry: Entry) -> bool:
    return entry.ext in LABEL_EXTENSIONS and isinstance(entry.info.get("landmark_set"), str)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size

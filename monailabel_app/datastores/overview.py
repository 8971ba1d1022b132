"""Which studies are there and which of them have labels: kept up to date study by study, not made anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from lib.changes import ChangeLog
from monailabel_app.datastores import rules
from monailabel_app.datastores.entries import Entry, Study
from monailabel_app.datastores.rules import LABEL_EXTENSIONS, TAGS

_IMAGES = ""


class Overview:
    """What the index and the files say together.

    What is noted comes from the index, see :meth:`note`; which files there are, from listings of the folder, which may
    be a while old. Of a study that has just changed its files are looked up, so that nothing a process of this app
    writes waits for a listing.

    Args:
        is_image: whether there is an image file now, by its path.
        is_label: whether there is a label file now, by tag and name.
    """

    def __init__(self, is_image: Callable[[str], bool], is_label: Callable[[str, str], bool]) -> None:
        self._is_image, self._is_label = is_image, is_label
        self.lock = threading.RLock()
        self.log = ChangeLog()
        """Ids of the images of which something has changed: that they are there, what is noted, whether labelled."""
        self.names: dict[str, set[str]] = {kind: set() for kind in (_IMAGES, *TAGS)}
        self.visible: dict[str, Study] = {}
        """The studies whose image is there."""
        self.labelled: dict[str, dict[str, Entry]] = {tag: {} for tag in TAGS}
        """Of these, the landmark labels that are noted and whose files are there, by tag."""
        self.dropped: dict[str, set[str]] = {tag: set() for tag in TAGS}
        """Ids of those with a file where a label has its place, of which no label is noted."""
        self.unnoted: set[str] = set()
        """Image files without a study."""
        self._studies: Mapping[str, Study] = {}
        self._file_of: dict[str, str] = {}
        self._noted: dict[str, tuple[str, ...]] = {}
        self._looked_up: dict[tuple[str, str], bool] = {}
        self._sorted: list[str] | None = None

    def images(self) -> list[str]:
        """Ids of the visible studies, sorted."""
        with self.lock:
            if self._sorted is None:
                self._sorted = sorted(self.visible)
            return list(self._sorted)

    def is_there(self, image_id: str, study: Study) -> bool:
        """Whether a study's image is there, as far as is known."""
        # An id that breaks the rules can only stand in an index that is not ours; its label would have no place.
        return file_of(image_id, study) in self.files and rules.id_fault(image_id) is None

    def label(self, image_id: str, study: Study, tag: str) -> Entry | None:
        """The landmark label of a study, if it is noted and its file is there, as far as is known."""
        entry = study.labels.get(tag)
        if entry is None or not is_landmark_label(entry) or f"{image_id}{entry.ext}" not in self.names[tag]:
            return None
        return entry

    def note(self, studies: Mapping[str, Study], changed: Iterable[str] | None) -> None:
        """Take over the index.

        Args:
            studies: all that is noted now.
            changed: ids of those that are different from the last time; None where that may be any.
        """
        with self.lock:
            self._studies = studies
            if changed is None:
                self._note_all()
                return
            for image_id in changed:
                self._forget_file(image_id)
                study = studies.get(image_id)
                if study is not None:
                    self._keep_file(image_id, study)
                    self.look_up(image_id, study)
                self._judge(image_id)
            self.log.add(changed)

    def look_up(self, image_id: str, study: Study) -> None:
        """See which of a study's files are there now."""
        self._look_up(_IMAGES, file_of(image_id, study))
        if rules.id_fault(image_id) is None:
            for tag in TAGS:
                for extension in LABEL_EXTENSIONS:
                    self._look_up(tag, f"{image_id}{extension}")

    def list_begins(self) -> None:
        """The folder is listed from now on: what is looked up meanwhile is newer than the listing."""
        with self.lock:
            self._looked_up.clear()

    def take_files(self, listed: Iterable[str]) -> None:
        """Take over a listing of the image files, begun with :meth:`list_begins`."""
        with self.lock:
            touched: list[str] = []
            for file in self._take(_IMAGES, listed):
                ids = self._noted.get(file, ())
                if not ids:
                    (self.unnoted.add if file in self.files else self.unnoted.discard)(file)
                for image_id in ids:
                    self._judge(image_id)
                touched += ids
            self.log.add(touched)

    def take_names(self, tag: str, listed: Iterable[str]) -> None:
        """Take over a listing of the label files under a tag, begun with :meth:`list_begins`."""
        with self.lock:
            known = (rules.label_id(name) for name in self._take(tag, listed))
            ids = {found[0] for found in known if found is not None} & self._file_of.keys()
            for image_id in ids:
                self._judge(image_id)
            self.log.add(ids)

    @property
    def files(self) -> set[str]:
        """Paths of the image files that are there, as far as is known."""
        return self.names[_IMAGES]

    def _look_up(self, kind: str, name: str) -> bool:
        there = self._is_image(name) if kind == _IMAGES else self._is_label(kind, name)
        self._looked_up[kind, name] = there
        (self.names[kind].add if there else self.names[kind].discard)(name)
        return there

    def _look_up_unlisted(self, image_id: str, study: Study) -> None:
        """See which of the files that a study tells of have come since the folder was listed."""
        if self._file_of[image_id] not in self.files:
            self._look_up(_IMAGES, self._file_of[image_id])
        for tag, entry in study.labels.items():
            name = f"{image_id}{entry.ext}"
            unlisted = tag in TAGS and is_landmark_label(entry) and name not in self.names[tag]
            if unlisted and rules.id_fault(image_id) is None:
                self._look_up(tag, name)

    def _take(self, kind: str, listed: Iterable[str]) -> set[str]:
        """Take over a listing; what has come or gone."""
        now = set(listed)
        for (of, name), there in self._looked_up.items():
            if of == kind:
                (now.add if there else now.discard)(name)
        changed = now ^ self.names[kind]
        self.names[kind] = now
        return changed

    def _note_all(self) -> None:
        self.visible.clear()
        self._file_of.clear()
        self._noted.clear()
        for tag in TAGS:
            self.labelled[tag].clear()
            self.dropped[tag].clear()
        for image_id, study in self._studies.items():
            self._keep_file(image_id, study)
            self._look_up_unlisted(image_id, study)
        self._sorted = None
        for image_id in self._studies:
            self._judge(image_id)
        self.unnoted = self.files - self._noted.keys()
        self.log.reset()

    def _keep_file(self, image_id: str, study: Study) -> None:
        file = file_of(image_id, study)
        self._file_of[image_id] = file
        self._noted[file] = (*self._noted.get(file, ()), image_id)
        self.unnoted.discard(file)

    def _forget_file(self, image_id: str) -> None:
        file = self._file_of.pop(image_id, None)
        if file is None:
            return
        others = tuple(other for other in self._noted[file] if other != image_id)
        if others:
            self._noted[file] = others
            return
        del self._noted[file]
        if file in self.files and self._look_up(_IMAGES, file):
            self.unnoted.add(file)

    def _judge(self, image_id: str) -> None:
        study = self._studies.get(image_id)
        there = study is not None and self.is_there(image_id, study)
        if there != (image_id in self.visible):
            self._sorted = None
        if study is None or not there:
            self.visible.pop(image_id, None)
            for tag in TAGS:
                self.labelled[tag].pop(image_id, None)
                self.dropped[tag].discard(image_id)
            return
        self.visible[image_id] = study
        for tag in TAGS:
            label = self.label(image_id, study, tag)
            if label is not None:
                self.labelled[tag][image_id] = label
                self.dropped[tag].discard(image_id)
                continue
            self.labelled[tag].pop(image_id, None)
            names = self.names[tag]
            dropped = any(f"{image_id}{extension}" in names for extension in LABEL_EXTENSIONS)
            (self.dropped[tag].add if dropped else self.dropped[tag].discard)(image_id)


def file_of(image_id: str, study: Study) -> str:
    """The image's path relative to the studies folder; MONAI Label notes none and uses id and extension."""
    file = study.image.info.get("file")
    return file if isinstance(file, str) else f"{image_id}{study.image.ext}"


def is_landmark_label(entry: Entry) -> bool:
    """Whether what is noted about a label is about a landmark label, which has been read with a set."""
    return entry.ext in LABEL_EXTENSIONS and isinstance(entry.info.get("landmark_set"), str)

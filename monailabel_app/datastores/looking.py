"""Looking at a studies folder: the index and the files, brought together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib.formats import LabelError
from lib.landmarks import LandmarkSet
from lib.pace import Pace, at_once, politely
from lib.radiographs import PixelSpacing, RadiographError, RadiographHeader, read_header
from monailabel_app.datastores import rules
from monailabel_app.datastores.entries import Entry, Index, Study, image_entry, label_entry
from monailabel_app.datastores.index import IndexFile
from monailabel_app.datastores.label_sets import LabelSets
from monailabel_app.datastores.overview import Overview, file_of, is_landmark_label
from monailabel_app.datastores.readings import ReadingFiles
from monailabel_app.datastores.rules import LABEL_EXTENSIONS, TAGS
from monailabel_app.datastores.scan import LABELS_FOLDER, FolderScan, id_for
from monailabel_app.errors import StudiesError

logger = logging.getLogger(__name__)

RESCAN_S = 1.0
"""How old the listing of the folder may be before the next call looks again..."""
PATIENCE = 10.0
"""...or this many times as old as the last look took: a large folder is not listed all the time."""
SMALL = 5000
"""A folder of up to so many files is looked at while a request waits, a larger one beside the requests."""


class Looking:
    """Keeps the overview of a folder up to date, and notes what people or other processes have put there.

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
        self._overview = Overview(self._is_image_file, self._scan.is_label)
        self._mark: int | None = None
        self._unusable: dict[str, object] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._looking = threading.Lock()
        self._looker: threading.Thread | None = None
        self._age_s = RESCAN_S
        self.refresh()
        self._fold()

    def transaction(self) -> AbstractContextManager[Index]:
        """The index to change, see :meth:`IndexFile.transaction`."""
        return self._index.transaction()

    def refresh(self) -> None:
        """Look at the folder: note new images, and labels that somebody put there by hand."""
        # In a transaction nobody waits for somebody who looks, and who may wait for the end of the transaction.
        if self._looking.acquire(blocking=self._index.draft is None):
            try:
                self._look_at_all(at_once)
            finally:
                self._looking.release()

    def index(self) -> Index:
        """All that is noted, after a look at the folder if the last one is a second ago."""
        if self._index.draft is None and time.monotonic() - self._looked_at > self._rescan_s():
            self._look_soon()
        return self._index.read()

    def label_path(self, tag: str, image_id: str, extension: str = LABEL_EXTENSIONS[0]) -> Path:
        """Where a label's file is or will be; every part of the path is checked."""
        return self.folder / LABELS_FOLDER / rules.checked_tag(tag) / f"{rules.checked_id(image_id)}{extension}"

    def _rescan_s(self) -> float:
        return max(RESCAN_S, self._age_s)

    def _look_at_all(self, pace: Pace[Any]) -> None:
        begun = time.monotonic()
        self._list(pace)
        self._note_images()
        self._note_labels()
        self._looked_at = time.monotonic()
        self._age_s = PATIENCE * (self._looked_at - begun) if self._scan.size() > SMALL else 0.0

    def _look_soon(self) -> None:
        """Look at a small folder now, at a large one beside the requests; unless somebody does already."""
        if not self._looking.acquire(blocking=False):
            return
        if self._scan.size() <= SMALL:
            try:
                self._look_at_all(at_once)
            finally:
                self._looking.release()
            return
        self._looker = threading.Thread(target=self._look_beside, name="listing the studies")
        self._looker.start()

    def _look_beside(self) -> None:
        try:
            self._look_at_all(politely)
        except Exception:  # the next look may go better
            logger.exception("The studies folder could not be looked at")
            self._looked_at = time.monotonic()
        finally:
            self._looking.release()

    def _list(self, pace: Pace[Any]) -> None:
        self._overview.list_begins()
        self._overview.take_files(self._scan.images(pace))
        for tag in TAGS:
            self._overview.take_names(tag, self._scan.labels(tag, pace))
        self._index.read()

    def _look_at_labels(self, tag: str) -> None:
        """See at once when somebody has put a label into a small folder or taken one away."""
        self.index()
        if self._index.draft is not None or self._scan.size() > SMALL or not self._scan.has_changed(tag):
            return
        if self._looking.acquire(blocking=False):
            try:
                self._overview.list_begins()
                self._overview.take_names(tag, self._scan.labels(tag))
            finally:
                self._looking.release()

    def _catch_up(self) -> None:
        """Let the overview have what was last read of the index."""
        with self._overview.lock:
            self._mark, changed, studies = self._index.since(self._mark)
            if changed is None or changed:
                self._overview.note(studies, changed)

    @contextmanager
    def _now(self) -> Iterator[tuple[Overview, dict[str, Study | None]]]:
        """The overview as it is now, held, and what this thread's open transaction has changed."""
        index, draft = self.index(), self._index.draft
        drafted: dict[str, Study | None] = {}
        with self._overview.lock:
            self._catch_up()
            if draft is not None:
                drafted = {image_id: index.objects.get(image_id) for image_id in self._index.touched()}
                for image_id, study in drafted.items():
                    if study is not None:
                        self._overview.look_up(image_id, study)
            yield self._overview, drafted

    def _fold(self) -> None:
        try:
            self._index.fold()
        except (OSError, StudiesError) as error:
            logger.warning("The journal of the studies was not folded: %s", error)

    def _is_image_file(self, file: str) -> bool:
        return self._scan.is_image(file)

    def _image_file(self, image_id: str, study: Study) -> Path:
        return self.folder / file_of(image_id, study)

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
        def unnoted() -> list[str]:
            with self._overview.lock:
                self._catch_up()
                return sorted(self._overview.unnoted - self._unusable.keys())

        if not unnoted():
            return
        with self.transaction() as draft:
            for file in unnoted():
                try:
                    image_id = id_for(file, draft.objects)
                except StudiesError as error:
                    self._unusable[file] = None
                    self._scan.tell_once(f"Ignored the file {rules.quoted(file)}: {error}")
                    continue
                draft.objects[image_id] = Study(image=image_entry(file, {}))
        self._catch_up()

    def _note_labels(self) -> None:
        with self._overview.lock:
            overview = self._overview
            dropped = [
                (tag, image_id, overview.visible[image_id], extension)
                for tag in TAGS
                for image_id in overview.dropped[tag]
                if (extension := _extension_among(image_id, overview.names[tag])) is not None
            ]
        found = {(one[0], one[1]): self._read_dropped(*one) for one in dropped}
        if not any(found.values()):
            return
        with self.transaction() as draft:
            for (tag, image_id), entry in found.items():
                study_now = draft.objects.get(image_id)
                if entry is None or study_now is None:
                    continue
                earlier = study_now.labels.get(tag)
                if earlier is None or not is_landmark_label(earlier) or earlier.ext != entry.ext:
                    draft.objects[image_id] = study_now.with_label(tag, entry)
        self._catch_up()

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


def _extension_among(image_id: str, names: set[str]) -> str | None:
    return next((extension for extension in LABEL_EXTENSIONS if f"{image_id}{extension}" in names), None)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size

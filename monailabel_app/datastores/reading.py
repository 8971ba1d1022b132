"""The reading half of the datastore: which studies there are and what is known about them."""

from __future__ import annotations

import copy
import io
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import Identity, PixelSpacing, RadiographHeader, read_identity
from monailabel_app.datastores import rules
from monailabel_app.datastores.annotations import Annotations
from monailabel_app.datastores.archive import write_archive
from monailabel_app.datastores.catalogue import Catalogue
from monailabel_app.datastores.checksums import ImageChecksums, letters
from monailabel_app.datastores.entries import Study
from monailabel_app.datastores.overview import file_of
from monailabel_app.datastores.readings import ANNOTATORS_FOLDER
from monailabel_app.datastores.rules import FINAL, TAGS
from monailabel_app.errors import NotFoundError, client_errors


class StudiesReading(Annotations):
    """What :class:`~monailabel_app.datastores.local.StudiesFolder` answers; see there.

    Args:
        studies: the folder; made where absent.
        landmark_sets: the landmark set of each model, by the model's name.
        catalogue: what finds the studies; without, that of the folder.
    """

    def __init__(
        self, studies: str | Path, landmark_sets: Mapping[str, LandmarkSet], catalogue: Catalogue | None = None
    ) -> None:
        self._catalogue = catalogue or Catalogue(Path(studies).expanduser().resolve(), landmark_sets)
        self._checksums = ImageChecksums()
        self._archives = tempfile.TemporaryDirectory(prefix="farnet-archives-")

    @property
    def folder(self) -> Path:
        """The studies folder."""
        return self._catalogue.folder

    def name(self) -> str:
        """The name of the studies."""
        return self._catalogue.index().name

    def description(self) -> str:
        """The description of the studies."""
        return self._catalogue.index().description

    def refresh(self) -> None:
        """Look at the folder now."""
        self._catalogue.refresh()

    def list_images(self) -> list[str]:
        """The ids of all images, sorted."""
        return self._catalogue.images()

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:  # noqa: ARG002
        """The ids of the images with a submitted label, sorted.

        The arguments are left aside, as upstream does: batch inference passes the tag that it will write to.
        """
        return sorted(self._catalogue.labelled(FINAL))

    def unreadable_labels(self) -> dict[str, str]:
        """Why files that lie where submitted labels do are ignored, a sentence each by image id."""
        return self._catalogue.unreadable(FINAL)

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:  # noqa: ARG002
        """The ids of the images without a submitted label, sorted."""
        labelled = self._catalogue.labelled(FINAL)
        return [image_id for image_id in self._catalogue.images() if image_id not in labelled]

    def datalist(self, full_path: bool = True) -> list[dict[str, str]]:
        """``{"image": path, "label": path}`` of each submitted label, by image id; only files that are there."""
        pairs = []
        for image_id, label in sorted(self._catalogue.labelled(FINAL).items()):
            image = self._catalogue.image_path(image_id)
            pairs.append({"image": image, "label": self._catalogue.label_path(FINAL, image_id, label.ext)})
        root = self.folder
        return [{key: str(p if full_path else p.relative_to(root)) for key, p in pair.items()} for pair in pairs]

    def status(self) -> dict[str, Any]:
        """How many images there are, how many have a submitted label, and how many a label of each tag."""
        total, tags = self._catalogue.counts()
        used = {tag: count for tag, count in tags.items() if count}
        return {"total": total, "completed": tags[FINAL], "label_tags": used}

    def json(self) -> dict[str, Any]:
        """The index in MONAI Label's layout, with the images and landmark labels that are there."""
        return self._catalogue.shown().model_dump(mode="json")

    def get_dataset_archive(self, limit_cases: int | None = None) -> str:
        """A ZIP archive of images with a submitted label, these labels, readings and what is noted of them; its path.

        Raises:
            NotFoundError: no image has a submitted label.
        """
        shown = self._catalogue.shown()
        labelled = sorted(image_id for image_id, study in shown.objects.items() if FINAL in study.labels)
        kept = {image_id: shown.objects[image_id] for image_id in labelled[: limit_cases or None]}
        if not kept:
            raise NotFoundError("There is nothing to download yet: no image has a submitted label.")
        files = []
        for image_id, study in kept.items():
            label = self._catalogue.label_path(FINAL, image_id, study.labels[FINAL].ext)
            files.append((self._catalogue.image_path(image_id), f"image/{image_id}{study.image.ext}"))
            files.append((label, f"label/{label.name}"))
            for shelf, reading, _ in self._catalogue.readings.of(image_id):
                files.append((reading, f"label/{ANNOTATORS_FOLDER}/{shelf.key}/{reading.name}"))
        metadata = shown.model_copy(update={"objects": kept}).model_dump_json(indent=1)
        return str(write_archive(Path(self._archives.name), files, metadata))

    def has_image(self, image_id: str) -> bool:
        """Whether there is such an image."""
        return self._catalogue.find(image_id) is not None

    def get_image_uri(self, image_id: str) -> str:
        """The path of the image's file; empty where there is no such image."""
        return "" if self._catalogue.find(image_id) is None else str(self._catalogue.image_path(image_id))

    def stamps(self, images: Iterable[str]) -> dict[str, str]:
        """What tells whether an image's file has been replaced, of those that are there; nothing is read or fetched."""
        return self._catalogue.stamps(images)

    def get_image(self, image_id: str, params: Any = None) -> io.BytesIO | None:  # noqa: ARG002
        """The content of the image's file; None where there is no such image."""
        path = self.get_image_uri(image_id)
        return io.BytesIO(Path(path).read_bytes()) if path else None

    def header(self, image_id: str) -> RadiographHeader:
        """Size, geometry and pixel spacing, the user's where one was given.

        Raises:
            NotFoundError: there is no such image.
            RadiographError: its file is damaged.
        """
        return self._catalogue.header(image_id)

    def pixel_spacing(self, image_id: str) -> PixelSpacing:
        """Millimetres of a pixel as a user gave them, else as the file says; errors as :meth:`header`."""
        return self.header(image_id).pixel_spacing

    def notes(self, image_id: str) -> dict[str, Any]:
        """What is noted about an image, scores included; unlike :meth:`get_image_info` it never reads the image."""
        return copy.deepcopy(self._catalogue.study(image_id).image.info)

    def labelling(self, mark: int | None) -> tuple[int, bool, dict[str, tuple[bool, Mapping[str, Any]] | None]]:
        """What is different from an earlier time: labels, notes and images; see :meth:`Catalogue.changes`."""
        return self._catalogue.changes(mark)

    def identity(self, image_id: str) -> Identity:
        """Patient and study of an image: those noted, else those in its file's header.

        A user notes the patient of an image that does not say as ``patient``. MONAI Label's ``PatientID`` is none: it
        holds the image's id.

        Raises:
            NotFoundError: there is no such image.
            RadiographError: its file is damaged.
        """
        noted = self.notes(image_id)
        known = Identity.of(noted.get("patient"), study=noted.get("StudyInstanceUID"))
        return known.or_else(read_identity(self._catalogue.image_path(image_id)))

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        """What a client needs to fetch an image, and what is noted about it.

        Mends what stock Slicer makes of upstream's answer: it takes a ``path`` that exists on its own machine, and
        glues numbered files there, or in its download cache, into one stack. So there is no path, the name for the
        cache ends with letters of the content, and the checksum guards against another image of that name.

        Raises:
            NotFoundError: there is no such image.
        """
        study = self._catalogue.study(image_id)
        hidden = ("path", "file", "content")
        info = {key: copy.deepcopy(value) for key, value in study.image.info.items() if key not in hidden}
        checksum = self._content(image_id, study)["checksum"]
        return {
            **info,
            "name": f"{image_id}-{letters(checksum)}{study.image.ext}",
            "checksum": checksum,
            "PatientID": image_id,
        }

    def get_labels_by_image_id(self, image_id: str) -> dict[str, str]:
        """Label ids by tag; a label has the id of its image."""
        return {tag: image_id for tag in TAGS if self._catalogue.label(image_id, tag) is not None}

    def get_label_by_image_id(self, image_id: str, tag: str) -> str:
        """The id of the image's label of that tag; empty where there is none."""
        return image_id if self._catalogue.label(image_id, tag) is not None else ""

    def get_label_uri(self, label_id: str, label_tag: str) -> str:
        """The path of the label's file; empty where there is no such label."""
        label = self._catalogue.label(label_id, label_tag)
        return "" if label is None else str(self._catalogue.label_path(label_tag, label_id, label.ext))

    def get_label(self, label_id: str, label_tag: str, params: Any = None) -> io.BytesIO | None:  # noqa: ARG002
        """The content of the label's file; None where there is no such label."""
        path = self.get_label_uri(label_id, label_tag)
        return io.BytesIO(Path(path).read_bytes()) if path else None

    def get_label_info(self, label_id: str, label_tag: str) -> dict[str, Any]:
        """What is noted about a label: by whom or what, when, with which set; empty where there is no such label."""
        label = self._catalogue.label(label_id, label_tag)
        return {} if label is None else copy.deepcopy(label.info)

    def landmarks(self, image_id: str, tag: str = FINAL) -> Landmarks:
        """The landmarks of a label, one a landmark of its set, in pixels of the image's file as stored.

        Raises:
            NotFoundError: there is no such label.
            ClientError: its file, or the image's, has been damaged since.
        """
        content = self.get_label(image_id, tag)
        if content is None:
            raise NotFoundError(f"The image {rules.quoted(image_id)} has no {rules.checked_tag(tag)} label.")
        with client_errors():
            info = self.get_label_info(image_id, tag)
            return self._catalogue.sets.read(content.getvalue(), self.header(image_id), info)[1]

    def _content(self, image_id: str, study: Study) -> dict[str, Any]:
        return self._checksums.note(self.folder / file_of(image_id, study), study.image.info.get("content"))

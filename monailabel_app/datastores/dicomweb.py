"""The radiographs of a DICOMweb server, with landmark labels stored there as structured reports."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pydicom

from lib.formats import json_text, markups_document, write_atomic
from lib.formats.pixel_labels import PixelLabel
from lib.formats.read_report import parse_report
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import RadiographError, read_header
from monailabel_app.datastores import rules
from monailabel_app.datastores.annotators import annotator_of
from monailabel_app.datastores.checksums import letters
from monailabel_app.datastores.local import StudiesFolder
from monailabel_app.datastores.pacs import Pacs, PacsAwayError
from monailabel_app.datastores.pacs_catalogue import PacsCatalogue
from monailabel_app.datastores.pacs_listing import is_uid
from monailabel_app.datastores.pacs_reports import label_report, report_label
from monailabel_app.datastores.rules import FINAL
from monailabel_app.errors import ConflictError, StudiesError, client_errors

logger = logging.getLogger(__name__)

_RENAME = "give one of the two sets another title."
MAX_CACHE_BYTES = 20_000_000_000


class DicomwebStudies(StudiesFolder):
    """Radiographs on a DICOMweb server; a submitted label is a structured report there, found again by anybody.

    Predictions, and what is noted about an image, stay on this machine in ``folder``, beside the files of the images
    that were used last. Mends of MONAI Label 0.8.5's datastore: it knows CT and segmentations only, shows new studies
    and labels after two hours, turns images into NIfTI, and downloads tools when it starts.

    Args:
        url: the server's address.
        folder: for what stays on this machine.
        landmark_sets: the landmark set of each model, by the model's name.
        filters: attributes of the series to show, see :class:`~monailabel_app.datastores.pacs_listing.Lister`.
        max_bytes: what the files of unlabelled images may take.
    """

    _catalogue: PacsCatalogue

    def __init__(
        self,
        url: str,
        folder: Path,
        landmark_sets: Mapping[str, LandmarkSet],
        filters: Mapping[str, str] | None = None,
        max_bytes: int = MAX_CACHE_BYTES,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold images of patients
        super().__init__(
            folder, landmark_sets, PacsCatalogue(Pacs(url), folder, landmark_sets, filters or {}, max_bytes)
        )

    def status(self) -> dict[str, Any]:
        """As of a folder; ``dicomweb`` tells the address and, while the server does not answer, the ``fault``."""
        told = super().status()
        return {**told, "dicomweb": {"url": self._catalogue.pacs.url, "fault": self._catalogue.fault}}

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        """Where an image is on the server, a name for its file, and what is noted about it; nothing is fetched."""
        image_id = self._catalogue.resolve(image_id)
        hidden = ("path", "file", "content", "siblings", "reports")
        info = {key: value for key, value in self.notes(image_id).items() if key not in hidden}
        own = letters(hashlib.sha256(image_id.encode()).hexdigest())  # numbers alone would be glued into a stack
        return {**info, "name": f"{image_id}-{own}.dcm", "PatientID": image_id}

    def update_image_info(self, image_id: str, info: Mapping[str, Any]) -> None:
        """Add to what is noted about an image, see :meth:`StudiesFolder.update_image_info`."""
        super().update_image_info(self._catalogue.resolve(image_id), info)

    def update_label_info(self, label_id: str, label_tag: str, info: Mapping[str, Any]) -> None:
        """Add to what is noted here about a label, see :meth:`StudiesFolder.update_label_info`."""
        super().update_label_info(self._catalogue.resolve(label_id), label_tag, info)

    def get_label_uri(self, label_id: str, label_tag: str) -> str:
        """The path of a label as a Slicer markups file, made where needed; empty where there is no such label."""
        label_id = self._catalogue.resolve(label_id)
        path = super().get_label_uri(label_id, label_tag)
        label = self._catalogue.label(label_id, label_tag)
        if not path or label is None or label.ext != ".json":
            return path
        markups = self.folder / "markups" / f"{label_id}.mrk.json"
        if not (markups.is_file() and markups.stat().st_mtime_ns >= Path(path).stat().st_mtime_ns):
            header = self.header(label_id)
            landmark_set, landmarks = self._catalogue.sets.read(Path(path).read_bytes(), header, label.info)
            document = markups_document(landmarks, header.geometry, title=landmark_set.title, landmark_set=landmark_set)
            markups.parent.mkdir(exist_ok=True)
            write_atomic(markups, json_text(document))
        return str(markups)

    def landmarks(self, image_id: str, tag: str = FINAL) -> Landmarks:
        """The landmarks of a label, see :meth:`StudiesReading.landmarks`; those of a report without its image."""
        label = self._catalogue.label(image_id, tag)
        if label is None or label.ext != ".json":
            return super().landmarks(image_id, tag)
        with client_errors():
            content = self._catalogue.label_path(tag, image_id, label.ext).read_bytes()
            return self._landmarks_in(image_id, content, label.ext, label.info)[1]

    def add_image(self, image_id: str | None, image_filename: str | Path, image_info: Mapping[str, Any] | None) -> str:
        """Store a DICOM file on the server after reading its header; its id is its SOP instance UID.

        Raises:
            StudiesError: it is no DICOM file of a radiograph, or the server does not take it.
            ConflictError: the server has another image of that UID.
        """
        source = rules.checked_size(image_filename, rules.MAX_IMAGE_BYTES)
        info = rules.checked_info(image_info)
        try:
            header = read_header(source)
        except RadiographError as error:
            raise StudiesError(str(error).replace(source.name, image_id or "The file")) from error
        if header.format != "DICOM":
            raise StudiesError(f"The studies are on a DICOMweb server: send a DICOM file, not {header.format}.")
        dataset = pydicom.dcmread(source)
        uid = str(dataset.get("SOPInstanceUID") or "")
        if not is_uid(uid) or not self._catalogue.lists(dataset):
            raise StudiesError(
                "This server lists radiographs of one frame, each with a UID: CR, DX, RG, PX, IO, secondary captures."
            )
        if self.has_image(uid):
            if pydicom.dcmread(self.get_image_uri(uid)) != dataset:
                raise ConflictError(f"The server has another image {rules.quoted(uid)}.")
        else:
            self._catalogue.pacs.store(dataset)
            self._catalogue.refresh(wait=True)
        if info:
            self.update_image_info(uid, info)
        return uid

    def remove_image(self, image_id: str) -> None:
        """Refused: DICOMweb has no way to remove anything; ``NotFoundError`` where there is no such image."""
        self._catalogue.study(image_id)
        self._refuse_removal()

    def remove_label(self, label_id: str, label_tag: str) -> None:
        """Remove a stored prediction; a report on the server is refused."""
        if rules.checked_tag(label_tag) == FINAL:
            self._refuse_removal()
        super().remove_label(self._catalogue.resolve(label_id), label_tag)

    def save_label(
        self, image_id: str, label_filename: str | Path, label_tag: str, label_info: Mapping[str, Any] | None
    ) -> str:
        """Store a label after reading it, see :meth:`StudiesFolder.save_label`; a submitted one as a report there.

        Raises:
            PacsAwayError: the server does not answer, and nothing is noted here: the label has to be sent again.
        """
        image_id = self._catalogue.resolve(image_id)
        if rules.checked_tag(label_tag) != FINAL:
            self._catalogue.image_path(image_id)  # fetched before the index is locked
            return super().save_label(image_id, label_filename, label_tag, label_info)
        info = rules.checked_info(label_info)
        annotator_of(info)  # refused before anything is stored
        content = rules.checked_size(label_filename, rules.MAX_LABEL_BYTES).read_bytes()
        with client_errors():
            header = self.header(image_id)
            landmark_set, landmarks = self._catalogue.sets.read(content, header, info)
            image = pydicom.dcmread(header.path, stop_before_pixels=True)
            earlier = self._catalogue.label(image_id, FINAL)
            report = label_report(landmarks, landmark_set, image, info, earlier)
            label = report_label(parse_report(report), image, self._catalogue.sets)  # what reads badly is not stored
            if label.landmark_set != landmark_set:
                raise StudiesError(f"The report would be read as landmarks of '{label.landmark_set.name}': {_RENAME}")
        try:
            self._catalogue.pacs.store(report)
        except PacsAwayError as error:
            raise PacsAwayError(
                f"{error} Whether the label has arrived there is not known: keep it and submit it again."
            ) from error
        self._catalogue.note_label(image_id, label, info)
        logger.info("Stored the label of %s as a report: %d landmarks", image_id, landmarks.num_placed())
        return image_id

    def save_reading(self, image_id: str, label_filename: str | Path, label_info: Mapping[str, Any] | None) -> str:
        """A reading is a report like every submitted label, and the newest report of an image is its label."""
        return self.save_label(image_id, label_filename, FINAL, label_info)

    def import_study(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: data sets are imported into a folder."""
        raise StudiesError("The studies are on a DICOMweb server: import into a folder, or send DICOM files.")

    def _landmarks_in(
        self, image_id: str, content: bytes, extension: str, info: Mapping[str, Any]
    ) -> tuple[LandmarkSet, Landmarks]:
        """Labels of reports are in pixels, with the size of their image: it need not be fetched."""
        if extension != ".json":
            return super()._landmarks_in(image_id, content, extension, info)
        label = PixelLabel(content)
        landmark_set = self._catalogue.sets.choose(label.names(), label.models(), info)
        if size := info.get("size"):
            return landmark_set, label.landmarks(landmark_set, *size)
        header = self.header(image_id)  # somebody has put the file there
        return landmark_set, label.landmarks(landmark_set, header.height, header.width)

    def _refuse_removal(self) -> NoReturn:
        raise StudiesError("DICOMweb has no way to remove anything: remove it with the tools of the DICOM server.")


def cache_folder(url: str, parent: str | None) -> Path:
    """Where what stays on this machine of a server's studies lies."""
    root = Path(parent).expanduser() if parent else Path.home() / ".cache" / "farnet"
    return root / f"dicomweb-{hashlib.sha256(url.rstrip('/').encode()).hexdigest()[:16]}"

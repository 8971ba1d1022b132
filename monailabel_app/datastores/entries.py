"""What is noted about studies: the layout of MONAI Label 0.8.5, keys of others included."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lib.formats import MOVED_PX
from lib.landmarks import Landmarks, LandmarkSet, provenance_table
from monailabel_app.datastores import rules
from monailabel_app.datastores.checksums import checksum_of


class _Kept(BaseModel):
    model_config = ConfigDict(extra="allow")


class Entry(_Kept):
    """A file: its extension and what is noted about it. Never changed in place."""

    ext: str = ""
    info: dict[str, Any] = Field(default_factory=dict)


class Study(_Kept):
    """An image, its labels by tag, and the readings of it by annotator and number. Never changed in place."""

    image: Entry = Field(default_factory=Entry)
    labels: dict[str, Entry] = Field(default_factory=dict)
    readings: dict[str, Entry] = Field(default_factory=dict, exclude_if=lambda readings: not readings)

    def with_image_info(self, info: dict[str, Any]) -> Study:
        """The same study with this info about its image."""
        return self.model_copy(update={"image": self.image.model_copy(update={"info": info})})

    def with_label(self, tag: str, label: Entry | None) -> Study:
        """The same study with this label under the tag, or with none."""
        labels = {key: value for key, value in self.labels.items() if key != tag}
        return self.model_copy(update={"labels": labels if label is None else {**labels, tag: label}})

    def with_reading(self, key: str, reading: Entry | None) -> Study:
        """The same study with this reading, or without it."""
        readings = {known: value for known, value in self.readings.items() if known != key}
        return self.model_copy(update={"readings": readings if reading is None else {**readings, key: reading}})


class Index(_Kept):
    """All studies by image id."""

    name: str = "new-dataset"
    description: str = "New Dataset"
    images_dir: str = "."
    labels_dir: str = "labels"
    objects: MutableMapping[str, Study] = Field(default_factory=dict)

    def head(self) -> dict[str, Any]:
        """All but the studies."""
        return self.model_dump(mode="json", exclude={"objects"})

    def text(self) -> Iterator[str]:
        """The JSON of the index's file in pieces, one a study."""
        yield f'{json.dumps(self.head(), ensure_ascii=False)[:-1]}, "objects": {{'
        before = "\n"
        for image_id, study in self.objects.items():
            yield f"{before}{json.dumps(image_id, ensure_ascii=False)}: {study.model_dump_json()}"
            before = ",\n"
        yield "\n}}\n"


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

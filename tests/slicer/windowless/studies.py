"""Radiographs whose names Slicer takes for the slices of a stack, and their true landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import SimpleITK

from lib.datasets.phantoms import make_phantom
from lib.landmarks import Landmarks
from tests.running import Server, label_of, save_phantom
from tests.tiny import FILE_SIZE, KIND

#: Seeds of the phantoms by the files' names.
FILES = {
    "001.png": 1,
    "002.png": 2,
    "003.png": 3,
    "film_001.nii.gz": 11,
    "film_002.nii.gz": 12,
    "ward/001.dcm": 21,
    "ward/002.dcm": 22,
}
#: The files by the ids that the server gives them.
STUDIES = {name.split(".")[0].replace("/", "__"): name for name in FILES}


def save_studies(folder: Path) -> None:
    """All of :data:`FILES`."""
    for name, seed in FILES.items():
        save = {".gz": save_nifti, ".dcm": save_dicom, ".png": save_phantom}[Path(name).suffix]
        save(folder / name, seed)


def save_nifti(path: Path, seed: int) -> None:
    """A phantom with an origin, unequal spacings and an axis that runs backwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = make_phantom(KIND, seed, FILE_SIZE, bits=12).pixels
    image = SimpleITK.GetImageFromArray(pixels[np.newaxis])
    image.SetSpacing((0.4, 0.6, 1.0))
    image.SetOrigin((-30.0, 55.0, 4.0))
    image.SetDirection((1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0))
    SimpleITK.WriteImage(image, str(path))


def save_dicom(path: Path, seed: int) -> None:
    """A phantom as one of the images of a series, as two views of a patient are."""
    save_phantom(path, seed)
    dataset = pydicom.dcmread(path)
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.save_as(path)


def truth(image: str) -> Landmarks:
    """The true landmarks of an image."""
    return make_phantom(KIND, FILES[STUDIES[image]], FILE_SIZE).landmarks


def put_truth(server: Server, *images: str) -> None:
    """Submit the true landmarks of images."""
    for image in images:
        response = server.put_label(image, label_of(server.studies / STUDIES[image], truth(image)))
        assert response.status_code == 200, response.text


def leave_unlabelled(server: Server, image: str) -> None:
    """Make an image the only one that the server still offers."""
    put_truth(server, *(set(STUDIES) - {image}))


def forget_labels(server: Server) -> None:
    """Remove every label."""
    for image, study in server.get("/datastore/", params={"output": "all"})["objects"].items():
        for tag in study["labels"]:
            assert server.request("DELETE", "/datastore/label", params={"id": image, "tag": tag}).status_code == 200

"""A hospital for the tests: a PACS with radiographs, our server on it, and a browser with OHIF."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lib.datasets.phantoms import make_phantom
from tests.running import Server, copy_app, running_server
from tests.tiny import CONF, KIND, save_untrained, tiny_config
from tests.viewers.dicoms import save_radiograph, with_cross
from tests.viewers.ohif import Ohif, browser
from tests.viewers.orthanc import Orthanc, running_orthanc

CROSS = (130, 210)
KINDS = {
    "square": {},
    "not-square": {"spacing": (0.4, 0.2)},
    "no-spacing": {"spacing": None},
    "inverted": {"inverted": True},
    "jpeg2000": {"jpeg2000": True},
}


@dataclass
class Site:
    """A hospital: a PACS with radiographs, our server, a browser with OHIF."""

    build: Path
    server: Server
    orthanc: Orthanc
    ohif: Ohif
    studies: dict[str, str]
    images: dict[str, str]


@contextmanager
def running_site(build: Path, home: Path, scratch: Path) -> Iterator[Site]:
    """A site with one film, small phantoms, and films with a cross of every kind.

    Args:
        build: an OHIF.
        home: an empty folder.
        scratch: the server's temporary folder.
    """
    pixels = film_pixels()
    (home / "orthanc").mkdir()
    with running_orthanc(home / "orthanc") as orthanc, browser() as chromium:
        studies, images = {}, {}

        def store(name: str, content: np.ndarray, **more) -> None:
            dataset = save_radiograph(home / name, content, patient=name, **more)
            orthanc.store(home / name)
            studies[name], images[name] = str(dataset.StudyInstanceUID), str(dataset.SOPInstanceUID)

        store("film", pixels)
        for seed in range(3):
            store(f"small-{seed}", make_phantom(KIND, seed, (320, 256)).pixels)
        for kind, more in KINDS.items():
            store(kind, with_cross(make_phantom(KIND, 7, (400, 300)).pixels, *CROSS), **more)
        config = tiny_config(copy_app(home / "the app") / "model")
        save_untrained(Path(config.paths[0]), config.card())
        conf = {**CONF, "preset": "lite", "ohif": str(build)}
        cache = {"MONAI_LABEL_DICOMWEB_CACHE_PATH": str(home / "cache")}
        with running_server(home, scratch, conf, orthanc.dicomweb, cache) as server:
            page = chromium.new_page(viewport={"width": 1600, "height": 1000})
            yield Site(build, server, orthanc, Ohif(page, server.url), studies, images)


def film_pixels() -> np.ndarray:
    """A real cephalogram, or a phantom where there are none."""
    folder = Path(os.environ.get("FARNET_DATA", Path(__file__).parents[3] / "shared" / "data"))
    film = folder / "isbi2015_ceph_half" / "images" / "001.jpg"
    return np.asarray(Image.open(film).convert("L")) if film.is_file() else make_phantom(KIND, 1).pixels


def submit(site: Site, image: str, label: dict, tag: str = "final") -> None:
    """Store a label: submitted, or ``original``, a model's prediction."""
    files = {"label": ("label.json", json.dumps(label))}
    answer = site.server.request("PUT", "/datastore/label", params={"image": image, "tag": tag}, files=files)
    assert answer.status_code == 200, answer.text

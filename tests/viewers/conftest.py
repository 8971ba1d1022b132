"""What several tests of the viewers stand on: a PACS, its studies, a whole site with OHIF."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.datasets.phantoms import make_phantom
from monailabel_app.datastores import pacs_catalogue
from monailabel_app.datastores.dicomweb import DicomwebStudies
from tests.tiny import CEPH, FILE_SIZE, KIND
from tests.viewers.ohif import build_of
from tests.viewers.orthanc import Orthanc, running_orthanc
from tests.viewers.sites import Site, running_site

MODEL = "farnet_demo"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """An empty Orthanc."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with running_orthanc(folder) as running:
        yield running


@pytest.fixture
def opened(tmp_path: Path, monkeypatch) -> Callable[..., DicomwebStudies]:
    """Opens an Orthanc's studies; every look at them is a new one."""
    monkeypatch.setattr(pacs_catalogue, "MIN_AGE_S", 0.0)
    monkeypatch.setattr(pacs_catalogue, "PATIENCE", 0.0)

    def open_(orthanc: Orthanc | str, cache: str = "cache", **more) -> DicomwebStudies:
        address = orthanc if isinstance(orthanc, str) else orthanc.dicomweb
        return DicomwebStudies(address, tmp_path / cache, {MODEL: CEPH}, **more)

    return open_


@pytest.fixture
def film():
    """The pixels of a phantom cephalogram."""
    return make_phantom(KIND, 3, FILE_SIZE).pixels


@pytest.fixture
def label(tmp_path: Path) -> Callable[..., Path]:
    """Writes a label in pixels: each landmark of the set at (10 + its number, 20), the first one at ``x``."""

    def write(x: float = 10.0) -> Path:
        points = [{"name": name, "x": 10.0 + number, "y": 20.0} for number, name in enumerate(CEPH.names)]
        points[0]["x"] = x
        path = tmp_path / "label.json"
        path.write_text(json.dumps({"landmarks": points}))
        return path

    return write


@pytest.fixture(scope="module", params=["wheel", "3.13"])
def site(request, tmp_path_factory) -> Iterator[Site]:
    """A site of a test module's own, with each build of OHIF."""
    build = build_of(request.param)
    with running_site(build, tmp_path_factory.mktemp("a site"), tmp_path_factory.mktemp("scratch")) as running:
        yield running

"""Real MRML, the C++ core of 3D Slicer without its windows (``slicer-core``), and a real server for its plugin."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import slicer

from FARNetLandmarksLib import bridge
from FARNetLandmarksLib.session import ReviewSession
from tests.running import Server, copy_app, running_server
from tests.slicer.mrml import Mrml
from tests.slicer.windowless import StockPlugin, stock_plugin
from tests.slicer.windowless.studies import forget_labels, save_studies
from tests.tiny import CONF, save_untrained, tiny_config


@pytest.fixture(autouse=True)
def heard(monkeypatch) -> Iterator[None]:
    """Nothing went wrong in what VTK and Qt called: they print exceptions of observers and slots, and go on."""
    faults: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, fault, trace: faults.append(fault))
    yield
    assert faults == []


@pytest.fixture
def mrml() -> Mrml:
    """An empty scene."""
    return Mrml()


@pytest.fixture(scope="session")
def slicer_server(tmp_path_factory) -> Iterator[Server]:
    """A server with an untrained demo model and radiographs whose names Slicer takes for slices of a stack."""
    home, scratch = tmp_path_factory.mktemp("a server"), tmp_path_factory.mktemp("scratch")
    config = tiny_config(copy_app(home / "the app") / "model")
    save_untrained(Path(config.paths[0]), config.card())
    save_studies(home / "my studies")
    with running_server(home, scratch, {**CONF, "preset": "lite"}) as running:
        yield running


@pytest.fixture
def unlabelled(slicer_server) -> Iterator[Server]:
    """The server without any label, at the test's end again."""
    forget_labels(slicer_server)
    yield slicer_server
    forget_labels(slicer_server)


@pytest.fixture
def stock(tmp_path) -> Iterator[StockPlugin]:
    """The unmodified MONAI Label plugin, freshly imported, in a Slicer without windows."""
    with stock_plugin(tmp_path) as plugin:
        yield plugin


@pytest.fixture
def companion(stock, monkeypatch) -> StockPlugin:
    """The plugin as Slicer has it once our module is loaded."""
    monkeypatch.setattr(slicer.util, "loadVolume", slicer.util.loadVolume)  # Slicer's own again when the test ends
    assert bridge.install(stock.plugin, stock.sample_data) == ""
    return stock


@pytest.fixture
def session(companion) -> Iterator[ReviewSession]:
    """A review of what is in the companion's scene."""
    review = ReviewSession(slicer.mrmlScene, companion.mrml.app)
    yield review
    review.close()

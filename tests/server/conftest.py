"""One real server for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Server, copy_app, running_server, save_phantom
from tests.tiny import CONF, save_untrained, tiny_config


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """A server with an untrained demo model, and farnet_hand without any; blanks in all its paths."""
    home, scratch = tmp_path_factory.mktemp("a server"), tmp_path_factory.mktemp("scratch")
    app, studies = copy_app(home / "the app"), home / "my studies"
    config = tiny_config(app / "model")
    save_untrained(Path(config.paths[0]), config.card())
    save_phantom(studies / "first.png", 1)
    save_phantom(studies / "ward 7" / "Second.PNG", 2)
    save_phantom(studies / "film.dcm", 3)
    (studies / "broken.png").write_text("no picture")
    with running_server(home, scratch, {**CONF, "models": "farnet_demo,farnet_hand", "preset": "lite"}) as running:
        yield running

"""Studies, and a small model that has really learnt from them."""

from pathlib import Path

import pytest

from lib.configs import TaskConfig
from monailabel_app.datastores import StudiesFolder
from tests.tiny import FAST, phantom_folder, save_untrained, tiny_config


@pytest.fixture(scope="session")
def studies(tmp_path_factory) -> StudiesFolder:
    """Twelve labelled cephalograms; not to be changed."""
    return phantom_folder(tmp_path_factory.mktemp("studies"), 12)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, studies) -> TaskConfig:
    """A model trained from an untrained one that came with the app; its folder is not to be changed."""
    config = tiny_config(tmp_path_factory.mktemp("trained"))
    save_untrained(Path(config.paths[0]), config.card())
    config.train_task()(FAST, studies)
    return config

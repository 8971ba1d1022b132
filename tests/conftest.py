"""Shared fixtures."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real radiographs; tests that need it skip visibly where it is absent."""
    folder = Path(os.environ.get("FARNET_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real radiographs at {folder}; set FARNET_DATA to a folder that has them")
    return folder

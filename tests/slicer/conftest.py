"""Real MRML, the C++ core of 3D Slicer without its windows (``slicer-core``)."""

import pytest

pytest.importorskip("slicer", reason="needs slicer-core, see requirements-dev.txt")

from tests.slicer.mrml import Mrml  # noqa: E402  needs slicer


@pytest.fixture
def mrml() -> Mrml:
    """An empty scene."""
    return Mrml()

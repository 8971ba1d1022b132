"""Real MRML, the C++ core of 3D Slicer without its windows (``slicer-core``)."""

import pytest

from tests.slicer.mrml import Mrml


@pytest.fixture
def mrml() -> Mrml:
    """An empty scene."""
    return Mrml()

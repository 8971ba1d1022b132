"""A tiny landmark set and made radiographs."""

import numpy as np
import pytest

from lib.landmarks import LandmarkSet


def make_set(names, lines=(), **more):
    content = {
        "name": "tiny",
        "title": "Tiny set",
        "input_size": [64, 64],
        "landmarks": [{"name": name, "abbreviation": f"{name}.", "definition": "A point."} for name in names],
        "lines": [{"name": f"line {line[0]}", "landmarks": list(line)} for line in lines],
        **more,
    }
    return LandmarkSet.parse(content, source="test")


@pytest.fixture
def tiny_set():
    return make_set(["a", "b", "c"], lines=[("a", "b", "c")])


@pytest.fixture
def wrist_set():
    rule = {"rule": "reference_length", "between": ["a", "b"], "length_mm": 50}
    return make_set(["a", "b", "c"], millimetres=rule)


@pytest.fixture
def radiograph():
    """(300, 240) uint16: a smooth bright disc on a dark ground."""
    rows, columns = np.mgrid[:300, :240]
    return (4000 * np.exp(-((rows - 150) ** 2 + (columns - 120) ** 2) / 8000)).astype(np.uint16)

"""A model file that is replaced in the middle of a request or of its reading: the old one counts, or the new one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.checkpoints import load_model, read_card
from lib.datasets.phantoms import make_phantom, write_dicom_dx
from lib.formats import copy_atomic
from lib.transforms import LoadRadiographd
from tests.tiny import KIND, save_untrained, tiny_config


@pytest.fixture
def image(tmp_path) -> Path:
    path = tmp_path / "film.dcm"
    write_dicom_dx(path, make_phantom(KIND, 5, (160, 128), bits=12))
    return path


def test_a_request_goes_on_with_the_network_it_began_with(tmp_path, image, monkeypatch):
    """Of another input size: with the new network on the old input, or the reverse, all points would be off."""
    config = tiny_config(tmp_path)
    old = save_untrained(tmp_path / "old.pt", config.card(), 1)
    new = save_untrained(tmp_path / "new.pt", tiny_config(tmp_path, input_size="64x192").card(), 2)
    task, found = config.infer_task(), {}
    for source in (old, new):
        copy_atomic(source, config.published)
        found[source.stem] = task.predict(image, "cpu")
    assert np.abs(found["old"].landmarks.points() - found["new"].landmarks.points()).max() > 1
    read = LoadRadiographd.__call__

    def read_while_it_is_published(transform, data):
        copy_atomic(new, config.published)
        return read(transform, data)

    copy_atomic(old, config.published)
    monkeypatch.setattr(LoadRadiographd, "__call__", read_while_it_is_published)
    for expected in ("old", "new"):
        answer = task.predict(image, "cpu")
        assert answer.card == found[expected].card
        np.testing.assert_allclose(answer.landmarks.points(), found[expected].landmarks.points(), atol=1e-4)


def test_one_of_the_same_size_and_time(tmp_path, image):
    config = tiny_config(tmp_path)
    task = config.infer_task()
    sources = [save_untrained(tmp_path / f"{seed}.pt", config.card(), seed) for seed in (1, 2)]
    shutil.copystat(*sources)
    first, second = (source.stat() for source in sources)
    assert (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)
    for source in sources:
        source.replace(config.published)
        assert task.predict(image, "cpu").card.version == task.card().version == f"untrained-{source.stem}"


@pytest.mark.parametrize("read", [lambda path: load_model(path)[1], read_card])
def test_reading_sees_one_file_only(tmp_path, monkeypatch, read):
    """By a path and with mmap, torch opens a file twice; the weights were those of the file that came in between."""
    card = tiny_config(tmp_path).card()
    sources = [save_untrained(tmp_path / f"{seed}.pt", card, seed) for seed in (1, 2)]
    served, is_zip = tmp_path / "served.pt", torch.serialization._is_zipfile
    copy_atomic(sources[0], served)

    def replaced_after_it_was_opened(file):
        copy_atomic(sources[1], served)
        return is_zip(file)

    expected = load_model(sources[0])[0].state_dict()
    monkeypatch.setattr(torch.serialization, "_is_zipfile", replaced_after_it_was_opened)
    assert read(served).version == "untrained-1"
    copy_atomic(sources[0], served)
    weights = load_model(served)[0].state_dict()
    assert all(weights[key].equal(expected[key]) for key in expected)
    assert read_card(served).version == "untrained-2"


def test_one_that_is_deleted_gives_way_to_the_one_that_came_with_the_app(tmp_path):
    config = tiny_config(tmp_path)
    save_untrained(Path(config.paths[0]), config.card(), 1)
    save_untrained(config.published, config.card(), 2)
    task = config.infer_task()
    assert task.card().version == "untrained-2"
    config.published.unlink()
    assert task.card().version == "untrained-1"

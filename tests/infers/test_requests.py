"""Repeated and simultaneous requests: read and looked at once, and never answered with what is no longer there."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.datasets.phantoms import make_phantom, write_dicom_dx
from lib.formats import parse_markups, parse_result
from lib.infers import landmarks as infers
from lib.infers import turns
from lib.infers.landmarks import AllMaps
from lib.infers.turns import on_one_core, turn
from lib.radiographs import read_header
from lib.transforms import load
from tests.tiny import CEPH, FILE_SIZE, KIND, save_untrained, tiny_config

STATED = {"x": 0.5, "y": 0.25, "source": "user"}


@pytest.fixture
def config(tmp_path):
    config = tiny_config(tmp_path / "model")
    save_untrained(config.published, config.card(), 1)
    return config


@pytest.fixture
def task(config):
    return config.infer_task()


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.bmp"  # of which files of the same size are easily made
    save_picture(path, 1)
    return path


@pytest.fixture
def reads(monkeypatch):
    """The files that were read, in order."""
    read, original = [], load.read_radiograph
    monkeypatch.setattr(load, "read_radiograph", lambda path: (read.append(Path(path)), original(path))[1])
    return read


def save_picture(path, seed):
    Image.fromarray(make_phantom(KIND, seed, FILE_SIZE).pixels).save(path)


def ask(task, path, **more):
    written, answer = task({"image": str(path), "device": "cpu", **more})
    text = Path(written).read_text()
    Path(written).unlink()
    return text, answer


def points(answer):
    return parse_result(answer[1]).landmarks.points()


def test_the_same_image_is_read_once(task, film, reads):
    first, again = ask(task, film), ask(task, film)
    assert reads == [film]
    assert again[0] == first[0]
    assert {**again[1], "latencies": 0} == {**first[1], "latencies": 0}
    assert set(first[1]["latencies"]) == {"pre", "infer", "post", "write", "total"}
    assert set(again[1]["latencies"]) == {"write", "total"}


def test_the_form_and_the_pixel_spacing_are_those_of_each_request(task, film, reads):
    plain, boxes, stated = ask(task, film), ask(task, film, result_type="boxes"), ask(task, film, pixel_spacing=STATED)
    after = ask(task, film)
    assert reads == [film]
    assert '"type": "ROI"' in boxes[0]
    assert '"type": "Fiducial"' in plain[0]
    header = read_header(film)
    np.testing.assert_allclose(parse_markups(boxes[0], CEPH, header).points(), points(plain), atol=1e-6)
    assert stated[1]["pixel_spacing"] == STATED
    assert plain[1]["pixel_spacing"] == after[1]["pixel_spacing"]
    assert after[1]["pixel_spacing"]["source"] == "unknown"
    np.testing.assert_array_equal(points(stated), points(plain))


def rewritten(path, seed):
    save_picture(path, seed)


def replaced(path, seed):
    save_picture(path.with_name("new.bmp"), seed)
    path.with_name("new.bmp").replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_another_file_of_the_same_size_and_time_is_another_image(task, film, reads, change):
    before, status = ask(task, film), film.stat()
    change(film, 2)
    os.utime(film, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (film.stat().st_size, film.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    after = ask(task, film)
    assert len(reads) == 2
    assert np.abs(points(after) - points(before)).max() > 1e-3


def test_a_newly_published_model_is_asked_itself(task, config, film, reads):
    before = ask(task, film)
    save_untrained(config.published, config.card(), 2)
    after = ask(task, film)
    assert (before[1]["version"], after[1]["version"]) == ("untrained-1", "untrained-2")
    assert np.abs(points(after) - points(before)).max() > 1
    save_untrained(config.published, config.card(), 1)
    assert points(ask(task, film)).tolist() == points(before).tolist()
    assert len(reads) == 3  # the file of the first version is another one by now
    assert len(task._seen) == 1  # of models that nobody can ask any more nothing is kept


def test_an_unreadable_image_is_looked_at_again(task, film):
    content = film.read_bytes()
    film.write_bytes(content[:2000])
    with pytest.raises(ValueError, match=r"film\.bmp"):
        ask(task, film)
    film.write_bytes(content)
    assert len(points(ask(task, film))) == len(CEPH)


def test_a_file_that_is_gone_is_not_answered_from_memory(task, film):
    ask(task, film)
    film.unlink()
    with pytest.raises(ValueError, match=r"film\.bmp does not exist"):
        ask(task, film)


def test_who_goes_through_many_images_leaves_those_of_people(task, film, tmp_path, reads):
    ask(task, film)
    for number in range(3):
        path = tmp_path / f"{number}.bmp"
        save_picture(path, 10 + number)
        task.predict(path, "cpu")
        ask(task, path, remember=False)
    assert len(task._seen) == 1
    ask(task, film)
    np.testing.assert_array_equal(task.predict(film, "cpu").landmarks.points(), points(ask(task, film)))
    assert reads.count(film) == 1


def test_what_is_kept_of_an_image_is_small(task, film):
    ask(task, film)
    seen = next(iter(task._seen._known.values()))
    tensors = [getattr(seen.evidence, name) for name in seen.evidence.__slots__]
    assert sum(tensor.untyped_storage().nbytes() for tensor in tensors) < 10_000  # no view of a heat map
    assert seen.features.base is None or seen.features.base.nbytes < 10_000


def test_simultaneous_requests_for_one_image_look_once(task, film, monkeypatch):
    looks, begun, go_on, forward = [], threading.Event(), threading.Event(), AllMaps.forward

    def slowly(maps, image):
        looks.append(1)
        begun.set()
        assert go_on.wait(30)
        return forward(maps, image)

    monkeypatch.setattr(AllMaps, "forward", slowly)
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(ask, task, film)]
        assert begun.wait(30)
        tasks += [pool.submit(ask, task, film, result_type=form) for form in ("points", "boxes", "points")]
        go_on.set()
        answers = [answer.result(60) for answer in tasks]
    assert looks == [1]
    assert all(points(answer).tolist() == points(answers[0]).tolist() for answer in answers)


def test_networks_take_turns(task, film, tmp_path, monkeypatch):
    other = tmp_path / "other.bmp"
    save_picture(other, 7)
    at_work, most, forward = [], [], AllMaps.forward

    def counted(maps, image):
        at_work.append(1)
        most.append(len(at_work))
        result = forward(maps, image)
        at_work.pop()
        return result

    monkeypatch.setattr(AllMaps, "forward", counted)
    monkeypatch.setattr(turns, "_TURNS", {"cpu": threading.Semaphore(1)})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ask(task, (film, other)[number % 2], remember=False), range(8)))
    assert max(most) == 1


@pytest.mark.parametrize(
    ("device", "cores", "threads", "at_once"),
    [("cpu", 8, 8, 1), ("cpu", 8, 1, 8), ("cpu", 8, 3, 2), ("cpu", 2, 4, 1), ("cpu", None, 1, 1), ("cuda:0", 8, 1, 1)],
)
def test_as_many_networks_at_once_as_have_cores_of_their_own(monkeypatch, device, cores, threads, at_once):
    monkeypatch.setattr(turns.psutil, "cpu_count", lambda logical: cores)
    monkeypatch.setattr(turns.torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(turns, "_TURNS", {})
    held = turn(device)
    assert sum(held.acquire(blocking=False) for _ in range(20)) == at_once
    assert turn(device) is held


def test_around_the_network_a_request_has_one_core_and_nobody_else_is_bound():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen = []
        with on_one_core():
            seen.append(torch.get_num_threads())
            other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            other.start()
            other.join()
        seen.append(torch.get_num_threads())
        assert seen == [1, 3, 3]
    finally:
        torch.set_num_threads(before)


def test_a_warm_model_is_not_loaded_by_the_first_request(task, film, monkeypatch):
    loads, begun, go_on, original = [], threading.Event(), threading.Event(), infers.load_trained

    def slowly(path):
        loads.append(path)
        begun.set()
        assert go_on.wait(30)
        return original(path)

    monkeypatch.setattr(infers, "load_trained", slowly)
    with ThreadPoolExecutor(2) as pool:
        warming = pool.submit(task.warm, "cpu")
        assert begun.wait(30)
        request = pool.submit(ask, task, film)
        assert task.info()["version"] == "untrained-1"  # answered meanwhile
        assert not request.done()
        go_on.set()
        warming.result(60)
        assert len(points(request.result(60))) == len(CEPH)
    assert len(loads) == 1
    assert len(task._seen) == 1  # the noise that it was warmed with is none


def test_a_deep_file_gives_the_same_remembered(task, tmp_path):
    path = tmp_path / "film.dcm"
    write_dicom_dx(path, make_phantom(KIND, 4, (303, 257), bits=12))
    first, again = ask(task, path), ask(task, path)
    assert first[0] == again[0]
    assert first[1]["pixel_spacing"]["source"] == "PixelSpacing"

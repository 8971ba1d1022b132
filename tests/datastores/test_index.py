import json
import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monailabel_app.datastores import index as index_module
from monailabel_app.datastores.entries import Entry, Index, Study
from monailabel_app.datastores.index import IndexFile
from monailabel_app.errors import BusyError


def add(index: IndexFile, image_id: str) -> None:
    with index.transaction() as draft:
        draft.objects[image_id] = Study(image=Entry(ext=".png"))


def test_a_change_is_on_disk_and_seen_by_another_index(tmp_path: Path) -> None:
    first, second = IndexFile(tmp_path), IndexFile(tmp_path)
    add(first, "a")
    assert second.read().objects.keys() == {"a"}
    add(second, "b")
    assert first.read().objects.keys() == {"a", "b"}
    layout = json.loads((tmp_path / "datastore_v2.json").read_text())
    assert layout["objects"]["a"] == {"image": {"ext": ".png", "info": {}}, "labels": {}}


def test_an_unchanged_file_is_not_read_again_and_not_written_again(tmp_path: Path) -> None:
    index = IndexFile(tmp_path)
    add(index, "a")
    before = index.path.stat().st_mtime_ns
    assert index.read() is index.read()
    with index.transaction():
        pass
    assert index.path.stat().st_mtime_ns == before


def test_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    index = IndexFile(tmp_path)
    add(index, "a")

    def fail() -> None:
        with index.transaction() as draft:
            draft.objects["b"] = Study()
            draft.name = "other"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert index.read().objects.keys() == IndexFile(tmp_path).read().objects.keys() == {"a"}
    assert index.read().name == "new-dataset"
    add(index, "c")  # the lock is free again


def test_nested_blocks_are_one(tmp_path: Path) -> None:
    index = IndexFile(tmp_path)
    with index.transaction():
        add(index, "a")
        add(index, "b")
        assert index.read().objects.keys() == {"a", "b"}
        assert IndexFile(tmp_path).read().objects == {}
    assert IndexFile(tmp_path).read().objects.keys() == {"a", "b"}


def test_keys_of_others_survive(tmp_path: Path) -> None:
    foreign = {"name": "n", "reviewed": 1, "objects": {"a": {"image": {"ext": ".nii", "x": 2}, "labels": {}, "y": [3]}}}
    (tmp_path / "datastore_v2.json").write_text(json.dumps(foreign))
    index = IndexFile(tmp_path)
    add(index, "b")
    content = json.loads(index.path.read_text())
    assert (content["reviewed"], content["objects"]["a"]["image"]["x"], content["objects"]["a"]["y"]) == (1, 2, [3])


def test_nan_of_upstream_is_read_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "datastore_v2.json"
    path.write_text('{"name":"n","description":"d","objects":{"a":{"image":{"info":{"score":NaN}}}}}')
    add(IndexFile(tmp_path), "b")
    assert "NaN" not in path.read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"objects": 5}', b"\xff\xfe\x00", b'{"objects": {"a": []}}'])
@pytest.mark.parametrize("first", ["read", "write"])
def test_a_damaged_file_is_moved_aside(
    content: bytes, first: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "datastore_v2.json").write_bytes(content)
    index = IndexFile(tmp_path)
    if first == "read":
        assert index.read().objects == {}
    add(index, "a")
    (aside,) = tmp_path.glob("*.bad")
    assert aside.read_bytes() == content
    assert IndexFile(tmp_path).read().objects.keys() == {"a"}
    (record,) = caplog.records
    assert re.search(r"datastore_v2\.json was damaged \(.*\): it is now datastore_v2\.json\.\d+\.bad", record.message)


def test_a_folder_held_by_another_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "LOCK_TIMEOUT_S", 0.2)
    holder, waiting = IndexFile(tmp_path), IndexFile(tmp_path)
    with holder.transaction():
        with pytest.raises(BusyError, match="in use by another program; try again") as busy:
            add(waiting, "a")
        assert busy.value.status_code == 503
    add(waiting, "a")


def test_two_threads_lose_nothing(tmp_path: Path) -> None:
    index = IndexFile(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: add(index, str(number)), range(40)))
    assert len(IndexFile(tmp_path).read().objects) == 40


def _add_many(folder: Path, prefix: str, count: int) -> None:
    index = IndexFile(folder)
    for number in range(count):
        add(index, f"{prefix}{number}")


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_many, args=(tmp_path, prefix, 25)) for prefix in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    expected = {f"{prefix}{number}" for prefix in "ab" for number in range(25)}
    assert Index.model_validate_json((tmp_path / "datastore_v2.json").read_bytes()).objects.keys() == expected
    assert not list(tmp_path.glob(".*.tmp"))

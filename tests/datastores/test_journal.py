"""The index of a large folder: changes go into the journal, and nothing that has been noted is ever lost."""

import json
import multiprocessing
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monailabel_app.datastores import index as index_module
from monailabel_app.datastores.entries import Entry, Index, Study
from monailabel_app.datastores.index import IndexFile
from monailabel_app.datastores.index_reading import INDEX_FILE, JOURNAL_FILE
from tests.datastores.test_index import add

MANY = [f"study {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every index counts as a large one."""
    monkeypatch.setattr(index_module, "SMALL_BYTES", 0)
    monkeypatch.setattr(index_module, "MOST", 10.0)  # however much of it a transaction changes


@pytest.fixture
def index(tmp_path: Path) -> IndexFile:
    """Of twenty studies, the journal empty."""
    index = IndexFile(tmp_path)
    with index.transaction() as draft:
        draft.objects.update({image_id: Study(image=Entry(ext=".png")) for image_id in MANY})
    return index


def noted(folder: Path) -> dict[str, Study]:
    """What somebody finds who comes now."""
    return dict(IndexFile(folder).read().objects)


def journal(folder: Path) -> Path:
    return folder / JOURNAL_FILE


def test_a_change_is_one_line_and_the_file_is_left_alone(index: IndexFile, tmp_path: Path) -> None:
    other = IndexFile(tmp_path)
    other.read()
    before = index.path.read_bytes()
    with index.transaction() as draft:
        draft.objects["new"] = Study(image=Entry(ext=".dcm", info={"ä": [1, None]}))
        draft.objects["study 3"] = draft.objects["study 3"].with_label("final", Entry(ext=".json"))
        del draft.objects["study 4"]
        draft.name = "Süd"
    assert index.path.read_bytes() == before
    (line,) = journal(tmp_path).read_bytes().splitlines()
    assert json.loads(line)["objects"].keys() == {"new", "study 3", "study 4"}
    for seen in (index.read(), other.read(), IndexFile(tmp_path).read()):
        assert seen.name == "Süd"
        assert seen.objects.keys() == {*MANY, "new"} - {"study 4"}
        assert seen.objects["new"].image.info == {"ä": [1, None]}
        assert seen.objects["study 3"].labels.keys() == {"final"}


def test_folding_makes_it_part_of_the_file(index: IndexFile, tmp_path: Path) -> None:
    add(index, "new")
    with index.transaction() as draft:
        del draft.objects["study 0"]
    expected = noted(tmp_path)
    assert index.fold()
    layout = Index.model_validate_json(index.path.read_bytes())
    assert dict(layout.objects) == expected == dict(index.read().objects) == noted(tmp_path)
    assert all("folded" in line for line in journal(tmp_path).read_text().splitlines())
    add(index, "later")
    assert noted(tmp_path).keys() == expected.keys() | {"later"}


def test_what_is_folded_is_not_folded_again(index: IndexFile, tmp_path: Path) -> None:
    add(index, "new")
    index.fold()
    before = index.path.stat().st_ino
    assert index.fold()
    assert IndexFile(tmp_path).fold()
    assert index.path.stat().st_ino == before


def test_a_small_index_goes_back_to_a_file_alone(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(index, "new")
    monkeypatch.setattr(index_module, "SMALL_BYTES", 100_000)
    add(index, "later")
    assert index._folding is not None
    index._folding.join()
    add(index, "last")
    assert not journal(tmp_path).exists()
    layout = Index.model_validate_json(index.path.read_bytes())
    assert layout.objects.keys() == index.read().objects.keys() == {*MANY, "new", "later", "last"}


def test_a_journal_that_has_grown_is_folded_beside(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "OUTGROWN_BYTES", 500)
    for number in range(60):
        add(index, f"new {number}")
    assert index._folding is not None
    index._folding.join()
    index.fold()
    assert Index.model_validate_json(index.path.read_bytes()).objects.keys() == noted(tmp_path).keys()
    assert len(noted(tmp_path)) == 80
    assert not list(tmp_path.glob(".*.tmp"))


def test_who_knows_it_already_reads_nothing_again(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, late = IndexFile(tmp_path), IndexFile(tmp_path)
    add(index, "before")
    late.read()
    add(index, "new")
    other.read()
    index.fold()
    add(index, "after")
    read = []
    whole = IndexFile._whole
    monkeypatch.setattr(IndexFile, "_whole", lambda self, key: (read.append(self), whole(self, key))[1])
    assert other.read().objects.keys() == index.read().objects.keys() == {*MANY, "before", "new", "after"}
    assert read == []
    assert late.read().objects.keys() == {*MANY, "before", "new", "after"}  # has missed a line that is gone now
    assert read == [late]


@pytest.mark.parametrize("cut", [1, 2, 20, 60])
def test_a_line_that_a_killed_writer_has_left_is_overwritten(index: IndexFile, tmp_path: Path, cut: int) -> None:
    add(index, "whole")
    add(index, "torn")
    journal(tmp_path).write_bytes(journal(tmp_path).read_bytes()[:-cut])
    assert noted(tmp_path).keys() == {*MANY, "whole"}
    again = IndexFile(tmp_path)
    add(again, "next")
    assert noted(tmp_path).keys() == again.read().objects.keys() == {*MANY, "whole", "next"}
    assert len(journal(tmp_path).read_bytes().splitlines()) == 2


def test_a_line_that_comes_while_the_file_is_written_stays(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(index, "new")
    other, text = IndexFile(tmp_path), Index.text
    monkeypatch.setattr(index_module, "SMALL_BYTES", 100_000)  # even where the journal would be removed

    def slow(self: Index) -> Iterator[str]:
        yield from text(self)
        monkeypatch.setattr(Index, "text", text)
        monkeypatch.setattr(IndexFile, "_fold_beside", lambda _: None)
        add(other, "meanwhile")

    monkeypatch.setattr(Index, "text", slow)
    assert index.fold()
    assert index.read().objects.keys() == other.read().objects.keys() == {*MANY, "new", "meanwhile"}
    assert noted(tmp_path).keys() == {*MANY, "new", "meanwhile"}


def test_who_is_overtaken_leaves_it_to_the_other(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(index, "new")
    other, text = IndexFile(tmp_path), Index.text

    def slow(self: Index) -> Iterator[str]:
        monkeypatch.setattr(Index, "text", text)
        yield from text(self)
        add(other, "meanwhile")
        assert other.fold()
        add(other, "later")

    monkeypatch.setattr(Index, "text", slow)
    assert not index.fold()
    assert index.read().objects.keys() == noted(tmp_path).keys() == {*MANY, "new", "meanwhile", "later"}
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_transaction_that_changes_most_writes_the_file(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MOST", 0.25)
    journal(tmp_path).write_bytes(b'{"objects": {"study 1": nu')
    with index.transaction() as draft:
        draft.objects.update({image_id: Study(image=Entry(ext=".dcm")) for image_id in MANY})
    assert not journal(tmp_path).exists()
    assert {study.image.ext for study in noted(tmp_path).values()} == {".dcm"}


def test_a_damaged_line_costs_what_it_said_and_is_kept_aside(
    index: IndexFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for image_id in ("one", "two", "three"):
        add(index, image_id)
    lines = journal(tmp_path).read_bytes().splitlines(keepends=True)
    damaged = lines[0] + b"\x00" * 30 + b"\n" + lines[2]
    journal(tmp_path).write_bytes(damaged)
    again = IndexFile(tmp_path)
    assert again.read().objects.keys() == {*MANY, "one", "three"}
    assert again.fold()
    (aside,) = tmp_path.glob("*.bad")
    assert aside.read_bytes() == damaged
    (record,) = caplog.records
    assert re.search(r"datastore_v2\.journal\.jsonl was damaged", record.message)


def test_a_hand_that_edits_the_file_is_noticed_and_undoes_nothing(index: IndexFile, tmp_path: Path) -> None:
    add(index, "new")
    content = json.loads(index.path.read_text())
    content["description"] = "by hand"
    content["objects"]["by hand"] = {"image": {"ext": ".png"}}
    del content["objects"]["study 0"]
    index.path.write_text(json.dumps(content))
    assert index.read().description == "by hand"
    assert index.read().objects.keys() == {*MANY, "by hand", "new"} - {"study 0"}
    add(index, "later")
    index.fold()
    assert noted(tmp_path).keys() == {*MANY, "by hand", "new", "later"} - {"study 0"}


def test_a_file_that_is_gone_leaves_the_journal(index: IndexFile, tmp_path: Path) -> None:
    add(index, "new")
    index.path.unlink()
    assert index.read().objects.keys() == {"new"}
    add(index, "later")
    assert index._folding is not None  # there is a file again soon
    index._folding.join()
    assert Index.model_validate_json(index.path.read_bytes()).objects.keys() == {"new", "later"}


def test_a_failed_transaction_writes_nothing(index: IndexFile, tmp_path: Path) -> None:
    def fail() -> None:
        with index.transaction() as draft:
            draft.objects["x"] = Study()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with index.transaction() as draft:
        assert draft.objects["study 1"] == Study(image=Entry(ext=".png"))
    assert not journal(tmp_path).exists()


def test_what_has_changed_is_told(index: IndexFile, tmp_path: Path) -> None:
    other = IndexFile(tmp_path)
    other.read()
    mark, changed, _ = other.since(None)
    assert changed is None
    add(index, "new")
    with index.transaction() as draft:
        del draft.objects["study 7"]
    other.read()
    mark, changed, studies = other.since(mark)
    assert changed == {"new", "study 7"}
    assert studies.keys() == {*MANY, "new"} - {"study 7"}
    assert other.since(mark)[1] == set()


# --- several processes -----------------------------------------------------------------------------------------------


def _note_until_killed(folder: Path, told: "multiprocessing.connection.Connection") -> None:
    index = IndexFile(folder)
    for number in range(100_000):
        add(index, f"new {number}")
        told.send(number)


@pytest.mark.parametrize("lines", [1, 7, 40])
def test_what_has_been_noted_survives_a_kill(
    index: IndexFile, tmp_path: Path, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "OUTGROWN_BYTES", 1000)  # so that it is killed while folding, too
    receiving, sending = multiprocessing.Pipe(duplex=False)
    writer = multiprocessing.get_context("fork").Process(target=_note_until_killed, args=(tmp_path, sending))
    writer.start()
    for _ in range(lines):
        last = receiving.recv()
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(30)
    while receiving.poll():
        last = receiving.recv()
    assert {*MANY, *(f"new {number}" for number in range(last + 1))} <= noted(tmp_path).keys()
    add(index, "later")
    assert "later" in noted(tmp_path)


def _add_many(folder: Path, prefix: str, count: int) -> None:
    index = IndexFile(folder)
    for number in range(count):
        add(index, f"{prefix}{number}")
        if number % 7 == 0:
            index.fold()


def test_writers_and_folders_of_several_processes_lose_nothing(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "OUTGROWN_BYTES", 2000)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_many, args=(tmp_path, prefix, 60)) for prefix in "abc"]
    for worker in workers:
        worker.start()
    expected = {*MANY, *(f"{prefix}{number}" for prefix in "abc" for number in range(60))}
    seen: set[str] = set()
    while any(worker.is_alive() for worker in workers):
        now = set(index.read().objects)
        assert seen <= now <= expected  # nothing goes, whatever is folded
        seen = now
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert index.read().objects.keys() == noted(tmp_path).keys() == expected
    assert not list(tmp_path.glob(".*.tmp"))
    assert not list(tmp_path.glob("*.bad"))


# --- the same as writing the file whole ------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", "d e", "ä"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.tuples(IDS, st.integers(0, 9)), max_size=3)),
        st.tuples(st.just("remove"), IDS),
        st.tuples(st.just("name"), st.sampled_from(["x", "y", "z"])),
        st.tuples(st.sampled_from(["fold", "reopen", "tear", "other"]), st.none()),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_journal_says_what_a_whole_file_would(
    steps: list[tuple[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    index, other = IndexFile(folder), IndexFile(folder)
    expected = Index()
    with index.transaction():
        pass
    for step, value in steps:
        if step == "put":
            studies = {image_id: Study(image=Entry(info={"n": number})) for image_id, number in value}  # type: ignore[attr-defined]
            expected = expected.model_copy(update={"objects": {**expected.objects, **studies}})
            with index.transaction() as draft:
                draft.objects.update(studies)
        elif step == "remove":
            left = {image_id: study for image_id, study in expected.objects.items() if image_id != value}
            expected = expected.model_copy(update={"objects": left})
            with index.transaction() as draft:
                draft.objects.pop(str(value), None)
        elif step == "name":
            expected = expected.model_copy(update={"name": value})
            with index.transaction() as draft:
                draft.name = str(value)
        elif step == "fold":
            assert index.fold()
        elif step == "reopen":
            index = IndexFile(folder)
        elif step == "tear":
            with (folder / JOURNAL_FILE).open("ab") as file:
                file.write(b'{"objects": {"a": nul')
        else:
            index, other = other, index
        for seen in (index.read(), other.read()):
            assert dict(seen.objects) == expected.objects
            assert seen.name == expected.name
    assert noted(folder) == expected.objects
    whole = IndexFile(folder)
    whole.fold()
    assert dict(Index.model_validate_json((folder / INDEX_FILE).read_bytes()).objects) == expected.objects

"""The record and the history of a run: round trips, and what crashes, resumes and NaN do to them."""

import json
import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lib.evaluation import (
    EpochRecord,
    GateRecord,
    RunRecordError,
    ScoredModel,
    Validation,
    append_epoch,
    cut_history,
    list_runs,
    read_history,
    read_run,
    write_run,
)
from lib.evaluation.history import HISTORY_FILE
from lib.evaluation.run_record import RUN_FILE, run_folders
from tests.evaluation.made_runs import SERVED, STARTED, make_data, make_epoch, make_gate, make_record

FIGURES = st.none() | st.floats()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALIDATIONS = st.builds(
    Validation,
    sdr_2mm=FIGURES,
    mre_px=FIGURES,
    mre_mm=FIGURES,
    score=FIGURES,
    per_landmark=st.dictionaries(TEXTS, FIGURES),
)
EPOCHS = st.builds(
    EpochRecord,
    epoch=st.integers(1, 10_000),
    loss=FIGURES,
    learning_rate=FIGURES,
    seconds=FIGURES,
    validation=st.none() | VALIDATIONS,
)


# --- run.json ------------------------------------------------------------------------------------------------------


@given(
    message=st.none() | TEXTS,
    notes=st.lists(TEXTS),
    options=st.dictionaries(
        TEXTS,
        st.none()
        | TEXTS
        | st.integers(-(2**53), 2**53)
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
    ),
    candidate=st.builds(ScoredModel, version=TEXTS, epoch=st.none() | st.integers(), sdr=FIGURES, score=FIGURES),
    chance=st.none() | st.floats(0, 1),
)
def test_a_record_survives_its_file(tmp_path_factory, message, notes, options, candidate, chance):
    folder = tmp_path_factory.mktemp("run")
    gate = make_gate(candidate=candidate, chance=chance)
    record = make_record(message=message, notes=notes, options=options, gate=gate, data=make_data(), best_epoch=3)
    write_run(folder, record)
    found = read_run(folder)
    assert found == record
    kinds = [{key: type(value) for key, value in options.items()} for options in (found.options, record.options)]
    assert kinds[0] == kinds[1]  # 1, 1.0 and True are equal, and are three values
    assert found.started.utcoffset() == STARTED.utcoffset()


def test_the_file_is_json_that_every_reader_takes(tmp_path):
    write_run(tmp_path / "new" / "run", make_record(gate=make_gate(served=ScoredModel(version="x", score=math.nan))))
    content = json.loads((tmp_path / "new" / "run" / RUN_FILE).read_text(), parse_constant=pytest.fail)
    assert content["format"] == 1
    assert content["started"] == "2026-11-25T16:12:03+01:00"
    assert content["gate"]["served"]["score"] is None
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == [RUN_FILE]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "dancing"},
        {"started": STARTED.replace(tzinfo=None)},
        {"run": ""},
        {"epochs": 0},
        {"surprise": 1},
        {"options": {"learning_rate": math.nan}},
        {"options": {"sizes": [1, 2]}},
        {"gate": {"rule": "", "verdict": "", "publish": True, "chance": 1.5}},
        {"data": {"hash": "", "train": {"images": -1, "patients": 0}, "held_out": {"images": 0, "patients": 0}}},
        {"data": make_data().model_dump() | {"split": [{"image": "a", "side": "test", "group": "a"}]}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_does_not_belong_into_a_record_is_refused(changes):
    with pytest.raises(ValidationError):
        make_record(**changes)


def test_a_changed_copy_is_checked_before_it_is_written(tmp_path):
    record = make_record()
    write_run(tmp_path, record)
    with pytest.raises(ValidationError):
        write_run(tmp_path, record.model_copy(update={"status": "dancing"}))
    assert read_run(tmp_path) == record


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", r"run\.json is damaged \(Invalid JSON: EOF"),
        (b'{"format": 1, "run": "a"', r"run\.json is damaged \(Invalid JSON"),
        (b"\xff\x00", r"run\.json is damaged \(Invalid JSON"),
        (b"{}", r"run\.json is damaged \(run: Field required\)"),
        (None, r"run\.json cannot be read: No such file or directory"),
    ],
)
def test_a_damaged_record_is_one_sentence(tmp_path, content, fault):
    if content is not None:
        (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(RunRecordError, match=fault) as raised:
        read_run(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_record_of_another_format_is_refused(tmp_path):
    write_run(tmp_path, make_record())
    text = (tmp_path / RUN_FILE).read_text()
    (tmp_path / RUN_FILE).write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(RunRecordError, match="format: Input should be 1"):
        read_run(tmp_path)


def test_runs_are_listed_newest_first_without_the_damaged(tmp_path, caplog):
    for days, name in enumerate(["b", "a", "c"]):
        write_run(tmp_path / name, make_record(run=name, started=STARTED.replace(day=1 + days)))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / RUN_FILE).write_text("{")
    (tmp_path / "no run").mkdir()
    (tmp_path / "file.pt").touch()
    with caplog.at_level(logging.WARNING):
        assert [record.run for record in list_runs(tmp_path)] == ["c", "a", "b"]
    assert "torn" in caplog.text
    assert [folder.name for folder in run_folders(tmp_path)] == ["a", "b", "c", "torn"]
    assert list_runs(tmp_path / "nowhere") == []


def test_an_undecided_gate_needs_no_figures():
    gate = GateRecord(rule="r", verdict="v", publish=False)
    assert (gate.candidate, gate.served, gate.images, gate.chance) == (None, None, (), None)
    assert SERVED.score == 0.8


# --- history.jsonl -------------------------------------------------------------------------------------------------


@given(st.lists(EPOCHS, max_size=5, unique_by=lambda record: record.epoch))
def test_a_history_survives_its_file(tmp_path_factory, epochs):
    folder = tmp_path_factory.mktemp("run")
    for record in epochs:
        append_epoch(folder, record)
    assert read_history(folder) == sorted(epochs, key=lambda record: record.epoch)
    lines = (folder / HISTORY_FILE).read_bytes().splitlines() if epochs else []
    assert [json.loads(line, parse_constant=pytest.fail)["epoch"] for line in lines] == [e.epoch for e in epochs]


def test_there_is_no_history_before_the_first_epoch(tmp_path):
    assert read_history(tmp_path) == []


@given(st.data())
def test_a_killed_process_takes_only_the_line_it_was_writing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    whole = [make_epoch(1), make_epoch(2)]
    for record in whole:
        append_epoch(folder, record)
    before = (folder / HISTORY_FILE).read_bytes()
    append_epoch(folder, make_epoch(3, error=5))
    written = (folder / HISTORY_FILE).read_bytes()
    length = data.draw(st.integers(len(before), len(written) - 2))  # without its end; a missing newline loses nothing
    (folder / HISTORY_FILE).write_bytes(written[:length])
    assert read_history(folder) == whole
    append_epoch(folder, make_epoch(3, error=7))  # resumed
    assert read_history(folder) == [*whole, make_epoch(3, error=7)]


def test_a_line_that_lacks_its_newline_alone_counts(tmp_path):
    append_epoch(tmp_path, make_epoch(1))
    path = tmp_path / HISTORY_FILE
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append_epoch(tmp_path, make_epoch(2))
    assert read_history(tmp_path) == [make_epoch(1), make_epoch(2)]


def test_a_disk_that_lost_its_power_leaves_zeros(tmp_path, caplog):
    append_epoch(tmp_path, make_epoch(1))
    with (tmp_path / HISTORY_FILE).open("ab") as file:
        file.write(b"\x00" * 300)
    assert read_history(tmp_path) == [make_epoch(1)]
    assert "Line 2" in caplog.text


def test_of_an_epoch_that_ran_twice_the_later_counts(tmp_path):
    for record in (make_epoch(1), make_epoch(2, error=9), make_epoch(2, error=4), make_epoch(3)):
        append_epoch(tmp_path, record)
    assert read_history(tmp_path) == [make_epoch(1), make_epoch(2, error=4), make_epoch(3)]


@pytest.mark.parametrize(("epoch", "left"), [(0, []), (2, [1, 2]), (9, [1, 2, 3])])
def test_going_back_to_an_epoch_forgets_the_later_ones(tmp_path, epoch, left):
    for number in (1, 2, 3):
        append_epoch(tmp_path, make_epoch(number))
    cut_history(tmp_path, epoch)
    assert [record.epoch for record in read_history(tmp_path)] == left
    append_epoch(tmp_path, make_epoch(4))
    assert [record.epoch for record in read_history(tmp_path)] == [*left, 4]


def test_a_diverged_epoch_is_kept_without_figures(tmp_path):
    append_epoch(tmp_path, EpochRecord(epoch=1, loss=math.nan, validation=Validation(mre_px=math.inf)))
    assert read_history(tmp_path) == [EpochRecord(epoch=1, validation=Validation())]

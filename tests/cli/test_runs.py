"""The table of a model's runs and the report of one, as commands."""

import pytest

from lib.evaluation.run_record import RUN_FILE
from lib.trainers.lock import training_lock
from tests.cli.conftest import run
from tests.evaluation.made_runs import STARTED, make_epoch, make_gate, make_record, make_run


@pytest.fixture
def models(tmp_path):
    """Three runs: published, refused, killed while it ran; and one whose record is damaged."""
    home = tmp_path / "my models" / "farnet_ceph"
    refused = make_gate(publish=False, verdict="Not published: its chance is 41 %.")
    for day, name, changes in (
        (1, "20261101_080000", {"status": "finished", "gate": make_gate(), "best_epoch": 2}),
        (2, "20261102_080000", {"status": "stopped", "gate": refused, "message": "Stopped by a person."}),
        (3, "20261103_080000", {"epochs": 75}),
    ):
        record = make_record(run=name, started=STARTED.replace(day=day), **changes)
        make_run(home / name, record, [make_epoch(1), make_epoch(2, 2.0)])
    (home / "torn").mkdir()
    (home / "torn" / RUN_FILE).write_text("{")
    return tmp_path / "my models"


def rows(done):
    assert (done.code, done.err) == (0, "")
    return [line.split() for line in done.out.splitlines()]


def test_list(models):
    head, killed, refused, published, torn = rows(run("runs", "list", "farnet_ceph", "--model-dir", models))
    assert head == ["run", "status", "started", "epochs", "best", "outcome"]
    assert killed == ["20261103_080000", "interrupted", "2026-11-03", "16:12", "2/75", "–"]
    assert " ".join(refused) == "20261102_080000 stopped 2026-11-02 16:12 2 – not published: its chance is 41 %."
    assert " ".join(published) == "20261101_080000 finished 2026-11-01 16:12 2 50.0 % published"
    assert torn[:2] == ["torn", "damaged"]
    with training_lock(models / "farnet_ceph"):
        assert rows(run("runs", "list", "farnet_ceph", "--model-dir", models))[1][1] == "running"


def test_list_of_a_model_without_runs(models):
    done = run("runs", "list", "farnet_hand", "--model-dir", models)
    assert (done.code, done.out) == (0, f"no runs of farnet_hand in {models}\n")
    assert not (models / "farnet_hand").exists()


@pytest.mark.parametrize(("name", "written"), [([], "20261103_080000"), (["20261101_080000"], "20261101_080000")])
def test_report(models, name, written):
    done = run("runs", "report", "farnet_ceph", *name, "--model-dir", models)
    path = models / "farnet_ceph" / written / "report.html"
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    assert "not a medical device" in path.read_text()
    assert len(list(models.glob("**/report.html"))) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "farnet_ceph", "nowhere"], "farnet_ceph has no run 'nowhere': there are 20261101_080000, 2026"),
        (["report", "farnet_ceph", "../farnet_ceph/torn"], "farnet_ceph has no run '../farnet_ceph/torn'"),
        (["report", "farnet_ceph", "torn"], "run.json is damaged (Invalid JSON"),
        (["report", "farnet_hand"], "farnet_hand has no runs in"),
        (["report", "farnet_hand", "x"], "farnet_hand has no run 'x': there is none."),
        (["list", "../models"], "'../models' is not the name of a model."),
        (["list", ".."], "'..' is not the name of a model."),
        (["list", ""], "'' is not the name of a model."),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(models, arguments, sentence):
    done = run("runs", *arguments, "--model-dir", models)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("farnet runs: ")
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_a_report_that_cannot_be_written_is_one_sentence(models):
    (models / "farnet_ceph" / "20261103_080000" / "report.html").mkdir()
    done = run("runs", "report", "farnet_ceph", "--model-dir", models)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("farnet runs: Is a directory")


def test_a_renamed_run_is_found_under_its_new_name(models):
    home = models / "farnet_ceph"
    (home / "20261103_080000").rename(home / "the good one")
    assert "\nthe good one " in run("runs", "list", "farnet_ceph", "--model-dir", models).out
    done = run("runs", "report", "farnet_ceph", "--model-dir", models)
    assert (done.code, done.out) == (0, f"{home / 'the good one' / 'report.html'}\n")


def test_help_teaches_both_actions():
    done = run("runs", "-h")
    assert done.code == 0
    assert done.out.startswith("usage: main.py runs")
    assert "    list " in done.out
    assert "    report " in done.out

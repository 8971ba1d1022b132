"""``reproduce``: from the files of a public set to a table of results; interrupted, continued, and with more rows."""

import csv
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.checkpoints import read_card
from lib.evaluation import evaluation_page, list_runs
from lib.trainers import run_evaluation, run_log
from lib.trainers.landmarks import LandmarkTrainTask
from lib.trainers.training import Training
from monailabel_app.cli import reproduce
from tests.cli.conftest import Done, run
from tests.datasets.made_sets import make_hands, make_isbi, make_spines, spine_points

FAST = (
    "--preset",
    "lite",
    "--input-size",
    "64x64",
    "--epochs",
    2,
    "--batch-size",
    2,
    "--no-augment",
    "--device",
    "cpu",
)
FIGURES = ("images", "landmarks", "mre_px", "mre_mm", "sdr", "intervals")


def told(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def figures(folder):
    return {key: told(folder)[key] for key in FIGURES}


def refused(done):
    assert done.code == 2
    assert "Traceback" not in done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("farnet reproduce: ")
    return last.removeprefix("farnet reproduce: ")


@dataclass(frozen=True)
class Reproduced:
    """A made ISBI set, results on it, and what the command said."""

    source: Path
    output: Path
    done: Done

    def again(self, *more, output=None):
        return run("reproduce", "isbi2015", self.source, output or self.output, *FAST, *more)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """Two seeds on six films to learn from and two of Test1; not to be changed."""
    home = tmp_path_factory.mktemp("reproduced")
    source = make_isbi(home / "ISBI 2015", (1, 2, 3, 4, 5, 6, 151, 173))
    with pytest.MonkeyPatch.context() as patched:
        without_pages_of_trainings(patched)
        done = run("reproduce", "isbi2015", source, home / "results", *FAST, "--seeds", "0-1")
    return Reproduced(source, home / "results", done)


@pytest.fixture
def no_training(monkeypatch):
    """Whoever trains fails."""

    def refuse(*_):
        raise AssertionError("nothing is to be trained")

    monkeypatch.setattr(LandmarkTrainTask, "__call__", refuse)


@pytest.fixture
def no_pages(monkeypatch):
    """Drawing takes most of the time of a small training; what is drawn is for other tests to see."""
    monkeypatch.setattr(reproduce, "write_evaluation", lambda folder, evaluation: evaluation.write(folder))
    without_pages_of_trainings(monkeypatch)


def without_pages_of_trainings(patched):
    patched.setattr(run_log, "write_run_report", lambda _: None)
    patched.setattr(run_evaluation, "write_evaluation", lambda *_: None)


@pytest.fixture
def interrupted_after(monkeypatch):
    """``interrupted_after(batches)``: Ctrl-C after so many batches; 0: none."""
    look, pressed = Training._look_for_a_wish_to_stop, {"left": 0}

    def press(self, *arguments):
        pressed["left"] -= 1
        if pressed["left"] == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return look(self, *arguments)

    monkeypatch.setattr(Training, "_look_for_a_wish_to_stop", press)
    return lambda batches: pressed.update(left=batches)


# --- a public set from its files to a table ---------------------------------------------------------------------------


def test_from_files_to_a_table(reproduced):
    done, output = reproduced.done, reproduced.output
    assert done.code == 0, done.err
    assert "not at hand: Test2, films 301 to 400: There is none of the films 301-400 in the folder" in done.out
    assert "2 of 2 files have not the size of published ones, 1935 x 2400 pixels" in done.out
    page = (output / "results.md").read_text(encoding="utf-8")
    assert done.out.endswith(page + "\n")
    assert page.startswith("# Lateral cephalograms, ISBI 2015\n")
    assert "## test1, against mean\n" in page
    assert "## test1, against senior, without duplicates\n" in page
    assert "| farnet_lite | 0 | 2 | " in page
    assert "| **farnet_lite** | 2 seeds | | **" in page
    assert "encoder lite, 64 x 64, begun with random weights; " in page
    assert "torch" in page
    content = json.loads((output / "results.json").read_text(encoding="utf-8"))
    row = content["rows"]["farnet_lite"]
    assert set(row["tests"]) == {"test1"}
    for seed in (0, 1):
        assert (
            row["tests"]["test1"]["mean"][str(seed)]["mre_mm"]
            == told(output / "farnet_lite" / f"seed_{seed}" / "test1")["mre_mm"]
        )
    assert row["setting"]["options"]["max_epochs"] == 2
    assert row["setting"]["variant"].startswith("MSFA+FR+EWC")


def test_what_was_trained_and_what_it_was_measured_on(reproduced):
    for seed in (0, 1):
        folder = reproduced.output / "farnet_lite" / f"seed_{seed}"
        card = read_card(folder / "model" / "farnet_ceph.pt")
        assert (card.training["seed"], card.training["max_epochs"], card.input_size) == (seed, 2, (64, 64))
        assert len(card.data.train) + len(card.data.held_out) == 6
        found = told(folder / "test1")
        assert (found["version"], found["images"], found["split"]["learnt_from"]) == (card.version, 2, [])
        assert found["protocol"] == {"name": "isbi2015", "part": "test1", "fold": None, "shrunk": 1.0}
        assert (folder / "test1" / "report.html").is_file()
    one, two = (figures(reproduced.output / "farnet_lite" / f"seed_{seed}" / "test1") for seed in (0, 1))
    assert one["mre_px"] != two["mre_px"]


def test_what_is_done_is_not_done_again(reproduced, no_training):
    before = (reproduced.output / "results.json").read_text()
    done = reproduced.again("--seeds", "0-1")
    assert done.code == 0, done.err
    assert (reproduced.output / "results.json").read_text() == before


def test_a_second_row_that_is_interrupted_goes_on_to_the_same_figures(
    reproduced, tmp_path, interrupted_after, no_pages
):
    """The model that a stopped training has kept does not stand in the way of that of the whole one."""
    shutil.copytree(reproduced.output, tmp_path / "out")
    again = ("--name", "once more", "--seeds", "0")
    interrupted_after(4)  # in the second epoch, when the first has been judged
    done = reproduced.again(*again, output=tmp_path / "out")
    assert (done.code, done.err.splitlines()[-1]) == (130, "farnet reproduce: interrupted")
    folder = tmp_path / "out" / "once more" / "seed_0"
    assert (folder / "model" / "farnet_ceph.pt").is_file()
    assert not (folder / "test1").exists()
    interrupted_after(0)
    done = reproduced.again(*again, output=tmp_path / "out")
    assert done.code == 0, done.err
    assert figures(folder / "test1") == figures(reproduced.output / "farnet_lite" / "seed_0" / "test1")
    assert told(folder / "test1")["version"] == read_card(folder / "model" / "farnet_ceph.pt").version
    (only,) = list_runs(folder / "model" / "farnet_ceph")
    assert only.status == "finished"
    assert only.gate.served is None  # it was compared with nothing
    page = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert [line.split(" | ")[:2] for line in page.splitlines() if " | 2 | " in line][:3] == [
        ["| farnet_lite", "0"],
        ["| farnet_lite", "1"],
        ["| once more", "0"],
    ]


def test_interrupted_while_it_measures(reproduced, tmp_path, monkeypatch):
    shutil.copytree(reproduced.output, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "farnet_lite" / "seed_1" / "test1")

    def press(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(evaluation_page, "draw_worst", press)
        assert reproduced.again("--seeds", "0-1", output=tmp_path / "out").code == 130
    assert not (tmp_path / "out" / "farnet_lite" / "seed_1" / "test1" / "report.json").exists()
    done = reproduced.again("--seeds", "0-1", output=tmp_path / "out")
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "results.md").read_text() == (reproduced.output / "results.md").read_text()


def test_hands_are_predicted_by_the_network_that_has_not_learnt_from_them(tmp_path, no_pages):
    ids = tuple(f"{number}" for number in range(3001, 3008))
    hands = make_hands(tmp_path / "hands", ids)
    done = run("reproduce", "hand_cv", hands, tmp_path / "out", *FAST, "--epochs", 1, "--name", "small")
    assert done.code == 0, done.err
    folder = tmp_path / "out" / "small" / "seed_0"
    pooled, rows = told(folder / "cv"), errors(folder / "cv")
    assert (pooled["images"], pooled["not_detected"], pooled["model"]) == (7, 0, "farnet_hand, 3 folds")
    of_folds = [told(folder / f"fold_{fold}" / "cv") for fold in (1, 2, 3)]
    assert [one["images"] for one in of_folds] == [3, 2, 2]
    assert [one["split"]["learnt_from"] for one in of_folds] == [[], [], []]
    assert [one["protocol"]["fold"] for one in of_folds] == [1, 2, 3]
    apart = {key: row for fold in (1, 2, 3) for key, row in errors(folder / f"fold_{fold}" / "cv").items()}
    assert rows == pytest.approx(apart, abs=2e-4)  # from places that are rounded
    page = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert "## cv, against labels, wrist 1-5\n" in page
    assert "## cv, against labels, wrist 0-4\n" in page
    assert "| small | 0 | 7 | " in page


def errors(folder):
    """By image and landmark, as they stand in the table."""
    with (folder / "errors.csv").open(newline="") as stream:
        return {(row["image"], row["landmark"]): float(row["error_px"]) for row in csv.DictReader(stream)}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ("--epochs", 3),
            "farnet_lite has begun with another max_epochs: give the same again, or a new row another name.",
        ),
        (("--input-size", "32x32"), "farnet_lite has begun with another input_size: "),
        (("--learning-rate", "0.01"), "farnet_lite has begun with another learning_rate: "),
        (("--imagenet", "weights.pth"), "farnet_lite has begun with another begun_with: "),
        (("--name", "b", "--shrunk", 2), "results has results of another shrunk, which cannot stand beside these: "),
        (("--name", "b", "--val-split", 0.3), "results has results of another val_split, which cannot stand beside"),
        (
            ("--name", "studies"),
            "'studies' cannot be the name of a row: it becomes the name of a folder beside 'studies'",
        ),
        (("--name", "../x"), "'../x' cannot be the name of a row"),
        (("--name", ".."), "'..' cannot be the name of a row"),
        (("--name", "a|b"), "'a|b' cannot be the name of a row"),
        (("--variant", "fpn", "--name", "farnet_lite"), "farnet_lite has begun with another variant: "),
        (("--shrunk", 0), "--shrunk 0 is not a factor between 0.01 and 100."),
        (("--epochs", -1), "Training option 'max_epochs' cannot be -1"),
        (("--device", "tpu"), "There is no device 'tpu' here"),
        (("--variant", "fpn", "--input-size", "50x50"), "the nearest good size is"),
    ],
)
def test_what_cannot_be_a_row(reproduced, no_training, more, sentence):
    before = sorted(reproduced.output.rglob("*"))
    done = reproduced.again(*more)
    assert sentence in refused(done)
    assert done.out == ""
    assert sorted(reproduced.output.rglob("*")) == before


def test_results_of_two_protocols_have_two_folders(reproduced, no_training, tmp_path):
    names = [f"sunhl-1th-02-Jan-2017-{number} A AP" for number in (1, 10)]
    spines = make_spines(tmp_path / "AASCE", {name: spine_points() for name in names})
    done = run("reproduce", "aasce_held_out", spines, reproduced.output, *FAST, "--name", "spine")
    assert "has results of another protocol, which cannot stand beside these: choose another folder." in refused(done)


@pytest.mark.parametrize("seeds", ["", "x", "-1", "3-1", "1,,2", "0-1-2"])
def test_seeds_that_are_none(reproduced, seeds):
    done = reproduced.again(f"--seeds={seeds}")
    assert done.code == 2
    assert f"'{seeds}' is no list of seeds such as 0,1,2 or 0-2" in done.err


def test_a_set_without_a_part_to_measure_on(tmp_path, no_training):
    source = make_isbi(tmp_path / "ISBI", (1, 2, 3))
    done = run("reproduce", "isbi2015", source, tmp_path / "out", *FAST)
    sentence = (
        "there is nothing to measure on. Test1, films 151 to 300: There is none of the films 151-300 in the folder"
    )
    assert refused(done).startswith(sentence)
    assert (done.out, (tmp_path / "out").exists()) == ("", False)
    names = {f"sunhl-1th-02-Jan-2017-{number} A AP": spine_points() for number in (1, 2)}
    done = run("reproduce", "aasce_held_out", make_spines(tmp_path / "AASCE", names), tmp_path / "out", *FAST)
    assert "there is nothing to measure on. Training radiographs of patients whose number" in refused(done)


def test_a_set_without_a_part_to_learn_from(tmp_path):
    source = make_isbi(tmp_path / "ISBI", (151, 152))
    done = run("reproduce", "isbi2015", source, tmp_path / "out", *FAST)
    assert refused(done).startswith("There is none of the films 1-150 in the folder")


def test_what_there_is_not(tmp_path):
    done = run("reproduce", "isbi2016", tmp_path, tmp_path / "out")
    assert "There is no protocol 'isbi2016': choose one of aasce, " in refused(done)
    done = run("reproduce", "isbi2015", tmp_path / "absent", tmp_path / "out")
    assert "absent: give the folder that holds the ISBI 2015 data set." in refused(done)
    assert not (tmp_path / "out").exists()


def test_a_film_to_learn_from_that_is_damaged_is_named_and_nothing_half_made_stays(tmp_path, no_training):
    source = make_isbi(tmp_path / "ISBI", (1, 2, 3, 151))
    (source / "RawImage" / "TrainingData" / "002.bmp").write_text("no picture")
    done = run("reproduce", "isbi2015", source, tmp_path / "out", *FAST)
    assert refused(done).startswith("isbi2015_002: ")
    assert not (tmp_path / "out" / "studies" / "all").exists()

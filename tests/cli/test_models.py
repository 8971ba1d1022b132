"""``models``: lists, cards, comparisons and the way back."""

import json

import pytest

from lib.checkpoints import HeldOutErrors, ModelVersions, TrainingData, read_card
from monailabel_app.cli.tables import WIDTH, table
from tests.checkpoints.conftest import CARD, save_small
from tests.cli.conftest import run

MODEL = "farnet_three"
DATA = TrainingData(hash="abc" * 20, train=("t1", "t2"), held_out=("v1", "v2"), train_patients=2, held_out_patients=1)
ERRORS = HeldOutErrors(
    images=("i1", "i2"),
    patients=("p", "p"),
    landmarks=("a", "b", "c"),
    px=((1.0, 2.0, None), (3.0, 4.0, 5.0)),
    tolerances=((0.5, 0.5, None), (1.5, 0.5, 2.0)),
)
BETTER = ERRORS.model_copy(update={"px": ((0.5, 2.5, 1.0), (1.5, 4.0, 5.0))})
FIGURES = {"val_sdr_2mm": 0.755, "val_mre_px": 4.321, "val_mre_mm": 0.8}


@pytest.fixture
def folder(tmp_path):
    """Two published versions of a model of a user's own landmark set, the second in use; and a shipped one."""
    save_small(tmp_path / f"pretrained_{MODEL}.pt", "shipped_1")
    versions = ModelVersions(tmp_path / f"{MODEL}.pt", tmp_path / f"pretrained_{MODEL}.pt")
    source = tmp_path / "source.pt"
    described = {"model": MODEL, "created": "2026-01-02T03:04:05+00:00", "code": "1.1.0"}
    first = {**described, "metrics": FIGURES, "training": {"seed": 1, "learning_rate": 0.001}, "parent": "shipped_1"}
    versions.publish(
        save_small(source, "one", 1, held_out=ERRORS, data=DATA, **first), "Published: better on 2 images."
    )
    later = DATA.model_copy(update={"hash": "d", "train": ("t1", "t2", "v1"), "held_out": ("v2", "v3")})
    second = {**first, "metrics": {**FIGURES, "val_sdr_2mm": 0.8}, "training": {"seed": 2}, "parent": "one"}
    versions.publish(
        save_small(source, "two", 2, held_out=BETTER, data=later, **second), "better than one " + 40 * "very " + "much"
    )
    source.unlink()
    return tmp_path


def models(folder, *arguments):
    done = run("models", *arguments, "--model-dir", folder)
    assert "--json" in arguments or all(len(line) <= WIDTH for line in done.out.splitlines()), done.out
    return done


def test_the_overview_has_models_of_own_landmark_sets(folder):
    for arguments in ((), ("list",)):
        done = models(folder, *arguments)
        assert (done.code, done.err) == (0, "")
        lines = {line.split()[0]: line.split() for line in done.out.splitlines()}
        assert lines[MODEL][1:] == ["three", f"{MODEL}.pt", "two", "80.0", "%"]
        assert " ".join(lines["farnet_ceph"][1:]) == "cephalometric_19 none yet: train it"
    told = {model["model"]: model for model in json.loads(models(folder, "list", "--json").out)}
    assert (told[MODEL]["version"], told[MODEL]["file"], told[MODEL]["fault"]) == ("two", f"{MODEL}.pt", None)
    assert told["farnet_hand"]["version"] is None


def test_the_folder_may_stand_before_the_action(folder):
    assert MODEL in run("models", "--model-dir", folder, "list").out


def test_the_list(folder):
    done = models(folder, "list", MODEL)
    assert (done.code, done.err) == (0, "")
    header, two, one, shipped = done.out.splitlines()
    assert header.split() == ["version", "when", "2", "mm", "error", "images", "from", "how"]
    assert two.startswith("in use  two ")
    assert " 80.0 %  4.32 px  0.80 mm  3/2     one        published: better than one very" in two
    assert two.endswith("…")
    assert one.endswith("  Published: better on 2 images.")
    assert shipped.split()[0] == "shipped_1"
    assert shipped.endswith("came with the app")
    told = json.loads(models(folder, "list", MODEL, "--json").out)
    assert (told["model"], told["previous"]) == (MODEL, "one")
    assert [(version["version"], version["served"]) for version in told["versions"]] == [
        ("two", True),
        ("one", False),
        ("shipped_1", False),
    ]


def test_a_model_without_weights(tmp_path):
    assert (
        run("models", "list", "farnet_hand", "--model-dir", tmp_path).out
        == "farnet_hand has no weights yet: train it\n"
    )
    assert json.loads(run("models", "list", "farnet_hand", "--model-dir", tmp_path, "--json").out)["versions"] == []
    assert list(tmp_path.iterdir()) == []


def test_show(folder):
    done = models(folder, "show", MODEL, "one")
    assert (done.code, done.err) == (0, "")
    for words in (
        f"{MODEL} version one\n",
        "3 of 'three': Three points",
        "lite, input 64 x 64, sigma 3, subpixel",
        "by software 1.1.0, from shipped_1",
        "2 radiographs of 2 patients, held out 2 of 1; hash abcabcabcabc",
        "seed 1, learning_rate 0.001",
        "val_sdr_2mm 0.755, val_mre_px 4.321, val_mre_mm 0.8",
        "  confidence  The model has not been calibrated",
        "published  shipped_1   Published: better on 2 images.",
    ):
        assert words in done.out
    assert [line.split() for line in done.out.splitlines()[-3:]] == [
        ["a", "2", "2.00", "px", "50.0", "%"],
        ["b", "2", "3.00", "px", "100.0", "%"],
        ["c", "1", "5.00", "px", "0.0", "%"],
    ]
    assert models(folder, "show", MODEL).out.startswith(f"{MODEL} version two (in use)")
    assert "came with the app" in models(folder, "show", MODEL, "shipped_1").out
    told = json.loads(models(folder, "show", MODEL, "one", "--json").out)
    assert told["card"]["data"]["train"] == ["t1", "t2"]
    assert told["history"][0]["previous"] == "shipped_1"
    assert told["held_out"]["c"] == {"count": 1, "mean_px": 5.0, "within": 0.0}


def test_diff(folder):
    done = models(folder, "diff", MODEL, "one")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for words in (
        "one → two (in use)",
        "val_sdr_2mm 0.7550 0.8000 +0.0450",
        "val_mre_px 4.3210 4.3210 +0.0000",
        "seed 1 2",
        "learning_rate 0.001 –",
        "parent shipped_1 one",
        "data: not the same",
        "trained on 2 → 3 radiographs (1 added, 0 removed), 2 → 2 patients",
        "held out 2 → 2 radiographs (1 added, 1 removed), 1 → 1 patients",
        "WARNING: the second was trained on 1 radiographs that the first holds out: their figures on those are no "
        "comparison.",
        "both on the same 2 held-out radiographs: 1 landmarks nearer, 1 farther",
        "all 5 3.00 px 2.70 px -0.30 60.0 % → 60.0 %",
        "a 2 2.00 px 1.00 px -1.00 50.0 % → 50.0 %",
        "b 2 3.00 px 3.25 px +0.25 100.0 % → 100.0 %",
        "c 1 5.00 px 5.00 px +0.00 0.0 % → 0.0 %",
    ):
        assert words in lines, (words, done.out)
    assert "weights moved by: encoder " in done.out
    assert json.loads(models(folder, "diff", MODEL, "one", "--json").out)["held_out"]["nearer"] == 1
    other = models(folder, "diff", MODEL, "two", "shipped_1").out
    assert other.startswith("two → shipped_1\n")
    assert "data: not told by both" in other
    assert "both on the same held-out radiographs: none, or not told by both" in other


def test_a_model_against_itself(folder):
    out = models(folder, "diff", MODEL, "two", "two").out
    assert "network and training do not differ" in out
    assert "data: the same" in out
    assert "0 landmarks nearer, 0 farther" in out
    assert "WARNING" not in out


def test_rollback(folder):
    served, kept = folder / f"{MODEL}.pt", folder / MODEL / "versions"
    done = models(folder, "rollback", MODEL)
    assert (done.code, done.out) == (0, f"{MODEL}: version one is in use, instead of two\n")
    assert served.read_bytes() == (kept / "one.pt").read_bytes()
    done = models(folder, "rollback", MODEL, "shipped_1", "--reason", "the others are worse on children")
    assert done.out == f"{MODEL}: version shipped_1 is in use, instead of one\n"
    assert served.read_bytes() == (folder / f"pretrained_{MODEL}.pt").read_bytes()
    assert "the others are worse on children" in models(folder, "show", MODEL).out
    assert models(folder, "rollback", MODEL, "shipped_1").out == f"{MODEL}: version shipped_1 is in use already\n"
    assert models(folder, "rollback", MODEL, "two").code == 0
    assert read_card(served).version == "two"


def test_going_back_to_other_landmarks_says_so(folder):
    fewer = CARD.landmark_set.model_copy(update={"landmarks": CARD.landmark_set.landmarks[:2]})
    save_small(folder / MODEL / "versions" / "fewer.pt", "fewer", 1, landmark_set=fewer)
    out = models(folder, "rollback", MODEL, "fewer").out
    assert "Its landmarks are others: a server that was started for those of before will not offer it." in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["list", "farnet_foot"], "there is no model 'farnet_foot' in "),
        (["show", "../x"], "there is no model '../x' in "),
        (["show", "farnet_hand"], "farnet_hand has no weights yet: train it."),
        (["diff", "farnet_hand", "x"], "farnet_hand has no weights yet: train it."),
        (["rollback", "farnet_hand"], "No version was served before the one in use: there are none yet."),
        (["show", MODEL, "three"], "There is no version 'three': choose of two, one, shipped_1."),
        (["diff", MODEL, "three"], "There is no version 'three': choose of two, one, shipped_1."),
        (["rollback", MODEL, "three"], "There is no version 'three': choose of two, one, shipped_1."),
        (["show", MODEL, "one"], "Version 'one' cannot be used: one.pt is not a model file that torch can read"),
        (["diff", MODEL, "one"], "Version 'one' cannot be used: one.pt is not a model file that torch can read"),
        (["rollback", MODEL, "one"], "Version 'one' cannot be used: one.pt is not a model file that torch can read"),
    ],
)
def test_what_cannot_be(folder, arguments, sentence):
    if arguments[-1] == "one":
        (folder / MODEL / "versions" / "one.pt").write_text("junk")
        assert "one.pt is not a model file" in models(folder, "list", MODEL).out
    done = models(folder, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"farnet models: {sentence}")
    assert done.err.count("\n") == 1


def test_tables_are_as_wide_as_needed_and_no_wider_than_a_screen():
    assert table(("a", "b"), [("long", "x"), ("s", "y")], indent=1) == " a     b\n long  x\n s     y"
    wide = table(("a", "b"), [("x" * 50, "y" * 100)]).splitlines()[1]
    assert len(wide) == WIDTH
    assert wide.endswith("y…")

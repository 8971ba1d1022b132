"""Help, the table of models, and sentences for what cannot work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monailabel_app.cli import main
from tests.cli.conftest import MODEL, run
from tests.tiny import phantom_folder

COMMANDS = (
    *("serve", "import", "phantoms", "split", "train", "predict", "evaluate", "labels", "models", "runs"),
    "reproduce",
)


def test_help_in_a_process_of_its_own(tmp_path):
    program = Path(__file__).parents[2] / "main.py"
    done = subprocess.run(
        [sys.executable, program, "-h"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert f"    {command} " in done.stdout
    assert "not a medical device" in done.stdout
    assert "a first round, without any data of your own:" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_itself(command):
    done = run(command, "-h")
    assert done.code == 0
    assert done.out.startswith(f"usage: main.py {command}")
    assert "options:" in done.out


def test_models(first_round, tmp_path):
    done = run("models", "--model-dir", first_round.models)
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert list(lines) == ["model", "farnet_ceph", "farnet_hand", "farnet_spine", "farnet_demo"]
    assert "none yet: train it" in lines["farnet_spine"]
    assert "farnet_demo.pt" in lines["farnet_demo"]
    assert "cephalometric_19" in lines["farnet_demo"]
    assert lines["farnet_demo"].endswith(" %")
    (tmp_path / "farnet_hand.pt").write_text("junk")
    done = run("models", "--model-dir", tmp_path)
    assert done.code == 0
    assert "is not a model file that torch can read" in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--model", "farnet_foot"], "Unknown model 'farnet_foot': choose of farnet_ceph"),
        (["train", "--model", "farnet_demo,farnet_hand"], "one model at a time, not farnet_demo,farnet_hand."),
        (["train", "--model", ""], "Say which models to use"),
        (["train", *MODEL, "--input-size", "100x100"], "the nearest good size is 96 x 96"),
        (["train", *MODEL, "--sigma", "0"], "Sigma '0' is not a number from 0.5 to 100"),
        (["train", *MODEL, "--landmarks", "feet"], "No landmark set 'feet'"),
        (["train", *MODEL, "--epochs", "-1"], "Training option 'max_epochs' cannot be -1"),
        (["train", *MODEL, "--learning-rate", "nan"], "Training option 'learning_rate' cannot be nan"),
        (["train", *MODEL, "--device", "tpu"], "There is no device 'tpu' here"),
        (["train", *MODEL], "Training needs at least 3 radiographs with submitted 'cephalometric_19' landmarks"),
        (["train", "--model", "farnet_hand"], "there are 0: submit 3 more."),
        (["evaluate", *MODEL, "--output", "OUT"], "Model 'farnet_demo' has no weights yet"),
        (["evaluate", "--model", "farnet_foot", "--output", "OUT"], "Unknown model 'farnet_foot'"),
        (["evaluate", *MODEL, "--part", "test1", "--output", "OUT"], "--part goes with --protocol."),
    ],
)
def test_studies_that_are_there(arguments, sentence, tmp_path):
    phantom_folder(tmp_path / "studies", 2)
    where = ["--studies", tmp_path / "studies", "--model-dir", tmp_path / "model"]
    output = [tmp_path / "out" if argument == "OUT" else argument for argument in arguments]
    done = run(*output, *where)
    assert (done.code, done.out) == (2, "")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"farnet {arguments[0]}: ")
    assert sentence in last
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["train", *MODEL, "--studies", "nowhere"],
            "there is no folder nowhere: make one with 'import' or 'phantoms'.",
        ),
        (["evaluate", *MODEL, "--studies", "nowhere", "--output", "out"], "Model 'farnet_demo' has no weights yet"),
        (["evaluate", *MODEL, "--protocol", "isbi2015", "--output", "out"], "--protocol needs --data, the folder of"),
        (["reproduce", "isbi2015", "nowhere", "out"], "No folder nowhere: give the folder that holds the ISBI 2015"),
        (["reproduce", "feet", "nowhere", "out"], "There is no protocol 'feet': choose one of aasce, aasce_held_out,"),
        (["predict", "x.png", *MODEL, "--output", "out"], "Model 'farnet_demo' has no weights yet: train it first"),
        (["predict", "x.png", "--model", "farnet_foot", "--output", "out"], "Unknown model 'farnet_foot'"),
        (["import", "isbi2015", "nowhere", "studies"], "nowhere"),
        (["import", "aasce", "nowhere", "studies"], "nowhere"),
        (["import", "hand", "nowhere", "studies"], "nowhere"),
        (["import", "isbi2015", "nowhere", "studies", "--pixel-spacing", "-1"], "A pixel spacing of -1.0 mm is not"),
        (["phantoms", "hand_37", "studies", "--seed", "-3"], "A phantom's seed is 0 or more, not -3."),
        (["serve", "--studies", "s", "--models", "farnet_foot"], "Unknown model 'farnet_foot'"),
        (["serve", "--studies", "s", "--conf", "preset", "huge"], "Unknown preset 'huge'"),
    ],
)
def test_bad_arguments(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = ["--model-dir", tmp_path / "model"] if "--model" in arguments else []
    done = run(*arguments, *where)
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert last.startswith(f"farnet {arguments[0]}: ")
    assert sentence in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["phantoms", "feet", "studies"],
        ["train", *MODEL],
        ["import", "isbi2015", "x", "y", "--reader", "me"],
        ["evaluate", *MODEL, "--output", "x"],
        ["evaluate", *MODEL, "--studies", "x", "--protocol", "isbi2015", "--data", "x", "--output", "x"],
        ["evaluate", *MODEL, "--studies", "x"],
        ["evaluate", *MODEL, "--protocol", "isbi2015", "--data", "x", "--output", "x", "--fold", "one"],
        ["reproduce", "isbi2015", "x"],
    ],
)
def test_what_is_no_command_shows_the_usage(arguments):
    done = run(*arguments)
    assert done.code == 2
    assert done.err.startswith("usage: main.py")


def test_a_reader_that_has_seen_enough(monkeypatch, tmp_path):
    """As in ``main.py models | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["models", "--model-dir", str(tmp_path)]) == 0

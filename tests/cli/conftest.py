"""Commands run in this process, and a first round with them: phantoms, a training, its model."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from monailabel_app.cli import main
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH

MODEL = ("--model", "farnet_demo")
TINY = ("--input-size", "128x96", "--sigma", "3")


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Done:
    """Run a command as ``main.py`` would."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # of argparse
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Round:
    """Folders of a first round, and what the commands said."""

    studies: Path
    models: Path
    phantoms: Done
    training: Done

    def store(self) -> StudiesFolder:
        return StudiesFolder(self.studies, {"farnet_demo": CEPH})


@pytest.fixture(scope="session")
def first_round(tmp_path_factory) -> Round:
    """Six phantoms, one without a label, and a model trained on them; not to be changed."""
    home = tmp_path_factory.mktemp("first round")
    studies, models = home / "my studies", home / "my models"
    made = run("phantoms", "cephalometric_19", studies, "--count", 6, "--seed", 300, "--unlabelled", 1)
    options = ("--epochs", 12, "--batch-size", 2, "--val-interval", 6, "--no-augment", "--seed", 1)
    trained = run("train", "--studies", studies, *MODEL, "--model-dir", models, *TINY, *options)
    return Round(studies, models, made, trained)

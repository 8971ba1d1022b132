"""``kill -9`` at random moments: the model in use stays whole, no lock stays, and the run goes on to the same numbers.

``FARNET_KILLS`` says how often; the tests of every day are content with three.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lib.checkpoints import load_model
from lib.evaluation.history import read_history
from lib.evaluation.run_record import list_runs
from lib.trainers.lock import is_training
from tests.tiny import tiny_config

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("FARNET_KILLS", "3"))
EPOCHS = 20 * KILLS
SEED = 7


def training(studies, models, *more):
    command = [sys.executable, str(ROOT / "main.py"), "train", "--studies", str(studies), "--model", "farnet_demo"]
    command += ["--model-dir", str(models), "--input-size", "64x64", "--sigma", "3", "--device", "cpu"]
    command += ["--epochs", str(EPOCHS), "--batch-size", "4", "--val-interval", "2", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(process):
    _, errors = process.communicate(timeout=590)
    assert process.returncode == 0, errors.decode()[-2000:]


def losses(config):
    (record,) = list_runs(config.runs)
    assert record.status == "finished"
    return [(epoch.epoch, epoch.loss, epoch.validation) for epoch in read_history(config.runs / record.run)]


@pytest.mark.timeout(3000)
def test_killed_at_random(tmp_path, studies):
    chosen = random.Random(SEED)
    config, undisturbed = tiny_config(tmp_path / "killed"), tiny_config(tmp_path / "undisturbed")
    begun, process = time.monotonic(), training(studies.folder, undisturbed.model_dir)
    while undisturbed.train_task().stats()["epoch"] == 0 and process.poll() is None:
        time.sleep(0.1)
    starting = time.monotonic() - begun
    finished(process)
    step = (time.monotonic() - begun - starting) / KILLS
    reached = []
    for _ in range(KILLS):
        process = training(studies.folder, config.model_dir, "--resume")
        within = chosen.random() < 0.5  # in the training, otherwise while it starts
        time.sleep(starting + chosen.uniform(0, step) if within else chosen.uniform(0, starting))
        assert process.poll() is None, "the training was over before it was killed"
        process.kill()
        process.communicate()
        assert not is_training(config.runs)
        if config.published.is_file():
            load_model(config.published)
        records = list_runs(config.runs)
        reached.append(len(read_history(config.runs / records[0].run)) if records else 0)
    finished(training(studies.folder, config.model_dir, "--resume"))
    assert losses(config) == losses(undisturbed), reached
    one, other = (load_model(each.published)[0].state_dict() for each in (config, undisturbed))
    assert all(torch.equal(one[key], value) for key, value in other.items())
    assert not is_training(config.runs)
    assert not list(config.runs.rglob("state.pt"))

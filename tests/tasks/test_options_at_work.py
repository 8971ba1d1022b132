"""Options of a training that show only when it runs: compilation, mixed precision, MLflow, room on the disk."""

import shutil

import pytest
import torch

from lib.checkpoints import load_model, read_card
from lib.evaluation.history import read_history
from lib.evaluation.run_record import list_runs
from lib.trainers import plan
from tests.tasks.test_train import SHORT
from tests.tiny import tiny_config


def loss_of(config):
    return read_history(config.runs / list_runs(config.runs)[0].run)[-1].loss


@pytest.fixture(scope="module")
def plain(tmp_path_factory, studies):
    config = tiny_config(tmp_path_factory.mktemp("plain"), input_size="64x64")
    config.train_task()({**SHORT, "max_epochs": 2}, studies)
    return config


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.skipif(" " in torch.__file__, reason="torch.compile cannot link in a folder with blanks in its path")
def test_a_compiled_network_trains_the_same(tmp_path, studies, plain):
    config = tiny_config(tmp_path, input_size="64x64")
    stats = config.train_task()({**SHORT, "max_epochs": 2, "compile": True}, studies)
    assert not [note for note in stats["notes"] if "compiled" in note]
    assert loss_of(config) == pytest.approx(loss_of(plain), rel=0.02)
    assert load_model(config.published)[0].state_dict().keys() == load_model(plain.published)[0].state_dict().keys()


def test_what_cannot_be_compiled_trains_as_it_is(tmp_path, studies, plain, monkeypatch):
    """No compiler, and nothing that was compiled before."""
    from torch._inductor import config as inductor

    torch._dynamo.reset()
    monkeypatch.setattr(inductor.cpp, "cxx", ("/no such compiler",))
    monkeypatch.setattr(inductor, "force_disable_caches", True)
    config = tiny_config(tmp_path, input_size="64x64")
    stats = config.train_task()({**SHORT, "max_epochs": 2, "compile": True}, studies)
    torch._dynamo.reset()
    assert "The network could not be compiled here and trains as it is; the log says why." in stats["notes"]
    assert loss_of(config) == loss_of(plain)


def test_bfloat16(tmp_path, studies, plain):
    config = tiny_config(tmp_path, input_size="64x64")
    config.train_task()({**SHORT, "max_epochs": 2, "amp": "bf16"}, studies)
    assert loss_of(config) == pytest.approx(loss_of(plain), rel=0.1)
    assert loss_of(config) != loss_of(plain)
    assert all(torch.isfinite(value).all() for value in load_model(config.published)[0].state_dict().values())


def test_mlflow(tmp_path, studies, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    config = tiny_config(tmp_path / "model", input_size="64x64")
    stats = config.train_task()({**SHORT, "max_epochs": 3, "tracking": "mlflow"}, studies)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'model' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("farnet_demo").experiment_id])
    assert (run.info.run_name, run.info.status) == (stats["run"], "FINISHED")
    assert run.data.params["learning_rate"] == "0.002"
    history = client.get_metric_history(run.info.run_id, "val_mre_px")
    assert [metric.step for metric in history] == [1, 2, 3]
    assert history[-1].value == pytest.approx(stats["eval"]["metrics"]["val_mre_px"])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # nothing beside, nothing elsewhere


def test_the_disk_stays_bounded(tmp_path, studies, monkeypatch):
    monkeypatch.setattr(plan, "KEEP_RUNS", 3)
    monkeypatch.setattr(plan, "KEEP_WEIGHTS", 2)
    config = tiny_config(tmp_path, input_size="64x64")
    runs = [
        config.train_task()({**SHORT, "learning_rate": 10.0 ** -(number + 2)}, studies)["run"] for number in range(5)
    ]
    assert sorted(record.run for record in list_runs(config.runs)) == runs[2:]
    assert [(config.runs / run / "best.pt").exists() for run in runs[2:]] == [False, True, True]
    assert not list(config.runs.rglob("state.pt"))
    assert not list(config.runs.rglob("cache"))
    assert len(config.versions.list()) <= 10
    assert read_card(config.published).version in {version.version for version in config.versions.list()}

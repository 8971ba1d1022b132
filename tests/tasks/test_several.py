"""Two processes with half the batch each train what one process trains."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lib.checkpoints import load_model
from lib.evaluation.history import read_history
from lib.evaluation.run_record import list_runs
from lib.networks import FARNet
from lib.trainers.distributed import chosen_devices, with_global_statistics
from tests.tiny import FAST, tiny_config

ROOT = Path(__file__).parents[2]
# at larger rates Adam turns the rounding of sums in another order into steps of its own
OPTIONS = {**FAST, "max_epochs": 3, "val_interval": 1, "augment": True, "device": "cpu", "learning_rate": 1e-4}
ONE = {**OPTIONS, "train_batch_size": 4}


def result(config):
    (record,) = list_runs(config.runs)
    return record, read_history(config.runs / record.run), load_model(config.published)[0].state_dict()


def assert_same(two, one):
    for epoch, other in zip(two[1], one[1], strict=True):
        assert epoch.loss == pytest.approx(other.loss, rel=1e-4)
    moved = difference = 0.0
    for key, value in one[2].items():
        difference += float((two[2][key].double() - value.double()).square().sum())
        moved += float(value.double().square().sum())
    assert np.sqrt(difference / moved) < 5e-4  # float16 weights, sums in another order


@pytest.fixture(scope="module")
def one(tmp_path_factory, studies):
    config = tiny_config(tmp_path_factory.mktemp("one"), input_size="64x64")
    config.train_task()(ONE, studies)
    return result(config)


def side_by_side(commands):
    """Run commands at the same time, all to a good end; what each has said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    running = [
        subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for command in commands
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * len(running), said
    return said


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def train(studies, models, launcher=()):
    command = [*launcher, str(ROOT / "main.py"), "train", "--studies", str(studies.folder), "--model", "farnet_demo"]
    command += ["--model-dir", str(models), "--device", "cpu", "--epochs", "3", "--batch-size", "2"]
    return [*command, "--input-size", "64x64", "--sigma", "3", "--learning-rate", "1e-4"]


def test_monai_labels_spawn(tmp_path, studies, one):
    models = tmp_path / "a folder with blänks"
    command = [*train(studies, models), "--gpus", "0,1"]
    (said,) = side_by_side([command])
    assert said.count("report: ") == 1
    two = result(tiny_config(models, input_size="64x64"))
    assert two[0].device == "2 processes, CPU"
    assert_same(two, one)


def test_torchrun(tmp_path, studies, one):
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    launcher += ["--rdzv-endpoint", f"127.0.0.1:{free_port()}"]
    models = tmp_path / "models"
    (said,) = side_by_side([train(studies, models, launcher)])
    assert said.count("report: ") == 1  # the leading process alone tells
    assert_same(result(tiny_config(models, input_size="64x64")), one)


def test_ctrl_c_in_the_terminal_keeps_the_best_so_far(tmp_path, studies):
    """It reaches all processes at once; only the first may act on it."""
    command = [sys.executable, *train(studies, tmp_path), "--gpus", "0,1", "--epochs", "5000"]
    config = tiny_config(tmp_path, input_size="64x64")
    output = tmp_path / "output.txt"
    with output.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + 200
        while config.train_task().stats()["epoch"] < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(100) == 0, output.read_text()[-2000:]
    finally:
        process.kill()
    stats = config.train_task().stats()
    assert (stats["status"], stats["published"]) == ("stopped", True)
    assert config.published.is_file()


def test_batch_statistics_are_those_of_all_images(tmp_path):
    """Two processes against one, forward, backward and running statistics, in double precision."""
    script = tmp_path / "one_of_two.py"  # not the name of a module: it would be imported in its place
    script.write_text(
        "import sys, torch\n"
        "from lib.trainers.distributed import joined, with_global_statistics\n"
        "from torch import nn\n"
        "rank, where = int(sys.argv[1]), sys.argv[2]\n"
        "torch.manual_seed(0)\n"
        "layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 1, 1)).double()\n"
        "images = torch.rand(4, 2, 9, 7, dtype=torch.float64)\n"
        "with joined(torch.device('cpu'), rank, 2, sys.argv[3]) as worker:\n"
        "    network = worker.parallel(layers)\n"
        "    for _ in range(2):\n"
        "        said = network(images[2 * rank : 2 * rank + 2]); said.square().mean().backward()\n"
        "    grads = [p.grad for p in layers.parameters()]\n"
        "    torch.save({'said': said.detach(), 'grads': grads, 'state': layers.state_dict()}, f'{where}/{rank}.pt')\n"
    )
    meeting_point = f"tcp://127.0.0.1:{free_port()}"
    side_by_side([[str(script), str(rank), str(tmp_path), meeting_point] for rank in (0, 1)])
    torch.manual_seed(0)
    alone = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 1, 1)).double()
    images = torch.rand(4, 2, 9, 7, dtype=torch.float64)
    for _ in range(2):
        said = alone(images)
        said.square().mean().backward()
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    torch.testing.assert_close(torch.cat([part["said"] for part in both]), said.detach())
    for part in both:
        for found, wanted in zip(part["grads"], (p.grad for p in alone.parameters()), strict=True):
            torch.testing.assert_close(found, wanted)
        for key, value in alone.state_dict().items():
            torch.testing.assert_close(part["state"][key], value)


def test_only_batch_normalisation_changes():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.BatchNorm2d(2)), nn.InstanceNorm2d(2))
    changed = with_global_statistics(network, torch.device("cpu"))
    assert [type(module).__name__ for module in changed.modules()] == [
        "Sequential",
        "Conv2d",
        "Sequential",
        "GlobalBatchNorm2d",
        "InstanceNorm2d",
    ]
    assert changed.state_dict().keys() == network.state_dict().keys()


def test_a_network_that_normalises_each_image_by_itself_stays_as_it_is():
    network = FARNet("lite", 3, image_statistics=True)
    kinds = [type(module) for module in network.modules()]
    assert [type(module) for module in with_global_statistics(network, torch.device("cpu")).modules()] == kinds


def test_which_devices():
    cpu = torch.device("cpu")
    assert chosen_devices("cpu", "all", several=True) == [cpu]
    assert chosen_devices("cpu", "0,1", several=True) == [cpu, cpu]
    assert chosen_devices("cpu", "0,1", several=False) == [cpu]
    assert chosen_devices("cuda:1", "all", several=True) == [torch.device("cuda", 1)]
    assert chosen_devices("cuda", "1,3", several=True) == [torch.device("cuda", 1), torch.device("cuda", 3)]
    assert chosen_devices("cuda", "1,3", several=False) == [torch.device("cuda", 1)]

"""How busy the machine is, the line that shows it, and that neither asks a GPU in every step."""

import time
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine

from lib.trainers import progress
from lib.trainers.placement import OnDevice
from lib.trainers.progress import ProgressBar
from lib.trainers.usage import Usage

CPU = torch.device("cpu")


def batches(count, making_s):
    for _ in range(count):
        time.sleep(making_s)
        yield {"image": torch.zeros(2, 1, 4, 4)}


def trained(making_s, step_s, count=10):
    usage = Usage(CPU)
    engine = Engine(lambda *_: time.sleep(step_s))
    usage.attach(engine)
    engine.run(batches(count, making_s), max_epochs=1, epoch_length=count)
    return usage.figures()


def test_what_holds_a_training_up():
    starved, busy = trained(0.02, 0.0), trained(0.0, 0.02)
    assert starved["waiting"] > 0.7 > 0.3 > busy["waiting"]
    assert set(starved) == {"images_per_second", "waiting"}  # of a CPU nothing else is known
    for figures in (starved, busy):
        assert 20 / 10 < figures["images_per_second"] <= 20 / 0.2


def test_each_epoch_counts_anew():
    usage = Usage(CPU)
    engine = Engine(lambda *_: None)
    usage.attach(engine)
    engine.run(list(batches(4, 0.0)), max_epochs=3)
    assert usage._images == 8


class Loss:
    """A loss on a GPU that counts how often it is waited for."""

    waits = 0

    def detach(self):
        return self

    def item(self):
        Loss.waits += 1
        return 0.5


def steps(bar, count):
    engine = SimpleNamespace(
        state=SimpleNamespace(output={"loss": Loss()}, epoch=1, max_epochs=2, iteration=0, epoch_length=count)
    )
    bar._start(engine)
    for _ in range(count):
        bar._step(engine)
    return engine


def test_the_bar_waits_for_the_gpu_only_where_it_shows_something(monkeypatch):
    Loss.waits = 0
    bar = ProgressBar(lambda: {"val_mre_px": 2.5}, lambda: {"images_per_second": 150.2, "waiting": 0.1, "gpu": 0.93})
    monkeypatch.setattr(progress, "REFRESH_S", 3600.0)
    steps(bar, 50)
    assert Loss.waits == 1
    assert bar.bar.n == 50
    assert bar.bar.postfix == "loss=0.5000, mre_px=2.500, img/s=150.2, gpu=93%"
    monkeypatch.setattr(progress, "REFRESH_S", 0.0)
    steps(ProgressBar(dict), 5)
    assert Loss.waits >= 5


def test_on_a_cpu_samples_stay_where_they_are():
    samples = [{"image": torch.rand(1, 4, 4), "label": torch.zeros(2, 2)} for _ in range(3)]
    placed = OnDevice(samples, CPU)
    assert len(placed) == 3
    assert all(placed[index]["image"] is samples[index]["image"] for index in range(3))


@pytest.mark.parametrize(("free", "stays"), [(10**9, True), (100, False)])
def test_images_that_fit_are_moved_once_and_others_each_time(monkeypatch, free, stays):
    moves = []
    monkeypatch.setattr("lib.trainers.placement.moved", lambda image, device: (moves.append(device), image)[1])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free, 10**10))
    gpu = torch.device("cuda", 0)
    placed = OnDevice([{"image": torch.rand(1, 4, 4), "label": torch.zeros(2, 2)} for _ in range(3)], gpu)
    assert placed.stay is stays
    for _ in range(4):
        assert [placed[index]["label"].device for index in range(3)] == [CPU] * 3
    assert len(moves) == (3 if stays else 12)

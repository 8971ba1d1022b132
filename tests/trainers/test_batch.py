"""A batch that is found by trial: within memory, no larger than learning allows, and with a rate to match."""

import math

import pytest
import torch

from lib.trainers import TrainOptions, batch
from lib.trainers.batch import FEWEST_STEPS, MOST, found_batch

RECIPE = TrainOptions(train_batch_size=0, accumulate=2, max_epochs=100, learning_rate=1e-4, ema_decay=0.99)
MANY = 1000


class Gpu:
    """A GPU with room for so many radiographs; a step costs some time of its own, which larger batches share."""

    def __init__(self, room, overhead=0.02, each=0.005):
        self.room, self.overhead, self.each, self.tried = room, overhead, each, []

    def __call__(self, size):
        self.tried.append(size)
        return size / (self.overhead + self.each * size) if size <= self.room else None


def test_a_number_that_was_asked_for_stays():
    asked = TrainOptions(train_batch_size=3)
    gpu = Gpu(64)
    assert found_batch(asked, MANY, gpu) == (asked, None)
    assert gpu.tried == []


def test_the_fastest_within_the_limit_with_a_rate_to_match():
    gpu = Gpu(64)
    found, sentence = found_batch(RECIPE, MANY, gpu)
    assert (found.train_batch_size, found.accumulate) == (MOST, 1)
    assert found.learning_rate == pytest.approx(1e-4 * math.sqrt(4))
    assert found.ema_decay == pytest.approx(0.99**4)
    assert gpu.tried == [2, 4, 8]
    assert sentence.startswith("Batches of 8 were found to be fastest, 133 radiographs a second without varying them:")


@pytest.mark.parametrize(("room", "size"), [(7, 4), (4, 4), (3, 2), (2, 2)])
def test_memory_is_a_limit(room, size):
    found, _ = found_batch(RECIPE, MANY, Gpu(room))
    assert (found.train_batch_size, found.accumulate) == (size, 1)


@pytest.mark.parametrize(("recipe", "room", "size"), [(2, 1, 1), (8, 5, 4), (6, 2, 2), (6, 1, 1), (2, 0, 1)])
def test_where_memory_does_not_last_for_the_recipes_step_it_is_made_of_parts(recipe, room, size):
    found, sentence = found_batch(RECIPE.model_copy(update={"accumulate": recipe}), MANY, Gpu(room))
    assert found.train_batch_size == size
    assert size * found.accumulate == recipe
    assert (found.learning_rate, found.ema_decay) == (RECIPE.learning_rate, RECIPE.ema_decay)
    assert f"the gradients of {recipe // size} make one step" in sentence


def test_what_is_not_faster_is_not_taken():
    gpu = Gpu(64, overhead=0.0)
    found, sentence = found_batch(RECIPE, MANY, gpu)
    assert (found.train_batch_size, found.learning_rate) == (2, RECIPE.learning_rate)
    assert sentence.startswith("Batches of 2 as the recipe has them")


@pytest.mark.parametrize(
    ("images", "processes", "size"), [(320, 1, 8), (319, 1, 4), (100, 1, 2), (MANY, 2, 4), (MANY, 8, 2)]
)
def test_a_run_keeps_its_steps(images, processes, size):
    found, _ = found_batch(RECIPE, images, Gpu(64), processes=processes)
    assert found.train_batch_size == size
    assert size == 2 or images * found.epochs(images) / (size * processes) >= FEWEST_STEPS


def test_a_trial_trains_a_copy_that_nobody_sees(monkeypatch):
    """On a CPU, with the GPU's memory made up: out of memory above two radiographs."""
    from pathlib import Path

    from lib.trainers.objective import PAPERS_OBJECTIVE
    from tests.tiny import tiny_config

    made = {"mem_get_info": lambda *_: (1000, 1000), "memory_reserved": lambda *_: 0, "synchronize": lambda *_: None}
    made |= {"reset_peak_memory_stats": lambda *_: None, "empty_cache": lambda: None}
    peak = {"now": 0}
    made["max_memory_allocated"] = lambda *_: peak["now"]
    for name, stand_in in made.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    original = batch.TrainStep.__call__

    def step(self, engine, content):
        if len(content["image"]) > 2:
            raise torch.OutOfMemoryError
        return original(self, engine, content)

    monkeypatch.setattr(batch.TrainStep, "__call__", step)
    card = tiny_config(Path("model"), input_size="64x64").card()
    trial = batch.gpu_trial(card, PAPERS_OBJECTIVE, RECIPE, torch.device("cpu"))
    assert trial(2) > 0
    assert trial(4) is None
    assert trial(1) > 0
    peak["now"] = 900  # there would be no room for a validation
    assert trial(1) is None


@pytest.mark.parametrize(
    ("defaults", "asked", "batch_size"),
    [
        (TrainOptions(train_batch_size=2), {"train_batch_size": 0}, 2),
        (TrainOptions(train_batch_size=4), {"train_batch_size": "0", "accumulate": 1}, 4),  # the whole table
        (TrainOptions(train_batch_size=2), {"train_batch_size": 0, "accumulate": 6}, 6),
        (TrainOptions(train_batch_size=0, accumulate=2), {}, 2),
    ],
)
def test_the_recipes_number_where_the_batch_is_to_be_found(monkeypatch, defaults, asked, batch_size):
    on_cpu = TrainOptions.from_request({**asked, "device": "cpu"}, defaults)
    assert (on_cpu.train_batch_size, on_cpu.accumulate) == (batch_size, 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A GPU")
    on_gpu = TrainOptions.from_request({**asked, "device": "cuda"}, defaults)
    assert (on_gpu.train_batch_size, on_gpu.accumulate) == (0, batch_size)

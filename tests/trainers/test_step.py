"""One step: gradients of several batches are those of one, mixed precision, the schedule, the moving average."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib.trainers.average import moving_average
from lib.trainers.schedule import schedule
from lib.trainers.step import TrainStep, allow_fast_algorithms, chosen_precision

CPU = torch.device("cpu")


class Off(nn.Module):
    """Mean squared distance of what the network says from the label."""

    def forward(self, said, label):
        return ((said.float() - label) ** 2).mean()


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def step_of(model, images, batch_size, **more):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = more.pop("steps", 100)
    return TrainStep(model, optimizer, schedule(optimizer, "step", steps), Off(), None, CPU, images, batch_size, **more)


def train(step, images, batch_size, epochs=1):
    generator = torch.Generator().manual_seed(1)
    data = torch.randn(images, 4, generator=generator), torch.randn(images, 2, generator=generator)
    engine = SimpleNamespace(state=SimpleNamespace(iteration=0))
    for _ in range(epochs):
        for begin in range(0, images, batch_size):
            engine.state.iteration += 1
            part = slice(begin, begin + batch_size)
            step(engine, {"image": data[0][part], "label": data[1][part]})
    return step


@pytest.mark.parametrize(("images", "batch", "accumulate"), [(12, 2, 3), (12, 1, 6), (11, 2, 3), (7, 4, 2), (5, 2, 9)])
def test_gradients_of_several_batches_are_those_of_one(images, batch, accumulate):
    parts, whole = network(), network()
    train(step_of(parts, images, batch, accumulate=accumulate), images, batch, epochs=3)
    train(step_of(whole, images, batch * accumulate), images, batch * accumulate, epochs=3)
    for one, other in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_schedule_counts_steps_not_batches():
    step = step_of(network(), 12, 2, accumulate=3, steps=6)
    train(step, 12, 2, epochs=2)  # 4 of 6 steps
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    step = step_of(network(), 12, 2, steps=24)
    train(step, 12, 2, epochs=2)  # 12 of 24
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_the_loss_of_an_epoch_is_the_mean_over_its_images():
    frozen = step_of(network(), 11, 4)
    frozen.optimizer.param_groups[0]["lr"] = 0.0
    train(frozen, 11, 4)
    single = step_of(network(), 11, 11)
    train(single, 11, 11)
    assert frozen.epoch_loss() == pytest.approx(single.epoch_loss())
    assert math.isnan(frozen.epoch_loss())  # nothing since


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_nearly_the_same(precision):
    mixed, exact = network(), network()
    train(step_of(mixed, 32, 8, precision=precision), 32, 8, epochs=20)
    train(step_of(exact, 32, 8), 32, 8, epochs=20)
    for one, other, start in zip(mixed.parameters(), exact.parameters(), network().parameters(), strict=True):
        assert one.dtype is torch.float32
        moved = (other - start).norm()
        assert 0 < (one - other).norm() < 0.25 * moved  # float16 leaves its first steps out, until its scale fits


def test_a_step_that_would_be_infinite_is_left_out():
    model = network()
    step = step_of(model, 2, 2, precision="fp16", steps=3)
    engine = SimpleNamespace(state=SimpleNamespace(iteration=1))
    step(engine, {"image": torch.full((2, 4), 6e4), "label": torch.full((2, 2), 1e30)})
    for one, other in zip(model.parameters(), network().parameters(), strict=True):
        assert torch.equal(one, other)
    assert step.scheduler.last_epoch == 0


def test_which_precision():
    assert chosen_precision("auto", CPU) is None
    assert chosen_precision("off", torch.device("cuda")) is None
    assert chosen_precision("bf16", CPU) == "bf16"


def test_cudnn_may_take_what_is_fast_and_does_not_search():
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=True, deterministic=True):
        allow_fast_algorithms()
        assert (cudnn.deterministic, cudnn.benchmark) == (False, False)


def test_the_moving_average_by_hand():
    model, decay = nn.Linear(1, 1, bias=False), 0.9
    average = moving_average(model, decay)
    expected = None
    for number, value in enumerate([1.0, 2.0, 4.0, -3.0, 0.5, 8.0] * 20):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        share = min(decay, (1 + number) / (10 + number))
        expected = value if expected is None else share * expected + (1 - share) * value
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert not average.training


def test_the_moving_average_follows_batch_statistics():
    model = nn.BatchNorm1d(2)
    average = moving_average(model, 0.5)
    for _ in range(50):
        model(3.0 + torch.randn(64, 2))
        average.update_parameters(model)
    assert average.module.running_mean == pytest.approx(model.running_mean, abs=0.3)
    assert average.module.num_batches_tracked == model.num_batches_tracked == 50
    assert average.module.running_mean.data_ptr() != model.running_mean.data_ptr()


def test_the_moving_average_follows_tensors_that_were_replaced_and_another_network():
    first, second = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    average = moving_average(first, 0.5)
    average.update_parameters(first)
    first.weight, first.running_mean = nn.Parameter(torch.full((2,), 3.0)), torch.full((2,), 7.0)
    for _ in range(60):
        average.update_parameters(first)
    assert average.module.weight.tolist() == pytest.approx([3.0, 3.0])
    assert average.module.running_mean.tolist() == pytest.approx([7.0, 7.0])
    for _ in range(60):
        average.update_parameters(second)
    assert average.module.weight.tolist() == pytest.approx([1.0, 1.0])
    assert set(average.state_dict()) == {"n_averaged", *(f"module.{name}" for name in first.state_dict())}


def test_the_moving_average_of_a_tensor_at_two_places_moves_once():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    average = moving_average(model, 0.5)
    nn.init.constant_(model[0].weight, 0.0)
    average.update_parameters(model)
    nn.init.constant_(model[0].weight, 1.0)
    average.update_parameters(model)
    assert average.module[1].weight is average.module[0].weight
    assert average.module[0].weight.item() == pytest.approx(1 - 2 / 11)  # the decay of its second step


def test_modules_are_walked_through_once(monkeypatch):
    model = network()
    step = step_of(model, 12, 2)
    step.average = moving_average(model, 0.9)
    walks, walk = [], nn.Module.named_modules
    train(step, 2, 2)
    monkeypatch.setattr(nn.Module, "named_modules", lambda self, *etc, **more: walks.append(self) or walk(self, *etc))
    train(step, 8, 2)
    assert not walks


def test_a_network_that_was_judged_is_trained_again():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    step = step_of(model, 4, 2)
    for _ in range(2):
        model.eval()
        train(step, 4, 2)
        assert all(module.training for module in model.modules())
    assert model[1].num_batches_tracked == 4


def test_warm_up_and_cosine():
    optimizer = torch.optim.SGD(network().parameters(), lr=1.0)
    scheduler, rates = schedule(optimizer, "cosine", 100), []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.05)
    assert rates[5] == pytest.approx(1.0)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[5:]))
    assert rates[-1] < 0.001

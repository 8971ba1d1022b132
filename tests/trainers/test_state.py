"""The state of a run that goes on somewhere else: in other numbers of processes, on another device."""

import pytest
import torch

from lib.trainers.state import RunState
from tests.trainers.test_step import network, schedule, step_of, train


@pytest.mark.parametrize("name", ["cosine", "step"])
@pytest.mark.parametrize(("before", "after"), [(6, 12), (12, 6)])
def test_the_schedule_keeps_its_course_with_another_number_of_steps(tmp_path, name, before, after):
    """As many images in one process as two had, or the reverse; 9 of 12 epochs are done."""
    begun, whole = (step_of(network(), images, 1) for images in (before, after))
    for step in (begun, whole):
        step.scheduler = schedule(step.optimizer, name, 12 * step.steps_per_epoch)
        train(step, step.images, 1, epochs=9)
    RunState(tmp_path / "state.pt", begun.network, begun).save(9)
    going_on = step_of(network(1), after, 1)
    going_on.scheduler = schedule(going_on.optimizer, name, 12 * after)
    state = RunState(tmp_path / "state.pt", going_on.network, going_on)
    assert state.load() == 9
    assert state.other_steps
    for _ in range(3):
        rates = [step.optimizer.param_groups[0]["lr"] for step in (going_on, whole)]
        assert rates[0] == pytest.approx(rates[1], rel=1e-6, abs=1e-12)
        for step in (going_on, whole):
            train(step, after, 1)
    assert going_on.optimizer.param_groups[0]["lr"] <= 0.011


def test_with_the_same_number_of_steps_the_schedule_is_loaded(tmp_path):
    step = train(step_of(network(), 6, 2, steps=30), 6, 2, epochs=8)
    RunState(tmp_path / "state.pt", step.network, step).save(8)
    again = step_of(network(1), 6, 2, steps=30)
    state = RunState(tmp_path / "state.pt", again.network, again)
    assert (state.load(), state.other_steps) == (8, False)
    assert again.scheduler.state_dict() == step.scheduler.state_dict()


@pytest.mark.parametrize(("before", "after"), [(None, "fp16"), ("fp16", None), ("fp16", "fp16")])
def test_a_scaler_that_was_needed_on_one_of_two_devices(tmp_path, before, after):
    step = step_of(network(), 6, 2, precision=before)
    train(step, 6, 2)
    RunState(tmp_path / "state.pt", step.network, step).save(1)
    again = step_of(network(1), 6, 2, precision=after)
    assert RunState(tmp_path / "state.pt", again.network, again).load() == 1
    assert all(map(torch.equal, again.network.parameters(), step.network.parameters()))
    if before and after:
        assert again.scaler.state_dict() == step.scaler.state_dict()

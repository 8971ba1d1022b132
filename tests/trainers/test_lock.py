"""One training at a time, known to a restart, and how it is asked to stop."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.trainers.lock import (
    TrainingRunningError,
    ask_to_stop,
    asked_to_stop,
    check_free,
    is_training,
    stopped_by_signals,
    stopped_with,
    training_lock,
)

HOLD = "import sys, time, pathlib; from lib.trainers.lock import training_lock\n"
HOLD += "with training_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "farnet_demo")], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_held_and_let_go(tmp_path):
    runs = tmp_path / "farnet_demo"
    assert not is_training(runs)
    with training_lock(runs):
        assert is_training(runs)
        noted = json.loads((runs / "training.json").read_text())
        assert noted["pid"] == os.getpid()
        with pytest.raises(TrainingRunningError, match=rf"'farnet_demo' is running already \(process {os.getpid()} on"):
            check_free(runs)
    assert not is_training(runs)
    check_free(runs)
    assert not (runs / "training.json").exists()


def test_another_process_is_refused(tmp_path, holder):
    runs = tmp_path / "farnet_demo"
    with pytest.raises(TrainingRunningError, match=rf"process {holder.pid} on"), training_lock(runs):
        pass
    assert is_training(runs)


def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    runs = tmp_path / "farnet_demo"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (runs / "training.json").exists()  # it had no time to tidy up
    assert not is_training(runs)
    with training_lock(runs):
        assert json.loads((runs / "training.json").read_text())["pid"] == os.getpid()


def test_an_error_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), training_lock(tmp_path / "x"):
        raise ZeroDivisionError
    assert not is_training(tmp_path / "x")


def test_a_wish_to_stop_is_forgotten_by_the_next(tmp_path):
    runs = tmp_path / "x"
    with training_lock(runs):
        assert not asked_to_stop(runs)
        ask_to_stop(runs)
        assert asked_to_stop(runs)
    with training_lock(runs):
        assert not asked_to_stop(runs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop(tmp_path, number):
    before = signal.getsignal(number)
    with training_lock(tmp_path / "x"), stopped_by_signals(tmp_path / "x"):
        assert signal.getsignal(number) != before
        os.kill(os.getpid(), number)
        assert asked_to_stop(tmp_path / "x")
        assert signal.getsignal(number) == before  # the second ends the process
    assert signal.getsignal(number) == before


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_the_end_of_the_server_is_a_wish_to_stop(tmp_path):
    runs = tmp_path / "x"
    server = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    server.start()
    with training_lock(runs), stopped_with(server.pid, runs):
        time.sleep(1.2)
        assert not asked_to_stop(runs)
        server.kill()  # and nobody waits for it: a zombie counts as gone
        assert wait_for(lambda: asked_to_stop(runs))
    server.join()


def test_a_server_that_is_gone_already(tmp_path):
    runs = tmp_path / "x"
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with training_lock(runs), stopped_with(process.pid, runs):
        assert wait_for(lambda: asked_to_stop(runs))


def test_without_a_server(tmp_path):
    with training_lock(tmp_path / "x"), stopped_with(None, tmp_path / "x"):
        assert not asked_to_stop(tmp_path / "x")


def test_two_that_look_at_once_do_not_see_each_other(tmp_path):
    runs = tmp_path / "x"
    with training_lock(runs):
        pass
    with ThreadPoolExecutor(2) as pool:
        assert not any(pool.map(lambda _: is_training(runs), range(2000)))

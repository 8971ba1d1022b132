"""A check in the background: begun once for each state, never twice at the same time, and a failed one told once."""

import threading
import time

import pytest

from lib.trainers.split import SplitError
from monailabel_app.routes.background_check import BackgroundCheck, Standing


class Checker:
    """Stands in for the real one: says what state labels are in, and ends a check when told to."""

    def __init__(self) -> None:
        self.labels = "a"
        self.go_on = threading.Event()
        self.begun: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.fault: Exception | None = None

    def state(self) -> str:
        return self.labels

    def check(self, progress):
        self.begun.append(self.labels)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        progress("predicting", 3, 40)
        assert self.go_on.wait(20)
        self.at_once -= 1
        if self.fault is not None:
            raise self.fault
        return f"result {len(self.begun)}"


@pytest.fixture
def checker():
    made = Checker()
    yield made
    made.go_on.set()


def until_done(check: BackgroundCheck) -> Standing:
    for _ in range(400):
        standing = check.ask()
        if not standing.doing:
            return standing
        time.sleep(0.01)
    raise AssertionError("the check did not end")


def until_doing(check: BackgroundCheck, text: str) -> Standing:
    for _ in range(400):
        standing = check.ask()
        if standing.doing == text:
            return standing
        time.sleep(0.01)
    raise AssertionError(f"it never came to {text}")


def test_once_for_each_state(checker):
    check = BackgroundCheck(checker)
    assert check.ask().checked is None
    assert until_doing(check, "predicting, 3 of 40").checked is None
    askers = [threading.Thread(target=check.ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    checker.go_on.set()
    assert until_done(check) == Standing("result 1", "", "")
    assert check.ask() == Standing("result 1", "", "")
    assert checker.begun == ["a"]
    checker.go_on.clear()
    checker.labels = "b"
    standing = until_doing(check, "predicting, 3 of 40")
    assert (standing.checked, standing.fault) == ("result 1", "")  # the old one stays to be seen
    checker.labels = "c"  # changed again while it runs
    check.ask()
    assert checker.begun == ["a", "b"]
    checker.go_on.set()
    until_done(check)
    assert checker.begun == ["a", "b", "c"]
    assert checker.most_at_once == 1


def test_two_models_wait_for_each_other(checker):
    one, other = BackgroundCheck(checker), BackgroundCheck(checker)
    one.ask()
    until_doing(one, "predicting, 3 of 40")
    assert other.ask().doing == "waiting for another check"
    time.sleep(0.1)
    assert len(checker.begun) == 1
    checker.go_on.set()
    until_done(one)
    until_done(other)
    assert (len(checker.begun), checker.most_at_once) == (2, 1)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (SplitError("The split is damaged."), "The split is damaged."),
        (OSError("x"), "The check failed; the server's log"),
    ],
)
def test_a_failed_check_is_told_once_and_then_tried_again(checker, fault, sentence):
    checker.fault = fault
    checker.go_on.set()
    check = BackgroundCheck(checker)
    check.ask()
    told = until_done(check)
    assert told.fault.startswith(sentence)
    assert len(checker.begun) == 1
    checker.fault = None
    assert until_done(check) == Standing("result 2", "", "")

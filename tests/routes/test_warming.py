"""Models are loaded when the server has started, one after the other; one that cannot be costs a line of the log."""

import logging
from types import SimpleNamespace

from lib.checkpoints import ModelFileError
from monailabel_app.warming import Warming

WAIT_S = 30


class Task:
    def __init__(self, version="1", error=None):
        self.version, self.error, self.warmed = version, error, []

    def is_valid(self):
        return self.version is not None

    def card(self):
        return SimpleNamespace(version=self.version)

    def warm(self, device):
        self.warmed.append((self.version, device))
        if self.error is not None:
            raise self.error


def begun(warming):
    warming.begin()
    assert warming.wait(WAIT_S)


def test_each_version_once():
    tasks = {"a": Task(), "b": Task(version=None), "c": Task()}
    warming = Warming(tasks, "cpu")
    begun(warming)
    begun(warming)
    assert [task.warmed for task in tasks.values()] == [[("1", "cpu")], [], [("1", "cpu")]]
    tasks["a"].version = "2"
    begun(warming)
    assert [task.warmed for task in tasks.values()] == [[("1", "cpu"), ("2", "cpu")], [], [("1", "cpu")]]


def test_one_that_cannot_be_loaded_is_told_once_and_the_others_are_loaded(caplog):
    tasks = {"a": Task(error=ModelFileError("a.pt is gone.")), "b": Task()}
    warming = Warming(tasks, "cpu")
    with caplog.at_level(logging.ERROR):
        begun(warming)
        begun(warming)
    assert len(tasks["a"].warmed) == len(tasks["b"].warmed) == 1
    assert caplog.text.count("Model 'a' cannot be loaded") == 1
    assert "a.pt is gone." in caplog.text

"""Scoring beside the requests does not look again and again at what it has just looked at."""

import time

import pytest

from lib.activelearning import Worklist
from monailabel_app.scoring import BackgroundScoring
from tests.tiny import phantom_folder


class Slow:
    """Takes a while to find out what is to be scored."""

    def __init__(self, *images):
        self.images, self.runs = list(images), []

    def run(self, studies, device, *, disagreement):
        self.runs.append(disagreement)
        time.sleep(0.05)
        while self.images:
            yield self.images.pop()


@pytest.fixture(autouse=True)
def impolite(monkeypatch):
    monkeypatch.setattr("monailabel_app.scoring.POLITE_S", 0.0)


def test_a_look_that_found_nothing_is_not_repeated_at_once():
    scoring = Slow("a")
    background = BackgroundScoring({"m": scoring}, lambda: None)
    for _ in range(5):
        background.want("m")
        assert background.idle(10)
    assert scoring.runs == [False, False]  # the first has found something
    background.want("m", disagreement=True)  # which is another question
    assert background.idle(10)
    assert scoring.runs == [False, False, True]


def test_it_is_repeated_after_a_while(monkeypatch):
    monkeypatch.setattr("monailabel_app.scoring.PATIENCE", 0.0)
    scoring = Slow()
    background = BackgroundScoring({"m": scoring}, lambda: None)
    for _ in range(3):
        background.want("m")
        assert background.idle(10)
    assert len(scoring.runs) == 3


def test_getting_ready_hands_nothing_out(tmp_path):
    studies = phantom_folder(tmp_path, 2)
    studies.remove_label(studies.list_images()[0], "final")
    background = BackgroundScoring({}, lambda: studies)
    before = studies.json()
    background.get_ready()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not Worklist.of(studies).kept:
        time.sleep(0.01)
    assert Worklist.of(studies).kept
    assert studies.json() == before

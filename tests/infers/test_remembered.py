"""Answers that are kept: few, the last ones, each found once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.infers.remembered import Remembered


def test_the_one_that_nobody_asked_for_longest_goes():
    known, found = Remembered[str](most=2), []

    def ask(key):
        return known.get(key, lambda: (found.append(key), key.upper())[1])

    assert [ask(key) for key in "ababcab"] == list("ABABCAB")
    assert found == list("abcab")  # c took the place of a, a that of b, b that of c
    assert len(known) == 2


def test_who_goes_through_many_takes_what_is_known_and_leaves_nothing_behind():
    known = Remembered[int](most=2)
    known.get("people's", lambda: 1)
    for number in range(10):
        assert known.get(number, lambda number=number: number, keep=False) == number
    assert known.get("people's", pytest.fail, keep=False) == 1
    assert len(known) == 1


def test_many_who_ask_at_once_are_answered_by_one():
    known, found, begun, go_on = Remembered[int](), [], threading.Event(), threading.Event()

    def find():
        found.append(1)
        begun.set()
        assert go_on.wait(30)
        return 7

    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(known.get, "key", find, keep=False)
        assert begun.wait(30)
        others = [pool.submit(known.get, "key", find) for _ in range(5)]
        assert known.get("another", lambda: 8) == 8  # nobody else waits
        assert not any(other.done() for other in others)
        go_on.set()
        assert [task.result(30) for task in (first, *others)] == [7] * 6
    assert found == [1]
    assert known.get("key", pytest.fail) == 7  # one of the others wanted it to be kept


def test_an_error_is_told_to_all_who_wait_and_not_kept():
    known, begun, go_on = Remembered[int](), threading.Event(), threading.Event()

    def fail():
        begun.set()
        assert go_on.wait(30)
        raise ValueError("unreadable")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(known.get, "key", fail)
        assert begun.wait(30)
        second = pool.submit(known.get, "key", fail)
        go_on.set()
        for task in (first, second):
            with pytest.raises(ValueError, match="unreadable"):
                task.result(30)
    assert known.get("key", lambda: 3) == 3


def test_what_was_forgotten_is_found_again():
    known = Remembered[int]()
    known.get("key", lambda: 1)
    known.clear()
    assert known.get("key", lambda: 2) == 2

"""Versions: kept, bounded, adopted, and put back byte for byte, whoever else is at it."""

import itertools
import json
import multiprocessing
import re
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from lib.checkpoints import ModelFileError, ModelVersions, UnknownVersionError, VersionError, load_model, read_card
from lib.checkpoints import versions as versions_module


def names(versions):
    return [version.version for version in versions.list()]


def in_use(versions):
    return [version.version for version in versions.list() if version.served]


def publish(versions, make, *published):
    for seed, version in enumerate(published, start=1):
        versions.publish(make(version, seed), f"because of {version}")


def test_what_came_with_the_app_is_a_version(versions, tmp_path):
    (only,) = versions.list()
    assert (only.version, only.served, only.shipped, only.stored) == ("shipped_1", True, True, True)
    assert only.card == read_card(tmp_path / "pretrained_farnet_three.pt")
    assert versions.previous() is None
    assert not versions.folder.exists()  # looking makes nothing


def test_taking_out_of_use(versions, make):
    one = make("one", 1)
    versions.publish(one, "first training")
    assert versions.withdraw("not trusted") == "one"
    assert not versions.published.exists()
    assert in_use(versions) == ["shipped_1"]
    assert versions.get("one").action == "published"
    assert versions.history()[-1].model_dump(exclude={"time", "sha256"}) == {
        "action": "withdrawn",
        "version": "one",
        "previous": None,
        "reason": "not trusted",
    }
    with pytest.raises(VersionError, match=r"^farnet_three is the one that came with the app: there is nothing"):
        versions.withdraw("once more")
    assert versions.rollback().version == "one"
    assert versions.published.read_bytes() == one.read_bytes()


def test_a_file_put_there_by_hand_is_kept_when_it_is_taken_out_of_use(tmp_path, make):
    versions = ModelVersions(tmp_path / "farnet_three.pt")
    make("by_hand", 1).rename(versions.published)
    content = versions.published.read_bytes()
    assert versions.withdraw("") == "by_hand"
    assert versions.served() is None
    assert versions.rollback().path.read_bytes() == content
    versions.published.unlink()
    with pytest.raises(VersionError, match=r"^farnet_three has no weights: there is nothing"):
        versions.withdraw("")


def test_without_any_file_there_is_no_version(tmp_path):
    versions = ModelVersions(tmp_path / "farnet_three.pt")
    assert (versions.list(), versions.served(), versions.previous(), versions.history()) == ([], None, None, [])
    with pytest.raises(UnknownVersionError, match=r"^There is no version 'x': there are none yet\.$"):
        versions.get("x")


def test_publishing_and_going_back_and_forth(versions, make, tmp_path):
    one, two = make("one", 1, name="1.pt"), make("two", 2, name="2.pt")
    told = versions.publish(one, "first training")
    assert (told.version, told.served, told.action, told.reason) == ("one", True, "published", "first training")
    assert datetime.fromisoformat(told.time).tzinfo is not None
    versions.publish(two, "uploaded by hand", "uploaded")
    assert names(versions) == ["two", "one", "shipped_1"]
    assert in_use(versions) == ["two"]
    for version, source in (("one", one), ("shipped_1", versions.shipped), ("two", two)):
        assert versions.rollback(version, "why not").served
        assert versions.published.read_bytes() == source.read_bytes() == versions.get(version).path.read_bytes()
        assert in_use(versions) == [version]
    assert [(c.action, c.version, c.previous, c.reason) for c in versions.history()] == [
        ("published", "one", "shipped_1", "first training"),
        ("uploaded", "two", "one", "uploaded by hand"),
        ("rolled back", "one", "two", "why not"),
        ("rolled back", "shipped_1", "one", "why not"),
        ("rolled back", "two", "shipped_1", "why not"),
    ]
    assert versions.get("one").action == "published"  # what it is does not change by going back to it
    assert (one.is_file(), two.is_file()) == (True, True)


def test_back_without_a_name_is_to_the_one_before_and_again_forward(versions, make):
    publish(versions, make, "one", "two")
    assert [versions.rollback().version for _ in range(4)] == ["one", "two", "one", "two"]
    versions.published.unlink()  # as MONAI Label's DELETE does
    assert in_use(versions) == ["shipped_1"]
    assert versions.rollback().version == "two"


def test_back_without_anything_before(versions):
    with pytest.raises(UnknownVersionError, match=r"^No version was served before .*: choose of shipped_1\.$"):
        versions.rollback()
    assert not versions.published.exists()


def test_an_unknown_version(versions, make):
    publish(versions, make, "one")
    before = versions.published.read_bytes()
    with pytest.raises(UnknownVersionError, match=r"^There is no version '\.\./one': choose of one, shipped_1\.$"):
        versions.rollback("../one")
    assert versions.published.read_bytes() == before
    assert len(versions.history()) == 1


def test_the_one_in_use_again_changes_nothing(versions, make):
    publish(versions, make, "one")
    status, history = versions.published.stat(), versions.history()
    assert versions.rollback("one").served
    assert versions.published.stat() == status
    assert versions.history() == history


# --- keeping ---------------------------------------------------------------------------------------------------------


def test_the_newest_are_kept(versions, make):
    publish(versions, make, *"abcde")
    assert names(versions) == ["e", "d", "c", "shipped_1"]
    assert len(versions.history()) == 5
    with pytest.raises(UnknownVersionError):
        versions.rollback("a")


def test_the_one_in_use_and_the_one_before_it_are_never_deleted(versions, make, tmp_path):
    publish(versions, make, "a", "b", "c")
    versions.rollback("a")
    few = ModelVersions(versions.published, versions.shipped, keep=1)
    few.rollback("b")  # a before it, c newer than both
    assert names(few) == ["c", "b", "a", "shipped_1"]
    few.publish(make("d", 4), "")
    assert names(few) == ["d", "b", "shipped_1"]
    assert few.rollback().version == "b"
    assert names(few) == ["d", "b", "shipped_1"]
    assert ModelVersions(versions.published, versions.shipped, keep=0).publish(make("e", 5), "").served
    assert names(few) == ["e", "b", "shipped_1"]


def test_what_a_crash_left_is_cleaned_up(versions, make):
    publish(versions, make, "one")
    (versions.folder / ".0123.tmp").write_bytes(b"half a model")
    publish(versions, make, "two")
    assert sorted(path.name for path in versions.folder.iterdir()) == [".lock", "history.jsonl", "one.pt", "two.pt"]


def test_the_same_file_again_is_the_same_version(versions, make):
    one = make("one", 1, name="1.pt")
    versions.publish(one, "")
    publish(versions, make, "two")
    told = versions.publish(one, "again")
    assert (told.version, told.reason) == ("one", "again")
    assert names(versions) == ["one", "two", "shipped_1"]
    assert versions.previous() == "two"
    assert versions.publish(versions.shipped, "it was better", "uploaded").shipped
    assert names(versions) == ["one", "two", "shipped_1"]


def test_another_model_of_the_same_name_gets_one_of_its_own_in_its_card_too(versions, make):
    sources = [make("one", seed, name=f"{seed}.pt") for seed in range(3)]
    for seed, name in ((0, "one"), (1, "one-2"), (2, "one-3"), (1, "one-2"), (0, "one")):
        source = sources[seed]
        told = versions.publish(source, "")
        assert told.version == told.card.version == read_card(versions.published).version == name
        weights, expected = load_model(versions.published)[0].state_dict(), load_model(source)[0].state_dict()
        assert all(weights[key].equal(expected[key]) for key in expected)
    assert versions.publish(make("shipped_1", 9), "").version == "shipped_1-2"


def test_a_name_that_is_no_longer_kept_is_not_given_to_another_model(versions, make):
    """Labels still bear it."""
    old = make("old", 7, name="old.pt")
    versions.publish(old, "")
    publish(versions, make, "a", "b", "c")
    assert "old" not in names(versions)
    assert versions.publish(make("old", 8), "").version == "old-2"
    assert versions.publish(old, "the very one, found on a disk").version == "old"


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("../../x", "_.._x"),
        ("a/b\\c:d", "a_b_c_d"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("Größe 2", "Größe_2"),
        ("é" * 300, "é" * 60),
    ],
)
def test_names_that_are_no_file_names(versions, make, version, name):
    told = versions.publish(make(version, 1), "")
    assert told.version == told.card.version == name
    assert told.path.parent == versions.folder


def test_a_newer_app_may_bring_a_version_of_the_same_name(versions, make):
    publish(versions, make, "one")
    make("one", 5, name=versions.shipped.name)
    assert names(versions) == ["one", "one-shipped"]
    assert versions.rollback("one-shipped").served
    assert versions.published.read_bytes() == versions.shipped.read_bytes()


# --- files put there by hand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["publish", "rollback"])
def test_a_file_put_there_by_hand_is_kept_before_it_is_replaced(versions, make, change):
    by_hand = make("by hand", 7, name="by hand.pt")
    shutil.copy(by_hand, versions.published)
    (first, _) = versions.list()
    assert (first.version, first.served, first.stored) == ("by_hand", True, False)
    assert "put there by hand" in first.reason
    assert not versions.folder.exists()
    if change == "publish":
        versions.publish(make("one", 1), "")
    else:
        versions.rollback("shipped_1")
    assert versions.get("by_hand").action == "adopted"
    first = versions.history()[0]
    assert (first.action, first.version, first.previous) == ("adopted", "by_hand", None)
    assert versions.history()[-1].previous == "by_hand"
    assert versions.rollback().version == "by_hand"
    weights, expected = load_model(versions.published)[0].state_dict(), load_model(by_hand)[0].state_dict()
    assert all(weights[key].equal(expected[key]) for key in expected)


def test_a_good_name_is_kept_byte_for_byte(versions, make):
    by_hand = make("older", 7, name="older.pt")
    shutil.copy(by_hand, versions.published)
    versions.publish(make("one", 1), "")
    versions.rollback("older")
    assert versions.published.read_bytes() == by_hand.read_bytes()


def test_writing_into_the_served_file_does_not_change_the_version(versions, make):
    publish(versions, make, "one", "two")
    with versions.published.open("r+b") as file:
        file.write(b"junk")
    assert [(v.version, v.served, v.fault) for v in versions.list()][1:] == [
        ("two", False, None),
        ("one", False, None),
        ("shipped_1", False, None),
    ]
    versions.rollback("two")
    assert load_model(versions.published)[1].version == "two"
    (damaged,) = (version for version in versions.list() if version.fault)
    assert damaged.path.read_bytes().startswith(b"junk")  # even that is not lost
    assert damaged.version.startswith("damaged-")


# --- damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_version_is_listed_with_its_fault_and_cannot_be_used(versions, make):
    publish(versions, make, "one", "two")
    (versions.folder / "one.pt").write_text("junk")
    assert names(versions) == ["two", "one", "shipped_1"]
    damaged = versions.get("one")
    assert damaged.card is None
    assert damaged.fault.startswith("one.pt is not a model file that torch can read")  # without the folder
    assert json.loads(json.dumps(damaged.as_dict()))["fault"] == damaged.fault
    with pytest.raises(VersionError, match=r"^Version 'one' cannot be used: one\.pt is not a model file"):
        versions.rollback("one")
    assert in_use(versions) == ["two"]


def test_a_version_that_has_changed_since_it_was_stored_is_not_used(versions, make):
    publish(versions, make, "one", "two")
    path = versions.folder / "one.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of one weight; torch would load it
    path.write_bytes(content)
    load_model(path)
    with pytest.raises(VersionError, match=r"^Version 'one' cannot be used: its file has changed since it was stored"):
        versions.rollback("one")
    assert in_use(versions) == ["two"]


def spoil_weights(path):
    """A card that promises another network than the weights are."""
    content = torch.load(path, weights_only=True)
    torch.save({**content, "card": {**content["card"], "width": 0.125}}, path)


def test_weights_that_do_not_fit_are_found_before_they_are_served(versions, make):
    spoil_weights(make("by hand", 1, name=versions.published.name))
    versions.publish(make("good", 2), "")
    spoil_weights(make("copied", 3))
    (versions.folder / "copied.pt").write_bytes(versions.published.with_name("source.pt").read_bytes())
    assert set(names(versions)) == {"good", "copied", "by_hand", "shipped_1"}
    for version in ("copied", "by_hand"):
        with pytest.raises(
            VersionError, match=f"^Version '{version}' cannot be used: {version}.pt: the weights do not"
        ):
            versions.rollback(version)
    assert in_use(versions) == ["good"]


def test_what_cannot_be_loaded_is_not_published(versions, make, tmp_path):
    publish(versions, make, "one")
    (tmp_path / "junk.pt").write_text("junk")
    for source in (tmp_path / "junk.pt", tmp_path / "absent.pt"):
        with pytest.raises(ModelFileError, match=re.escape(str(source))):
            versions.publish(source, "")
    assert (names(versions), len(versions.history())) == (["one", "shipped_1"], 1)


def test_a_history_that_was_cut_off_goes_on(versions, make):
    publish(versions, make, "one", "two")
    path = versions.folder / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-40] + b'\n\xff\xfe\n[1, 2]\n{"action": "dan')
    publish(versions, make, "three")
    assert [change.version for change in versions.history()] == ["one", "three"]
    assert in_use(versions) == ["three"]
    assert set(names(versions)) == {"one", "two", "three", "shipped_1"}


def test_a_version_put_into_the_folder_by_hand(versions, make):
    publish(versions, make, "one")
    shutil.copy(make("two", 2), versions.folder / "two.pt")
    assert versions.get("two").action is None
    assert versions.rollback("two").served


# --- several at once -------------------------------------------------------------------------------------------------


def test_who_waits_too_long_gets_a_sentence(versions, make, monkeypatch):
    publish(versions, make, "one", "two")
    monkeypatch.setattr(versions_module, "LOCK_TIMEOUT_S", 0.05)
    with (
        FileLock(versions.folder / ".lock"),
        pytest.raises(VersionError, match="The versions of farnet_three are in use by another program; try again"),
    ):
        versions.rollback("one")
    assert in_use(versions) == ["two"]


def work(published: Path, shipped: Path, sources: list[Path]) -> None:
    torch.set_num_threads(1)  # the threads of the parent are not there after a fork
    versions = ModelVersions(published, shipped, keep=50)
    for source in sources:
        versions.publish(source, "published by a process")
        versions.rollback("start", "rolled back by a process")


def test_several_processes_and_a_reader(versions, make):
    """Nothing is lost, the history is a chain, and whoever reads sees a whole model all the time."""
    versions.publish(make("start", 1), "")
    parts = [[make(f"p{part}_{n}", 10 * part + n, name=f"{part}_{n}.pt") for n in range(3)] for part in range(2)]
    forking = multiprocessing.get_context(
        "fork"
    )  # as torch's loaders do; new ones would import torch for half a minute
    processes = [
        forking.Process(target=work, args=(versions.published, versions.shipped, sources)) for sources in parts
    ]
    seen, faults, stop = set(), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                network, card = load_model(versions.published)
                served = [version.version for version in versions.list() if version.served]
                seen.add((card.version, float(next(network.parameters()).detach().sum())))
                assert len(served) == 1
                time.sleep(0.02)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                faults.append(repr(error))

    reader = threading.Thread(target=read)
    for process in processes:
        process.start()
    reader.start()
    for process in processes:
        process.join(120)
    stop.set()
    reader.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert faults == []
    sources = {path.stem: path for part in parts for path in part}
    for version in versions.list():
        if version.version.startswith("p"):
            assert version.path.read_bytes() == sources.pop(version.version[1:]).read_bytes()
    assert sources == {}
    history = versions.history()
    for before, after in itertools.pairwise(history):
        assert after.previous == before.version
    assert in_use(versions) == [history[-1].version]
    assert len(seen) == len({version for version, _ in seen})  # each version with its own weights, never another's

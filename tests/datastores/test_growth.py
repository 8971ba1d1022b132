"""A large folder: what one change costs does not hang on how many studies there are, and nothing is seen later."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.activelearning import Known, NextSample, standing
from lib.activelearning.worklist import Worklist
from monailabel_app.datastores import index, looking, overview
from monailabel_app.datastores.index_reading import INDEX_FILE, JOURNAL_FILE
from monailabel_app.datastores.layered import Layered
from monailabel_app.datastores.local import StudiesFolder
from monailabel_app.datastores.scan import FolderScan
from monailabel_app.errors import StudiesError
from monailabel_app.routes.activelearning import hand_out
from tests.datastores.conftest import SETS, label_text, write_image

Upload = Callable[..., Path]
LONG_AGO = 1_600_000_000


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder counts as a large one, which nobody lists by himself."""
    monkeypatch.setattr(looking, "SMALL", 0)
    monkeypatch.setattr(looking, "RESCAN_S", 1e9)
    monkeypatch.setattr(index, "SMALL_BYTES", 0)
    monkeypatch.setattr(index, "MOST", 10.0)


def many(studies: Path, count: int) -> StudiesFolder:
    """So many images, every tenth with a label."""
    first = write_image(studies / "0000.png")
    for number in range(1, count):
        os.link(first, studies / f"{number:04d}.png")
    (studies / "labels" / "final").mkdir(parents=True)
    for number in range(0, count, 10):
        (studies / "labels" / "final" / f"{number:04d}.mrk.json").write_text(label_text(Sella=(1, 1)))
    return StudiesFolder(studies, SETS)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """The arguments of each call of a function from now on."""
    calls: list[Any] = []
    original = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_next_sample_and_save_touch_what_has_changed(
    studies: Path, upload: Upload, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MOST", 0.25)
    store = many(studies, 2000)
    strategies = [NextSample(name, lambda _: Known({})) for name in ("random", "first")]
    label = upload(Sella=(5, 5))
    for strategy in strategies:
        assert strategy({}, store) is not None
    size = (studies / INDEX_FILE).stat().st_size
    before = (studies / INDEX_FILE).read_bytes()
    judged = counted(monkeypatch, overview.Overview, "_judge")
    placed = counted(monkeypatch, Worklist, "_place")
    listed = counted(monkeypatch, os, "scandir")
    drawn = counted(monkeypatch, standing, "drawn")
    copied = counted(monkeypatch, Layered, "plain")
    handed = []
    for number in range(10):
        worklist = Worklist.of(store)
        image = strategies[number % 2]({}, store)["id"]
        assert hand_out(store, image, worklist.notes(image), "random", "ann")
        store.save_label(image, label, "final", {"client_id": "ann"})
        handed.append(image)
    assert len(set(handed)) == 10
    assert store.list_images()[:2] == ["0000", "0001"]
    assert set(handed) < set(store.get_labeled_images())
    Worklist.of(store)
    assert {call[1] for call in judged} == {call[1] for call in placed} == set(handed)
    assert len(judged) <= 40
    assert len(placed) <= 60
    assert [call for call in listed if "annotators" not in str(call)] == []
    assert drawn == copied == []
    assert (studies / INDEX_FILE).read_bytes() == before
    written = (studies / JOURNAL_FILE).stat().st_size
    assert written < 20 * 1500 < size / 4


def test_only_folders_where_something_has_come_or_gone_are_listed_again(
    studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "b/c/2.png", "b/3.png", "4.png"):
        write_image(studies / name)
    for folder in (studies, studies / "a", studies / "b", studies / "b" / "c"):
        os.utime(folder, (LONG_AGO, LONG_AGO))
    scan = FolderScan(studies)
    found = scan.images()
    assert found == {"a/1.png", "b/c/2.png", "b/3.png", "4.png"}
    listed = counted(monkeypatch, os, "scandir")
    assert scan.images() is found
    assert listed == []
    write_image(studies / "b" / "c" / "5.png")
    assert scan.images() == found | {"b/c/5.png"}
    assert listed == [(studies / "b" / "c",)]
    (studies / "b" / "c" / "5.png").unlink()  # in the same moment: the folder's time may be the same
    assert scan.images() == found
    (studies / "a" / "1.png").rename(studies / "1.png")
    (studies / "a").rmdir()
    assert scan.images() == {"1.png", "b/c/2.png", "b/3.png", "4.png"}


def test_a_folder_is_listed_again_after_a_while_whatever_its_time_says(
    studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(studies / "1.png")
    os.utime(studies, (LONG_AGO, LONG_AGO))
    scan = FolderScan(studies)
    scan.images()
    write_image(studies / "2.png")
    os.utime(studies, (LONG_AGO, LONG_AGO))  # as a disk that keeps no times of folders
    assert scan.images() == {"1.png"}
    monkeypatch.setattr("monailabel_app.datastores.scan.ANEW_S", 0.0)
    assert scan.images() == {"1.png", "2.png"}


def test_a_large_folder_is_listed_beside_the_requests(
    studies: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = many(studies, 30)
    monkeypatch.setattr(looking, "RESCAN_S", 0.05)
    threads: set[str] = set()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (threads.add(threading.current_thread().name), scandir(path))[1])
    write_image(studies / "dropped.png")
    (studies / "0003.png").unlink()
    (studies / "labels" / "final" / "0002.json").write_text(label_text(Sella=(2, 2)))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (
        "dropped" not in store.list_images() or "0002" not in store.get_labeled_images()
    ):
        time.sleep(0.02)
    assert set(store.list_images()) == {*(f"{number:04d}" for number in range(30)), "dropped"} - {"0003"}
    assert store.get_labeled_images() == ["0000", "0002", "0010", "0020"]
    assert threads == {"listing the studies"}


# --- kept up to date as made anew ------------------------------------------------------------------------------------

IMAGES = ("a", "b", "sub__c")
ACTIONS = ("add", "label", "predict", "unlabel", "remove", "note", "read")
BY_HAND = ("drop", "take", "drop label", "drop bad label", "take label", "nothing")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 1), st.sampled_from(ACTIONS), st.sampled_from(IMAGES)),
        st.tuples(st.just(2), st.sampled_from(BY_HAND), st.sampled_from(IMAGES)),
    ),
    max_size=14,
)


def act(store: StudiesFolder, action: str, image: str, files: Path) -> None:
    """What a client may ask for; what is refused changes nothing."""
    label = files / "label.json"
    calls: dict[str, Callable[[], object]] = {
        "add": lambda: store.add_image(image, files / "image.png", {}),
        "label": lambda: store.save_label(image, label, "final", {"client_id": "ann"}),
        "predict": lambda: store.save_label(image, label, "original", {}),
        "unlabel": lambda: store.remove_label(image, "final"),
        "remove": lambda: store.remove_image(image),
        "note": lambda: store.note(image, seen=True),
        "read": lambda: store.save_reading(image, label, {"client_id": "bob"}),
    }
    with suppress(StudiesError):
        calls[action]()


def by_hand(studies: Path, action: str, image: str, files: Path) -> None:
    """What somebody does with the files."""
    path = studies / f"{image.replace('__', '/')}.png"
    label = studies / "labels" / "final" / f"{image}.json"
    if action == "drop":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((files / "image.png").read_bytes())
    elif action == "take":
        path.unlink(missing_ok=True)
    elif action == "take label":
        label.unlink(missing_ok=True)
        label.with_name(f"{image}.mrk.json").unlink(missing_ok=True)
    elif "label" in action:
        label.write_text(label_text(Sella=(1, 1)) if action == "drop label" else "no label")


def seen(store: StudiesFolder) -> object:
    _, _, told = store.labelling(None)
    content = store.json()
    return (
        *(store.list_images(), store.get_labeled_images(), store.get_unlabeled_images(), store.status()),
        *(store.unreadable_labels(), content, {image: labelled for image, (labelled, _) in told.items()}),
    )


def test_a_label_that_is_saved_again_as_it_was_is_seen_by_all(large: None, tmp_path: Path) -> None:
    """Somebody has deleted its file meanwhile, and all that is noted is the same, the second included."""
    files = write_image(tmp_path / "files" / "image.png").parent
    (files / "label.json").write_text(label_text(Sella=(5, 5)))
    studies = tmp_path / "studies"
    stores = [StudiesFolder(studies, SETS) for _ in range(2)]
    act(stores[0], "add", "a", files)
    label = studies / "labels" / "final" / "a.mrk.json"
    for _ in range(3):  # two of them in the same second
        act(stores[0], "label", "a", files)
        assert [store.get_labeled_images() for store in stores] == [["a"], ["a"]]
        label.unlink()
        for store in stores:
            store.refresh()
        assert [store.get_labeled_images() for store in stores] == [[], []]


@pytest.mark.parametrize("small", [False, True])
@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_up_to_date_is_as_made_anew(
    steps: list[tuple[int, str, str]],
    small: bool,
    large: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Two processes and a hand; what the processes do, each sees at once, without looking at the folder.

    Only a label that was there before its image has to be looked for.
    """
    if small:
        monkeypatch.setattr(looking, "SMALL", 100)
        monkeypatch.setattr(index, "SMALL_BYTES", 10_000)
    folder = tmp_path_factory.mktemp("growth")
    files = write_image(folder / "files" / "image.png").parent
    (files / "label.json").write_text(label_text(Sella=(5, 5)))
    studies = folder / "studies"
    stores = [StudiesFolder(studies, SETS) for _ in range(2)]
    marks: list[int | None] = [None, None]
    told: list[dict[str, Any]] = [{}, {}]
    look = False
    for who, action, image in steps:
        if who < 2:
            act(stores[who], action, image, files)
        else:
            by_hand(studies, action, image, files)
        look = look or "drop" in action
        for store in stores if look or who == 2 else ():
            store.refresh()
        anew = StudiesFolder(studies, SETS)
        for number, store in enumerate(stores):
            assert seen(store) == seen(anew)
            marks[number], whole, changes = store.labelling(marks[number])
            told[number] = {**({} if whole else told[number]), **changes}
            assert {key: value for key, value in told[number].items() if value is not None} == anew.labelling(None)[2]

"""Labels per annotator: nobody's is lost when another one submits."""

import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.landmarks.consensus import Reading
from monailabel_app.datastores.local import StudiesFolder
from monailabel_app.errors import ClientError, ConflictError, NotFoundError, StudiesError
from tests.datastores.conftest import HEAD, SETS, label_text, write_image
from tests.datastores.test_local import contents

Upload = Callable[..., Path]


@pytest.fixture
def filled(store: StudiesFolder, studies: Path) -> StudiesFolder:
    """Images 001 and 002, none labelled."""
    write_image(studies / "001.png", 1)
    write_image(studies / "002.png", 2)
    store.refresh()
    return store


def told(readings: list[Reading]) -> list[tuple[str, int, float]]:
    return [(reading.annotator, reading.number, round(reading.landmarks["Sella"].x, 3)) for reading in readings]


def test_each_annotator_keeps_a_label(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"annotator": "Dr. Müller", "client_id": "pc7"})
    filled.save_label("001", upload(Sella=(3, 2)), "final", {"client_id": "ada", "model": "farnet_head"})
    filled.save_label("001", upload(Sella=(4, 2)), "final", {"client_id": "ada", "reading": 2})
    filled.save_label("001", upload(Sella=(9, 9)), "original", {"client_id": "ada"})
    assert told(filled.annotations("001")) == [("Dr. Müller", 1, 1.0), ("ada", 1, 3.0), ("ada", 2, 4.0)]
    assert filled.landmarks("001")["Sella"].x == pytest.approx(4)
    path = studies / "labels" / "annotators" / "Dr. Müller" / "1" / "001.mrk.json"
    assert json.loads(path.read_text())["markups"][0]["controlPoints"][0]["label"] == "Sella"
    reading = filled.annotation("001", "ADA")
    assert (reading.annotator, reading.landmark_set, reading.landmarks.names) == ("ada", "head", HEAD.names)
    assert reading.info["model"] == "farnet_head"
    assert reading.info["provenance"] == {"Sella": {"origin": "placed"}}
    assert (reading.info["annotator"], reading.info["reading"]) == ("ada", 1)
    assert filled.annotated() == {"001": [("Dr. Müller", 1), ("ada", 1), ("ada", 2)]}
    assert filled.annotations("002") == []
    again = StudiesFolder(studies, SETS)
    assert again.annotation("001", "ada").info == reading.info


def test_a_correction_takes_the_place_of_ones_own(filled: StudiesFolder, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    filled.save_label("001", upload(Sella=(2, 2)), "final", {"client_id": "bob"})
    filled.save_label("001", upload(Sella=(5, 2)), "final", {"client_id": "Ada"})  # upper case or not: the same person
    assert told(filled.annotations("001")) == [("ada", 1, 5.0), ("bob", 1, 2.0)]


def test_what_there_is_not(filled: StudiesFolder, upload: Upload) -> None:
    with pytest.raises(NotFoundError, match="'001' has no reading 1 by 'ada': there is nobody"):
        filled.annotation("001", "ada")
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "bob"})
    with pytest.raises(NotFoundError, match=r"no reading 2 by 'bob': there is bob \(reading 1\)"):
        filled.annotation("001", "bob", 2)
    with pytest.raises(NotFoundError, match="There is no image 'x'"):
        filled.annotations("x")
    with pytest.raises(StudiesError, match="invisible or control"):
        filled.annotation("001", "\x00")


@pytest.mark.parametrize("info", [{"annotator": 7}, {"annotator": "\n"}, {"reading": "second"}])
def test_what_is_refused_leaves_no_trace(
    info: dict[str, object], filled: StudiesFolder, studies: Path, upload: Upload
) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "bob"})
    before, index = contents(studies), filled.json()
    for save in (
        lambda path: filled.save_label("001", path, "final", info),
        lambda path: filled.save_reading("001", path, info),
    ):
        with pytest.raises(ClientError):
            save(upload(Sella=(2, 2)))
    with pytest.raises(ClientError, match="outside the image"):
        filled.save_label("001", upload(Sella=(600, 2)), "final", {"annotator": "ada"})
    assert contents(studies) == before
    assert filled.json() == index


def test_a_label_of_before_is_kept_when_the_next_one_comes(
    filled: StudiesFolder, studies: Path, upload: Upload
) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    (studies / "labels" / "final" / "002.mrk.json").write_text(label_text(Sella=(7, 7)))  # put there by hand
    shutil.rmtree(studies / "labels" / "annotators")  # as an earlier version of this app left it
    index = json.loads((studies / "datastore_v2.json").read_text())
    for study in index["objects"].values():
        study.pop("readings", None)
    (studies / "datastore_v2.json").write_text(json.dumps(index))
    store = StudiesFolder(studies, SETS)
    assert told(store.annotations("001")) == [("ada", 1, 1.0)]
    assert store.annotated() == {"001": [("ada", 1)], "002": [("unnamed", 1)]}
    for image in ("001", "002"):
        store.save_label(image, upload(Sella=(3, 2)), "final", {"client_id": "bob"})
    assert told(store.annotations("001")) == [("ada", 1, 1.0), ("bob", 1, 3.0)]
    assert told(store.annotations("002")) == [("bob", 1, 3.0), ("unnamed", 1, 7.0)]
    assert store.annotation("001", "ada").info["client_id"] == "ada"


def test_a_label_of_a_data_set_is_nobodys(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"source": {"dataset": "published"}})
    assert filled.annotations("001") == []
    filled.save_label("001", upload(Sella=(2, 2)), "final", {})
    assert told(filled.annotations("001")) == [("unnamed", 1, 2.0)]
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"source": {"dataset": "published"}})  # imported once more
    assert told(filled.annotations("001")) == [("unnamed", 1, 2.0)]


def test_a_reading_alone_is_submitted_only_where_nothing_is(filled: StudiesFolder, upload: Upload) -> None:
    filled.save_reading("001", upload(Sella=(1, 2)), {"annotator": "ada"})
    filled.save_reading("001", upload(Sella=(2, 2)), {"annotator": "bob"})
    assert told(filled.annotations("001")) == [("ada", 1, 1.0), ("bob", 1, 2.0)]
    assert filled.landmarks("001")["Sella"].x == pytest.approx(1)
    assert filled.get_labeled_images() == ["001"]


def test_a_file_that_somebody_puts_there_is_a_reading(
    filled: StudiesFolder, studies: Path, upload: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    shelf = studies / "labels" / "annotators" / "bob" / "2"
    shelf.mkdir(parents=True)
    (shelf / "001.json").write_text(label_text(Sella=(4, 4)))
    (shelf / "elsewhere.mrk.json").write_text(label_text(Sella=(4, 4)))
    (shelf / "notes.txt").write_text("no label")
    for folder in (shelf.parent / "second", shelf.parent / "0", studies / "labels" / "annotators" / ".hidden" / "1"):
        folder.mkdir(parents=True)
        (folder / "001.mrk.json").write_text(label_text(Sella=(5, 5)))
    assert told(filled.annotations("001")) == [("ada", 1, 1.0), ("bob", 2, 4.0)]
    assert filled.annotation("001", "bob", 2).info == {"annotator": "bob", "reading": 2}
    assert filled.annotated() == {"001": [("ada", 1), ("bob", 2)]}
    assert filled.list_images() == ["001", "002"]
    (shelf / "001.json").write_text("damaged since")
    assert told(filled.annotations("001")) == [("ada", 1, 1.0)]
    assert "Left out the reading of '001' by 'bob' (reading 2): The label is not a JSON file" in caplog.text
    with pytest.raises(ClientError, match="not a JSON file"):
        filled.annotation("001", "bob", 2)


def test_removing_the_label_leaves_the_readings_of_others(filled: StudiesFolder, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    filled.save_label("001", upload(Sella=(2, 2)), "final", {"client_id": "bob"})
    filled.remove_label("001", "final")
    assert told(filled.annotations("001")) == [("ada", 1, 1.0)]
    assert filled.get_labeled_images() == []
    filled.save_label("001", upload(Sella=(3, 2)), "final", {"client_id": "bob"})
    assert told(filled.annotations("001")) == [("ada", 1, 1.0), ("bob", 1, 3.0)]


def test_removing_the_image_removes_all(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    for image in ("001", "002"):
        filled.save_label(image, upload(Sella=(1, 2)), "final", {"client_id": "ada"})
        filled.save_label(image, upload(Sella=(2, 2)), "final", {"client_id": "bob", "reading": 2})
    filled.remove_image("001")
    assert filled.annotated() == {"002": [("ada", 1), ("bob", 2)]}
    left = {str(Path(name).relative_to(studies)) for name in contents(studies)}
    assert left == {
        "002.png",
        "labels/final/002.mrk.json",
        "labels/annotators/ada/1/002.mrk.json",
        "labels/annotators/bob/2/002.mrk.json",
    }


def test_an_image_with_readings_is_not_replaced(
    filled: StudiesFolder, studies: Path, tmp_path: Path, upload: Upload
) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    filled.save_label("001", upload(Sella=(2, 2)), "final", {"client_id": "bob"})
    filled.remove_label("001", "final")
    (studies / "001.png").unlink()
    filled.refresh()
    with pytest.raises(ConflictError):
        filled.add_image("001", write_image(tmp_path / "other.png", 9), {})


def _submit(studies: Path, annotator: str, label: Path) -> None:
    store = StudiesFolder(studies, SETS)
    for image in ("001", "002"):
        for _ in range(10):
            store.save_label(image, label, "final", {"annotator": annotator})


def test_two_processes_lose_nothing(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    context = multiprocessing.get_context("fork")
    labels = {name: upload(name=f"{name}.json", Sella=(x, 2)) for name, x in (("ada", 1), ("bob", 2), ("cy", 3))}
    workers = [context.Process(target=_submit, args=(studies, name, path)) for name, path in labels.items()]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    for image in ("001", "002"):
        assert told(filled.annotations(image)) == [("ada", 1, 1.0), ("bob", 1, 2.0), ("cy", 1, 3.0)]
        assert all("checksum" in reading.info for reading in filled.annotations(image))


def test_what_monai_label_writes_loses_no_reading(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    from monailabel.datastore.local import LocalDatastoreModel

    filled.save_label("001", upload(Sella=(1, 2)), "final", {"client_id": "ada"})
    path = studies / "datastore_v2.json"
    path.write_text(LocalDatastoreModel.model_validate_json(path.read_text()).model_dump_json())
    store = StudiesFolder(studies, SETS)
    assert told(store.annotations("001")) == [("ada", 1, 1.0)]

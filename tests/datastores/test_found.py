"""What the folder holds already: labels dropped by hand, a folder of stock MONAI Label, a damaged index."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from monailabel_app.datastores.local import StudiesFolder
from tests.datastores.conftest import SETS, WIDTH, label_text, write_image

Upload = Callable[..., Path]


def drop(studies: Path, name: str, text: str, tag: str = "final") -> Path:
    path = studies / "labels" / tag / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_labels_dropped_by_hand_are_noted_as_they_are(studies: Path) -> None:
    for image_id in ("a", "b", "c"):
        write_image(studies / f"{image_id}.png")
    drop(studies, "a.mrk.json", label_text(Sella=(1, 1)))
    drop(studies, "a.json", label_text(Sella=(2, 2)))
    by_hand = drop(studies, "b.json", label_text(Wrist=(3, 3)))
    drop(studies, "c.mrk.json", label_text(Nasion=(1, 1)), "original")
    drop(studies, "nobody.mrk.json", label_text(Sella=(1, 1)))
    before = by_hand.read_bytes()
    store = StudiesFolder(studies, SETS)
    assert store.get_labeled_images() == ["a", "b"]
    assert store.landmarks("a")["Sella"].x == pytest.approx(1)
    assert store.get_label_info("b", "final")["landmark_set"] == "hand"
    assert store.get_labels_by_image_id("c") == {"original": "c"}
    assert by_hand.read_bytes() == before


def test_a_submitted_label_replaces_the_dropped_one(studies: Path, upload: Upload) -> None:
    write_image(studies / "a.png")
    dropped = drop(studies, "a.json", label_text(Sella=(2, 2)))
    store = StudiesFolder(studies, SETS)
    store.save_label("a", upload(Sella=(5, 5)), "final", {})
    assert not dropped.exists()
    assert store.landmarks("a")["Sella"].x == pytest.approx(5)
    store.remove_label("a", "final")
    store.refresh()
    assert store.get_labeled_images() == []


def test_a_bad_label_is_told_once_left_alone_and_read_again_when_it_changes(
    studies: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(studies / "a.png")
    bad = drop(studies, "a.mrk.json", label_text(Sella=(WIDTH + 5, 1)))
    store = StudiesFolder(studies, SETS)
    with monkeypatch.context() as patch:
        patch.setattr("monailabel_app.datastores.looking.read_header", None)  # the next looks do not read it again
        store.refresh()
        store.refresh()
    (record,) = caplog.records
    assert record.message.startswith(
        "Ignored the label labels/final/a.mrk.json: Landmark 'Sella' at (65.0, 1.0) lies outside"
    )
    assert bad.exists()
    assert store.get_labeled_images() == []
    bad.write_text(label_text(Sella=(5, 1)))
    store.refresh()
    assert store.get_labeled_images() == ["a"]


def test_a_folder_of_stock_monai_label_keeps_working(studies: Path, upload: Upload) -> None:
    for image_id in ("001", "002", "003"):
        write_image(studies / f"{image_id}.png")
    mask = drop(studies, "001.nii.gz", "a mask")
    drop(studies, "002.json", json.dumps({"markups": [{"type": "ROI", "controlPoints": []}]}))
    drop(studies, "003.json", label_text(Sella=(1, 1)))
    drop(studies, "001.nii.gz", "a mask", "version-1")

    def entry(name: str, extension: str, **info: object) -> dict[str, object]:
        return {"ext": extension, "info": {"ts": 1700000000, "name": name, **info}}

    stock = {
        "name": "new-dataset",
        "description": "New Dataset",
        "images_dir": ".",
        "labels_dir": "labels",
        "objects": {
            "001": {
                "image": entry("001.png", ".png", strategy={"random": {"ts": 1, "client_id": "x"}}, score=0.5),
                "labels": {"final": entry("001.nii.gz", ".nii.gz"), "version-1": entry("001.nii.gz", ".nii.gz")},
            },
            "002": {"image": entry("002.png", ".png"), "labels": {"final": entry("002.json", ".json")}},
            "003": {
                "image": entry("003.png", ".png"),
                "labels": {"final": entry("003.json", ".json", params={"label_names": {"Sella": 0}})},
            },
            "gone": {"image": entry("gone.png", ".png"), "labels": {}},
        },
    }
    (studies / "datastore_v2.json").write_text(json.dumps(stock, indent=2))
    store = StudiesFolder(studies, SETS)
    assert store.list_images() == ["001", "002", "003"]
    assert store.get_labeled_images() == ["003"]  # neither the mask nor the empty list that stock Slicer submits
    assert store.notes("001")["score"] == 0.5
    assert store.get_label_info("003", "final")["params"] == {"label_names": {"Sella": 0}}
    store.save_label("002", upload(Sella=(1, 1)), "final", {})
    content = json.loads((studies / "datastore_v2.json").read_text())
    assert content["objects"]["001"]["labels"] == stock["objects"]["001"]["labels"]  # type: ignore[index]
    assert "gone" in content["objects"]
    assert mask.exists()


def test_the_index_file_leads_nowhere_else(studies: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "secret.png")
    write_image(studies / "a.png")
    objects = {
        "x": {"image": {"ext": ".png", "info": {"file": "../secret.png"}}},
        "../secret": {"image": {"ext": ".png", "info": {}}},
        "../../evil": {"image": {"ext": ".png", "info": {"file": "a.png"}}},
    }
    content = {"name": "n", "description": "d", "objects": objects}
    (studies / "datastore_v2.json").write_text(json.dumps(content))
    store = StudiesFolder(studies, SETS)
    assert store.list_images() == []
    assert [store.get_image_uri(image_id) for image_id in objects] == ["", "", ""]


def test_a_damaged_index_costs_no_label(studies: Path, upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    write_image(studies / "sub" / "a.png")
    store = StudiesFolder(studies, SETS)
    store.save_label("sub__a", upload(Sella=(5, 5)), "final", {})
    index = studies / "datastore_v2.json"
    index.write_text(index.read_text()[:100])
    with caplog.at_level(logging.ERROR):
        assert store.get_labeled_images() == ["sub__a"] or store.refresh() is None
    assert store.get_labeled_images() == ["sub__a"]
    assert StudiesFolder(studies, SETS).landmarks("sub__a")["Sella"].x == pytest.approx(5)
    assert len([record for record in caplog.records if "was damaged" in record.message]) == 1
    assert len(list(studies.glob("*.bad"))) == 1

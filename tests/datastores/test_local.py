import hashlib
import json
import multiprocessing
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.landmarks import Landmark, Landmarks, State
from lib.radiographs import PixelSpacing, SpacingSource
from monailabel_app.datastores.local import StudiesFolder
from monailabel_app.errors import ClientError, ConflictError, NotFoundError, StudiesError
from tests.datastores.conftest import HAND, HEAD, HEIGHT, SETS, WIDTH, label_text, write_image
from tests.datastores.test_rules import TRAVERSALS

Upload = Callable[..., Path]
SPACING = {"x": 0.2, "y": 0.1, "source": "user"}


def contents(folder: Path) -> dict[str, bytes]:
    """All that lies below a folder, the index and its lock aside."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if path.name not in ("datastore_v2.json", ".lock")}


@pytest.fixture
def filled(store: StudiesFolder, studies: Path) -> StudiesFolder:
    """Images 001 and 002 with spacing unknown, none of them labelled."""
    write_image(studies / "001.png", 1)
    write_image(studies / "sub" / "002.png", 2)
    store.refresh()
    return store


def test_a_label_is_stored_as_this_app_writes_labels(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    path = upload(Menton=(30, 20.5), sella=(10, 5), name="tmp9.seg.nrrd")
    assert filled.save_label("sub__002", path, "final", {"model": "farnet_head", "client_id": "ada"}) == "sub__002"
    stored = studies / "labels" / "final" / "sub__002.mrk.json"
    document = json.loads(stored.read_text())
    assert [point["label"] for point in document["markups"][0]["controlPoints"]] == ["Sella", "Nasion", "Menton"]
    info = filled.get_label_info("sub__002", "final")
    assert info.pop("ts") > 1_700_000_000
    assert info == {
        "model": "farnet_head",
        "client_id": "ada",
        "landmark_set": "head",
        "name": "sub__002.mrk.json",
        "checksum": "SHA256:" + hashlib.sha256(stored.read_bytes()).hexdigest(),
        "provenance": {"Sella": {"origin": "placed"}, "Menton": {"origin": "placed"}},
    }
    landmarks = filled.landmarks("sub__002")
    assert landmarks.names == HEAD.names
    assert landmarks["Nasion"].state is State.UNDEFINED
    np.testing.assert_allclose(landmarks.points()[[0, 2]], [[10, 5], [30, 20.5]])


def test_what_the_readers_answer(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 2)), "final", {})
    filled.save_label("001", upload(Sella=(3, 4)), "original", {})
    assert filled.list_images() == ["001", "sub__002"]
    assert filled.get_labeled_images() == ["001"]
    assert filled.get_unlabeled_images("original", ["Sella"]) == ["sub__002"]
    assert filled.status() == {"total": 2, "completed": 1, "label_tags": {"final": 1, "original": 1}}
    assert filled.get_labels_by_image_id("001") == {"final": "001", "original": "001"}
    assert filled.get_label_by_image_id("sub__002", "final") == ""
    assert filled.get_label_by_image_id("001", "original") == "001"
    label = studies / "labels" / "final" / "001.mrk.json"
    assert filled.get_label_uri("001", "final") == str(label)
    stream = filled.get_label("001", "final")
    assert stream is not None
    assert stream.read() == label.read_bytes()
    assert filled.get_label("sub__002", "final") is None
    assert filled.get_label_info("sub__002", "final") == {}
    image = filled.get_image("sub__002")
    assert image is not None
    assert image.read() == (studies / "sub" / "002.png").read_bytes()
    assert filled.datalist() == [{"image": str(studies / "001.png"), "label": str(label)}]
    assert filled.datalist(full_path=False) == [{"image": "001.png", "label": "labels/final/001.mrk.json"}]
    assert filled.landmarks("001", "original")["Sella"].x == pytest.approx(3)
    objects = filled.json()["objects"]
    assert objects["001"]["labels"].keys() == {"final", "original"}
    assert objects["sub__002"]["image"]["info"]["file"] == "sub/002.png"


def test_unknown_images_and_labels(filled: StudiesFolder, upload: Upload) -> None:
    assert filled.get_image_uri("x") == ""
    assert filled.get_image("x") is None
    for call in (
        lambda: filled.get_image_info("x"),
        lambda: filled.header("x"),
        lambda: filled.notes("x"),
        lambda: filled.update_image_info("x", {}),
        lambda: filled.remove_image("x"),
        lambda: filled.save_label("x", upload(Sella=(1, 1)), "final", {}),
    ):
        with pytest.raises(NotFoundError, match="There is no image 'x' among the studies") as absent:
            call()
        assert absent.value.status_code == 404
    for call in (
        lambda: filled.landmarks("001"),
        lambda: filled.remove_label("001", "final"),
        lambda: filled.update_label_info("001", "final", {}),
    ):
        with pytest.raises(NotFoundError, match="The image '001' has no final label"):
            call()


@pytest.mark.parametrize(
    ("content", "info", "status", "sentence"),
    [
        (b"\x89PNG", {}, 422, "not a JSON file"),
        ('{"markups":[{"type":"ROI","controlPoints":[]}]}', {"model": "farnet_head"}, 422, "module 'FARNetLandmarks"),
        ('{"markups":[]}', {}, 422, "FARNetLandmarks for 3D Slicer"),
        (label_text(Sella=(1, 1), Wrist=(1, 1)), {}, 422, "Unknown landmark 'Wrist': not in any set of this server"),
        (label_text(Porion=(1, 1)), {"model": "farnet_hand"}, 422, "Unknown landmark 'Porion': not in the set 'hand'"),
        (label_text(Sella=(1, 1)), {"model": "farnet_hand"}, 422, "Unknown landmark 'Sella'"),
        (label_text(Sella=(WIDTH, 1)), {}, 422, r"'Sella' at \(60\.0, 1\.0\) lies outside the image of 60 x 40"),
        (label_text(Sella=(1, 1)), {"x": float("nan")}, 422, "cannot be stored as JSON"),
        (label_text(Sella=(1, 1)), [], 422, "not a JSON object"),
        (label_text(Sella=(1, 1)), {"x": "y" * 300_000}, 413, "Parameters have 300 kB"),
        (b" " * 5_000_001, {}, 413, r"The file has 5\.0 MB; at most 5 MB are stored"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_trace(
    content: Any, info: Any, status: int, sentence: str, filled: StudiesFolder, studies: Path, upload: Upload
) -> None:
    filled.save_label("001", upload(Sella=(5, 5)), "final", {})
    before, index = contents(studies), filled.json()
    with pytest.raises(ClientError, match=sentence) as refusal:
        filled.save_label("001", upload(content), "final", info)
    assert refusal.value.status_code == status
    assert contents(studies) == before
    assert filled.json() == index


def test_a_label_that_two_sets_fit_needs_its_model(studies: Path, upload: Upload) -> None:
    small = HEAD.model_copy(update={"name": "small", "landmarks": HEAD.landmarks[:1]})
    store = StudiesFolder(studies, {**SETS, "small": small})
    store.add_image("a", write_image(studies.parent / "a.png"), {})
    with pytest.raises(ClientError, match="fits the landmark sets head, small: send the 'model' it is for"):
        store.save_label("a", upload(Sella=(1, 1)), "final", {})
    store.save_label("a", upload(Sella=(1, 1)), "final", {"model": "small"})
    assert store.landmarks("a").names == ("Sella",)


def test_the_model_that_predicted_the_points_tells_the_set(studies: Path, tmp_path: Path) -> None:
    small = HEAD.model_copy(update={"name": "small", "landmarks": HEAD.landmarks[:1]})
    store = StudiesFolder(studies, {**SETS, "small": small})
    store.add_image("a", write_image(studies.parent / "a.png"), {})
    point = {"label": "Sella", "position": [1, 1, 0], "description": "predicted=1.0000 3.0000, model=small 7-ab"}
    path = tmp_path / "label.json"
    path.write_text(json.dumps({"markups": [{"type": "Fiducial", "controlPoints": [point]}]}))
    store.save_label("a", path, "final", {})
    assert store.landmarks("a").names == ("Sella",)
    told = {"origin": "moved", "model": "small 7-ab", "moved_px": 2.0}
    assert store.get_label_info("a", "final")["provenance"] == {"Sella": told}


@pytest.mark.parametrize("odd", TRAVERSALS)
def test_nothing_is_ever_written_outside(odd: str, filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    before = contents(studies.parent)
    image = write_image(studies.parent / "uploads" / "x.png")
    label = upload(Sella=(1, 1))
    before |= contents(studies.parent / "uploads")
    calls: list[Callable[[], Any]] = [
        lambda: filled.save_label("001", label, odd, {}),
        lambda: filled.save_label(odd, label, "final", {}),
        lambda: filled.get_label_uri("001", odd),
        lambda: filled.remove_label("001", odd),
        lambda: filled.update_label_info("001", odd, {}),
        lambda: filled.remove_image(odd),
    ]
    if odd:  # no id at all means the file's name
        calls.append(lambda: filled.add_image(odd, image, {}))
    for call in calls:
        with pytest.raises(StudiesError) as refusal:
            call()
        assert refusal.value.status_code in (404, 422)
    assert filled.get_image_uri(odd) == ""
    assert contents(studies.parent) == before


@pytest.mark.parametrize("name", ["x.py", "x.json", "datastore_v2.json", "x", "x.mrk.json", ".png"])
def test_only_radiographs_are_stored(name: str, filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    before = contents(studies)
    with pytest.raises(StudiesError, match=r"A file .* is not a radiograph: use \.nii\.gz"):
        filled.add_image("x", upload(b"print()", name=name), {})
    with pytest.raises(StudiesError, match=r"x\.png") as damaged:  # the id, not the name of the temporary file
        filled.add_image("x", upload(b"print()", name="tmp1a2b.png"), {})
    assert "tmp1a2b" not in str(damaged.value)
    assert contents(studies) == before


def test_add_image(store: StudiesFolder, studies: Path, tmp_path: Path) -> None:
    source = write_image(tmp_path / "tmp1.v2.PNG")
    assert store.add_image("Bild 1", source, {"client_id": "ada", "file": "../x"}) == "Bild 1"
    assert store.list_images() == ["Bild 1"]
    assert (studies / "Bild 1.PNG").read_bytes() == source.read_bytes()
    notes = store.notes("Bild 1")
    assert (notes["client_id"], notes["file"], notes["name"]) == ("ada", "Bild 1.PNG", "Bild 1.PNG")
    assert store.add_image(None, source, None) == "tmp1.v2"
    with pytest.raises(NotFoundError, match=r"There is no file 'no\.png' to store"):
        store.add_image("no", tmp_path / "no.png", {})


def test_an_image_is_never_overwritten(store: StudiesFolder, studies: Path, tmp_path: Path, upload: Upload) -> None:
    first, second = write_image(tmp_path / "1.png", 1), write_image(tmp_path / "2.png", 2)
    store.add_image("a", second, {"score": 1})
    with pytest.raises(ConflictError, match="another image 'a': choose another name") as conflict:
        store.add_image("a", first, {})  # without any label too: somebody has put it there
    assert conflict.value.status_code == 409
    assert store.notes("a")["score"] == 1
    store.save_label("a", upload(Sella=(1, 1)), "final", {})
    store.update_image_info("a", {"pixel_spacing": SPACING})
    with pytest.raises(ConflictError):
        store.add_image("a", first, {})
    store.add_image("a", second, {"again": True})  # the same content: nothing is lost
    assert store.notes("a")["again"] is True
    assert store.notes("a")["pixel_spacing"] == SPACING
    assert store.get_labeled_images() == ["a"]
    (studies / "a.png").unlink()  # also when the file is gone for now
    store.refresh()
    assert store.list_images() == []
    with pytest.raises(ConflictError):
        store.add_image("a", first, {})
    store.add_image("a", second, {})
    assert store.landmarks("a")["Sella"].x == pytest.approx(1)


def test_an_image_never_takes_the_file_of_another(store: StudiesFolder, studies: Path, tmp_path: Path) -> None:
    write_image(studies / "same.png", 1)
    jpg = write_image(studies / "same.jpg", 2)
    before = jpg.read_bytes()
    store.refresh()
    assert store.list_images() == ["same", "same.png"]  # "same" is the jpg
    for name in ("x.png", "x.bmp"):
        with pytest.raises(ConflictError, match="There is another image 'same'"):
            store.add_image("same", write_image(tmp_path / name, 3), {})
    assert jpg.read_bytes() == before
    jpg.unlink()
    with pytest.raises(ConflictError, match=r"There is another file 'same\.png' among the studies"):
        store.add_image("same", write_image(tmp_path / "x.png", 3), {})
    store.add_image("same", write_image(tmp_path / "x.bmp", 3), {})  # the old one is gone and had no labels
    assert store.get_image_uri("same") == str(studies / "same.bmp")


def test_remove_image_and_label(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    for tag in ("final", "original"):
        filled.save_label("001", upload(Sella=(1, 1)), tag, {})
        filled.save_label("sub__002", upload(Sella=(1, 1)), tag, {})
    (studies / "labels" / "final" / "001.nii.gz").write_bytes(b"mask of another app")
    filled.remove_label("001", "original")
    assert filled.get_labels_by_image_id("001") == {"final": "001"}
    assert not (studies / "labels" / "original" / "001.mrk.json").exists()
    filled.remove_image("001")
    filled.refresh()
    assert filled.list_images() == ["sub__002"]
    assert len(filled.datalist()) == 1
    left = {str(Path(name).relative_to(studies)) for name in contents(studies)}
    assert left == {
        "sub/002.png",
        "labels/final/sub__002.mrk.json",
        "labels/original/sub__002.mrk.json",
        "labels/annotators/unnamed/1/sub__002.mrk.json",
        "labels/final/001.nii.gz",
    }


def test_a_label_whose_file_is_gone_does_not_count(filled: StudiesFolder, upload: Upload) -> None:
    filled.save_label("001", upload(Sella=(1, 1)), "final", {})
    Path(filled.get_label_uri("001", "final")).unlink()
    assert filled.datalist() == []
    assert filled.get_labeled_images() == []
    assert filled.get_label_uri("001", "final") == ""
    assert filled.json()["objects"]["001"]["labels"] == {}


def test_what_stock_slicer_is_told_about_an_image(filled: StudiesFolder, studies: Path) -> None:
    filled.note("001", strategy={"random": {"ts": 1}})
    filled.update_image_info("001", {"strategy": {}, "path": "/etc", "name": "x", "checksum": "y"})
    info = filled.get_image_info("001")
    digest = hashlib.sha256((studies / "001.png").read_bytes()).hexdigest()
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:12])
    assert info.pop("ts") > 1_700_000_000
    assert info == {
        "name": f"001-{letters}.png",
        "checksum": f"SHA256:{digest}",
        "PatientID": "001",
        "strategy": {"random": {"ts": 1}},
    }
    write_image(studies / "001.png", 77)
    assert filled.get_image_info("001")["checksum"] != info["checksum"]


def test_a_checksum_is_computed_once(filled: StudiesFolder, studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = filled.get_image_info("001")
    second = filled.get_image_info("sub__002")
    filled.update_image_info("001", {"strategy": {}})  # what MONAI Label does next

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr("monailabel_app.datastores.checksums.checksum_of", refuse)
    assert filled.get_image_info("001")["checksum"] == first["checksum"]
    assert filled.get_image_info("sub__002") == second
    assert StudiesFolder(studies, SETS).get_image_info("001")["checksum"] == first["checksum"]


def test_pixel_spacing_of_the_user_wins(filled: StudiesFolder) -> None:
    assert filled.pixel_spacing("001") == PixelSpacing.unknown()
    filled.update_image_info("001", {"pixel_spacing": SPACING})
    assert filled.pixel_spacing("001") == PixelSpacing(0.2, 0.1, SpacingSource.USER)
    header = filled.header("001")
    assert (header.height, header.width, header.pixel_spacing.x) == (HEIGHT, WIDTH, 0.2)
    for odd in ({"x": 0.2}, {"x": -1, "y": 1, "source": "user"}, 0.2, {"x": 1, "y": 1, "source": "me"}):
        with pytest.raises(StudiesError, match="pixel spacing"):
            filled.update_image_info("001", {"pixel_spacing": odd})
    assert filled.pixel_spacing("001").known
    filled.update_image_info("001", {"pixel_spacing": None})
    assert filled.pixel_spacing("001") == PixelSpacing.unknown()


def test_infos_are_merged_and_the_servers_keys_stay(filled: StudiesFolder, upload: Upload) -> None:
    filled.save_label(
        "001", upload(Sella=(1, 1)), "original", {"model": "farnet_head", "params": {"label_names": {"Sella": 0}}}
    )
    filled.update_label_info("001", "original", {"landmark_set": "hand", "checksum": "x", "mre": 1.5})
    info = filled.get_label_info("001", "original")
    assert (info["landmark_set"], info["mre"], info["params"]) == ("head", 1.5, {"label_names": {"Sella": 0}})
    info["params"].clear()  # a copy
    assert filled.json()["objects"]["001"]["labels"]["original"]["info"]["params"]["label_names"] == {"Sella": 0}
    for number in range(4):
        filled.update_image_info("001", {f"a{number}": "x" * 60_000})
    with pytest.raises(StudiesError, match="Parameters have 300 kB"):
        filled.update_image_info("001", {"b": "x" * 60_000})


def test_names(store: StudiesFolder, studies: Path) -> None:
    store.set_name("Klinik Süd")
    store.set_description("Fernröntgen")
    other = StudiesFolder(studies, SETS)
    assert (other.name(), other.description()) == ("Klinik Süd", "Fernröntgen")
    with pytest.raises(StudiesError, match="The name is not a text of at most 1000"):
        store.set_name("x" * 1001)


def test_archive(filled: StudiesFolder, upload: Upload) -> None:
    with pytest.raises(NotFoundError, match="nothing to download yet"):
        filled.get_dataset_archive(None)
    filled.save_label("001", upload(Sella=(1, 1)), "final", {})
    filled.save_label("sub__002", upload(Sella=(1, 1)), "final", {})
    with zipfile.ZipFile(filled.get_dataset_archive(None)) as archive:
        assert sorted(archive.namelist()) == [
            "image/001.png",
            "image/sub__002.png",
            "label/001.mrk.json",
            "label/annotators/unnamed/1/001.mrk.json",
            "label/annotators/unnamed/1/sub__002.mrk.json",
            "label/sub__002.mrk.json",
            "metadata.json",
        ]
        assert json.loads(archive.read("metadata.json"))["objects"].keys() == {"001", "sub__002"}
    with zipfile.ZipFile(filled.get_dataset_archive(1)) as archive:
        assert len(archive.namelist()) == 4


def test_import_studies_in_one_go(store: StudiesFolder, studies: Path, tmp_path: Path) -> None:
    source = write_image(tmp_path / "source.png")
    points = Landmarks((Landmark("Thumb", 4, 5), Landmark("Wrist", state=State.MISSING)))
    with store.transaction():
        for number in range(20):
            store.import_study(f"h{number}", source, points, HAND, {"origin": "hand"}, {"reader": "senior"})
        assert not (studies / "datastore_v2.json").exists()
    assert store.status() == {"total": 20, "completed": 20, "label_tags": {"final": 20}}
    landmarks = store.landmarks("h7")
    assert (landmarks["Thumb"].x, landmarks["Wrist"].state) == (pytest.approx(4), State.MISSING)
    assert store.get_label_info("h7", "final")["reader"] == "senior"
    assert store.notes("h7")["origin"] == "hand"
    store.import_study("only", source)
    assert store.get_unlabeled_images() == ["only"]
    with pytest.raises(ClientError, match="Unknown landmark 'Thumb', 'Wrist': not in the set 'head'"):
        store.import_study("wrong", source, points, HEAD)
    assert not (studies / "wrong.png").exists()


def _save_many(studies: Path, label: Path, image_id: str, tag: str) -> None:
    store = StudiesFolder(studies, SETS)
    for number in range(25):
        store.save_label(image_id, label, tag, {"number": number})
        store.update_image_info(image_id, {f"{tag}{number}": number})


def test_two_writers_lose_nothing(filled: StudiesFolder, studies: Path, upload: Upload) -> None:
    """Upstream lost the label in 10 of 10 runs: a server that saves labels, a scoring process that writes scores."""
    context = multiprocessing.get_context("fork")
    jobs = [("001", "final"), ("001", "original")]
    label = upload(Sella=(1, 1))
    workers = [context.Process(target=_save_many, args=(studies, label, image_id, tag)) for image_id, tag in jobs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for image_id, tag in jobs:
        assert filled.get_label_info(image_id, tag)["number"] == 24
        assert {f"{tag}{number}" for number in range(25)} <= filled.notes(image_id).keys()
    assert filled.notes("001")["file"] == "001.png"


def test_another_process_is_seen_at_once(filled: StudiesFolder, studies: Path, tmp_path: Path, upload: Upload) -> None:
    other = StudiesFolder(studies, SETS)
    other.add_image("new", write_image(tmp_path / "x.png", 9), {})
    other.save_label("new", upload(Sella=(1, 1)), "final", {})
    assert filled.get_image_uri("new") == str(studies / "new.png")
    assert filled.landmarks("new").num_placed() == 1
    assert filled.get_labeled_images() == ["new"]

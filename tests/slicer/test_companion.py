"""The stock plugin with our companion module around it, at work with a real server: the whole round trip of points."""

import importlib
import shutil
import sys
import time

import numpy as np
import pytest
import slicer

from FARNetLandmarksLib import decisions, lists, submission
from FARNetLandmarksLib.session import ReviewSession
from FARNetLandmarksLib.stock import StockExtension
from lib.formats import parse_markups, parse_result
from lib.radiographs import read_header
from tests.running import save_phantom
from tests.slicer.asking import SAVED, labels, open_image, origins, pre_annotate, stored, told
from tests.slicer.qt_shim import application, qt
from tests.slicer.test_stock_plugin import EXACT_PX, ONE_OF_EACH, SLICE
from tests.slicer.windowless.places import distances, landmarks_in_pixels, points_in_pixels, ras_of
from tests.slicer.windowless.studies import STUDIES, leave_unlabelled, put_truth
from tests.tiny import CEPH


@pytest.fixture
def list_of_nothing(companion):
    """A landmark list without a radiograph."""
    sets = {"title": "x", "landmarks": [{"name": "Sella", "definition": "d"}]}
    return lists.new_list(slicer.mrmlScene, sets, None, "")


# --- the round trip ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ONE_OF_EACH)
def test_the_whole_round_trip(companion, session, unlabelled, image):
    """Connect, Next Sample, Run, move one, skip one, leave one out, Submit, Train, Next Sample."""
    open_image(companion, unlabelled, image)
    companion.run()
    (points,) = companion.point_lists()
    found = landmarks_in_pixels(parse_result(unlabelled.find(image)).landmarks)
    assert max(distances(points_in_pixels(points, companion.volume), found).values()) < EXACT_PX
    assert points.GetNodeReference(lists.VOLUME_ROLE) is companion.volume

    nasion = CEPH.index("Nasion")
    points.SetNthControlPointPosition(nasion, *ras_of(companion.volume, (60.25, 70.5)))  # what a drag does
    session.go("Porion")
    session.skip()
    session.go("Gonion")
    decisions.unset(points, session.row())
    session.accept_all()
    companion.submit()
    assert told(companion) == [SAVED]
    assert submission.SUBMITTED in points.GetAttributeNames()

    label = stored(unlabelled, image)
    assert str(label["Porion"].state) == "missing"
    assert str(label["Gonion"].state) == "undefined"
    np.testing.assert_allclose((label["Nasion"].x, label["Nasion"].y), (60.25, 70.5), atol=EXACT_PX)
    others = [name for name in CEPH.names if name not in ("Nasion", "Porion", "Gonion")]
    kept, there = landmarks_in_pixels(label), {name: found[name] for name in others}
    assert max(distances({name: kept[name] for name in others}, there).values()) < EXACT_PX

    table, kinds = origins(unlabelled, image)
    assert kinds == {**dict.fromkeys(others, "accepted"), "Nasion": "moved", "Porion": "skipped"}
    version = unlabelled.get("/info/")["models"]["farnet_demo"]["version"]
    assert {entry["model"] for entry in table.values()} == {f"farnet_demo {version}"}
    assert table["Nasion"]["moved_px"] == pytest.approx(
        float(np.linalg.norm(found["Nasion"] - (60.25, 70.5))), abs=0.01
    )

    companion.choose_option("train", "farnet_demo", "max_epochs", "200")
    companion.train()
    until = time.monotonic() + 60
    while not (seen := unlabelled.get("/train/")).get("details"):  # without a word of it the extension fails to stop it
        assert time.monotonic() < until, seen
        time.sleep(0.2)
    assert seen["status"] in ("SUBMITTED", "RUNNING")
    companion.stop()
    (unlabelled.app / "model" / "farnet_demo.pt").unlink(missing_ok=True)  # others want the untrained model

    unlabelled.request("DELETE", "/datastore/label", params={"id": "002", "tag": "final"})
    companion.next_sample()
    assert companion.image_id == "002"
    assert companion.volume.GetImageData().GetDimensions() == SLICE
    assert companion.point_lists() == []
    assert session.node is None


def test_the_whole_round_trip_from_our_panel(companion, unlabelled, monkeypatch):
    """The same by the buttons of the module's own panel, drawn by real Qt."""
    application()
    monkeypatch.setitem(sys.modules, "qt", qt)
    monkeypatch.delitem(sys.modules, "FARNetLandmarksLib.panel", raising=False)
    leave_unlabelled(unlabelled, "film_001")
    companion.connect(unlabelled.url)
    session = ReviewSession(slicer.mrmlScene, companion.mrml.app)
    panel = importlib.import_module("FARNetLandmarksLib.panel").LandmarkPanel(session, StockExtension())
    panel.enter()
    companion.widget.parent.isEntered = False  # the extension's own panel is behind ours
    assert panel.server.text().startswith(f"{unlabelled.url} · FARNet landmarks")
    panel.samples.next.click()
    assert companion.image_id == "film_001"
    panel.run_button.click()
    assert panel.table.rowCount() == len(CEPH)
    worst = session.current
    assert worst == panel.table.item(0, 0).text()
    assert panel.hint.text() == session.node.GetAttribute(lists.TRUST)
    assert "alibrated" in panel.hint.text()
    decisions.put(session.node, CEPH.index(worst), (60.25, 70.5))
    panel.submit_button.click()
    assert told(companion) == [SAVED]
    kinds = origins(unlabelled, "film_001")[1]
    assert kinds == {**dict.fromkeys(CEPH.names, "accepted"), worst: "moved"}
    assert panel.count.text() == "All 19 landmarks are decided"

    unlabelled.request("DELETE", "/datastore/label", params={"id": "film_002", "tag": "final"})
    pre_annotate(unlabelled, "film_002")
    panel.samples.next.click()
    assert companion.image_id == "film_002"
    assert companion.widget._parameterNode is not None
    assert panel.table.rowCount() == len(CEPH)  # with what a model has predicted before
    assert panel.run_button.isEnabled()
    panel.submit_button.click()
    assert told(companion)[-1] == SAVED
    assert set(origins(unlabelled, "film_002")[1].values()) == {"accepted"}
    panel.close()
    session.close()


def test_what_the_server_refuses_is_told_and_nothing_is_lost(companion, unlabelled):
    open_image(companion, unlabelled, "001")
    companion.run()
    (points,) = companion.point_lists()
    points.SetNthControlPointPosition(0, *ras_of(companion.volume, (-50.0, 20.0)))
    companion.submit()
    ((kind, text),) = told(companion)
    assert kind == "error"
    assert "Landmark 'Sella' at (-50.0, 20.0) lies outside the image" in text
    assert labels(unlabelled, "001") == {}
    assert points.GetAttribute(submission.SUBMITTED) is None
    points.SetNthControlPointPosition(0, *ras_of(companion.volume, (50.0, 20.0)))
    companion.submit()
    assert told(companion)[1:] == [SAVED]


def test_a_list_without_any_place_is_not_sent(companion, unlabelled):
    open_image(companion, unlabelled, "001")
    companion.run()
    companion.point_lists()[0].UnsetAllControlPoints()
    companion.submit()
    ((kind, text),) = told(companion)
    assert (kind, "No landmark is placed: place at least one point before submitting." in text) == ("error", True)
    assert labels(unlabelled, "001") == {}


def test_boxes_still_work(companion, unlabelled):
    open_image(companion, unlabelled, "001")
    companion.choose_option("infer", "farnet_demo", "result_type", "boxes")
    companion.run()
    assert len(companion.boxes()) == len(CEPH)
    companion.submit()
    assert told(companion) == [SAVED]
    assert stored(unlabelled, "001").num_placed() == len(CEPH)


# --- without a model, and with a radiograph of one's own ---------------------------------------------------------


def test_the_first_radiographs_are_annotated_without_a_model(companion, session, unlabelled):
    weights = unlabelled.app / "model" / "pretrained_farnet_demo.pt"
    aside = weights.with_suffix(".aside")
    shutil.move(weights, aside)
    try:
        open_image(companion, unlabelled, "001")
        assert companion.widget.ui.segmentationModelSelector.items == []
        extension = StockExtension()
        assert list(extension.landmark_sets()) == ["farnet_demo"]
        node = extension.empty_list("farnet_demo")
        assert [row.name for row in session.rows()] == list(CEPH.names)
        decisions.put(node, 0, (33.5, 44.25))
        assert extension.submit(node)
    finally:
        shutil.move(aside, weights)
    assert told(companion) == [("info", "Landmarks saved into MONAI Label Server")]
    label = stored(unlabelled, "001")
    np.testing.assert_allclose((label["Sella"].x, label["Sella"].y), (33.5, 44.25), atol=EXACT_PX)
    assert origins(unlabelled, "001")[1] == {"Sella": "placed"}


def test_a_radiograph_of_ones_own(companion, unlabelled, tmp_path):
    """Opened with Add Data: the plugin uploads it, predicts in a session, and submits under the volume's name."""
    save_phantom(tmp_path / "my own.dcm", 77)
    companion.connect(unlabelled.url)
    volume = slicer.util.loadVolume(str(tmp_path / "my own.dcm"))
    assert companion.volume is volume
    companion.run()
    (points,) = companion.point_lists()
    points.SetNthControlPointPosition(0, *ras_of(volume, (50.0, 20.0)))
    companion.submit()
    assert told(companion)[-1] == SAVED
    name = volume.GetName()
    try:
        content = unlabelled.request("GET", "/datastore/label", params={"label": name, "tag": "final"}).content
        label = parse_markups(content, CEPH, read_header(unlabelled.studies / f"{name}.nii.gz"))
        np.testing.assert_allclose((label["Sella"].x, label["Sella"].y), (50.0, 20.0), atol=1e-4)
        assert label.num_placed() == len(CEPH)
    finally:
        unlabelled.request("DELETE", "/datastore/image", params={"id": name})


def test_a_radiograph_of_a_name_that_the_server_has_replaces_nothing(companion, unlabelled, tmp_path):
    """Regression: the upload took the place of the study, whatever became of the label."""
    studies = {path: path.read_bytes() for path in unlabelled.studies.rglob("*.*") if path.suffix in (".png", ".gz")}
    save_phantom(tmp_path / "002.dcm", 78)
    companion.connect(unlabelled.url)
    slicer.util.loadVolume(str(tmp_path / "002.dcm"))
    companion.run()
    companion.submit()
    kind, text = told(companion)[-1]
    assert (kind, "There is another image '002': choose another name for this one." in text) == ("error", True)
    assert {path: path.read_bytes() for path in studies} == studies
    assert not (unlabelled.studies / "002.nii.gz").exists()
    assert len(companion.point_lists()) == 1


def test_a_list_of_no_radiograph_is_not_sent(companion, list_of_nothing):
    extension = StockExtension()
    assert companion.widget.current_sample is None
    assert not extension.submit(list_of_nothing)
    assert "these landmarks belong to no radiograph of the server; open one with Next sample." in told(companion)[0][1]


def test_segments_stay_segments(companion, unlabelled, tmp_path, monkeypatch):
    """Another app's model beside ours: what it segments is submitted as it is, whatever points there are."""
    open_image(companion, unlabelled, "001")
    companion.run()
    sent = []
    monkeypatch.setattr(
        companion.plugin.MONAILabelClient, "save_label", lambda _, *sample, **more: sent.append(sample[1])
    )
    companion.widget.models["spleen"] = {"type": "segmentation", "description": "", "labels": {}}
    companion.widget.ui.segmentationModelSelector.addItem("spleen")
    companion.widget.ui.segmentationModelSelector.setCurrentText("spleen")
    companion.widget.logic.save_label("001", str(tmp_path / "spleen.nii.gz"), {})
    assert sent == [str(tmp_path / "spleen.nii.gz")]
    StockExtension().submit(companion.point_lists()[0])  # our own panel means the landmarks
    assert sent[1].endswith(".mrk.json")


@pytest.mark.parametrize("give_up", [True, False])
def test_boxes_after_points_replace_them(companion, unlabelled, give_up):
    """Regression: the older points were submitted in place of the boxes that the annotator had dragged."""
    open_image(companion, unlabelled, "001")
    companion.run()
    companion.point_lists()[0].SetNthControlPointPosition(0, *ras_of(companion.volume, (50.0, 20.0)))
    companion.choose_option("infer", "farnet_demo", "result_type", "boxes")
    companion.dialogs.yes = give_up
    companion.run()
    assert "Give that up for the boxes?" in told(companion)[0][1]
    assert (len(companion.point_lists()), len(companion.boxes())) == ((0, len(CEPH)) if give_up else (1, 0))
    if give_up:
        box = next(box for box in companion.boxes() if box.GetNthControlPointLabel(0) == "Nasion")
        box.SetCenter(ras_of(companion.volume, (60.25, 70.5)))
    companion.submit()
    moved = [name for name, kind in origins(unlabelled, "001")[1].items() if kind == "moved"]
    assert moved == (["Nasion"] if give_up else ["Sella"])


def test_a_scene_of_another_day_is_submitted(companion, session, unlabelled, tmp_path):
    """Saved, Slicer closed, opened again: the list knows its radiograph, and the extension would upload it anew."""
    open_image(companion, unlabelled, "film_001")
    companion.run()
    decisions.put(companion.point_lists()[0], 0, (50.0, 20.0))
    session.go("Porion")
    session.skip()
    scene, bundle = slicer.mrmlScene, tmp_path / "day one"
    bundle.mkdir()
    assert scene.SaveSceneToSlicerDataBundleDirectory(str(bundle), None)
    scene.Clear(0)
    scene.SetURL(str(next(bundle.rglob("*.mrml"))))
    assert scene.Import()
    assert [row.status_text() for row in session.rows() if row.name == "Porion"] == ["skipped"]
    (points,) = companion.point_lists()
    companion.dialogs.ok = False
    assert not StockExtension().submit(points)
    assert told(companion)[-1][1] == f"Submit these landmarks for the radiograph 'film_001' of {unlabelled.url}?"
    assert labels(unlabelled, "film_001") == {}
    companion.dialogs.ok = True
    assert StockExtension().submit(points), told(companion)
    assert told(companion)[-1][0] == "info"
    kinds = origins(unlabelled, "film_001")[1]
    assert (kinds["Sella"], kinds["Porion"], kinds["Nasion"]) == ("moved", "skipped", "accepted")


# --- which radiograph next ---------------------------------------------------------------------------------------


@pytest.fixture
def undecided(unlabelled):
    """The server, and at the test's end nothing is set aside any more."""
    yield unlabelled
    for image in STUDIES:
        asked = {"params": {"image": image}, "json": {"decision": "none"}}
        assert unlabelled.request("PUT", "/activelearning/decision", **asked).status_code == 200


def test_setting_aside_goes_through_the_extensions_own_client(companion, undecided):
    extension = StockExtension()
    companion.connect(undecided.url)
    assert (extension.image, extension.said_of_sample) == ("", "")
    assert extension.strategy.startswith("random: ")
    companion.next_sample("first")
    first = extension.image
    assert first == companion.image_id
    of_names, again = "In the order of their names.", "It was handed out a while ago, and nothing else is left."
    assert extension.said_of_sample in (of_names, again)  # other tests of this server may have been handed all
    assert extension.decide(first, "reject", "unscharf, verdreht – 不清楚") == ""
    companion.next_sample("first")
    second = extension.image
    assert second != first
    assert extension.decide(second, "defer", "") == ""
    seen = undecided.get("/activelearning/")
    assert seen["rejected"][first]["reason"] == "unscharf, verdreht – 不清楚"
    assert seen["rejected"][first]["by"] == companion.widget.logic.client_id
    assert seen["deferred"] == [second]
    assert {kind for kind, _ in told(companion)} == {"question"}  # of the scene that is closed
    assert extension.decide(first, "none", "") == ""
    assert first not in undecided.get("/activelearning/")["rejected"]


def test_the_servers_refusal_of_setting_aside_is_a_sentence(companion, undecided):
    companion.connect(undecided.url)
    companion.next_sample("first")
    refused = StockExtension().decide(companion.image_id, "reject", " ")
    assert refused == "The radiograph was not set aside: Say why the radiograph is rejected: 'reason' is empty."
    companion.connect("http://127.0.0.1:9")
    assert StockExtension().decide("001", "defer", "").startswith("The radiograph was not set aside: ")


def test_a_clean_end(companion, unlabelled, capfd):
    put_truth(unlabelled, *STUDIES)
    companion.connect(unlabelled.url)
    companion.next_sample("hybrid")
    assert [kind for kind, _ in told(companion)] == ["warning"]
    message = unlabelled.request("POST", "/activelearning/hybrid").json()["message"]
    assert StockExtension().said_of_sample == message
    assert StockExtension().image == ""
    assert "Traceback" not in "".join(capfd.readouterr())

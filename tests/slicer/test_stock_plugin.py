"""The MONAI Label plugin as its users have it, without our companion module, at work with a real server."""

import sys
import time

import numpy as np
import pytest
import slicer

from lib.datasets.phantoms import make_phantom
from lib.formats import parse_markups, parse_result
from lib.radiographs import read_header
from tests.running import save_phantom
from tests.slicer.asking import labels, open_image
from tests.slicer.windowless import stock_plugin
from tests.slicer.windowless.places import (
    boxes_in_pixels,
    distances,
    landmarks_in_pixels,
    points_in_pixels,
    ras_of,
)
from tests.slicer.windowless.studies import FILES, STUDIES, forget_labels, leave_unlabelled, put_truth
from tests.tiny import CEPH, FILE_SIZE, KIND

ONE_OF_EACH = ("001", "film_001", "ward__001")
SLICE = (FILE_SIZE[1], FILE_SIZE[0], 1)
EXACT_PX = 1e-6
WAIT_S = 120
EPOCHS = 200


# --- Connect -----------------------------------------------------------------------------------------------------


def test_connect_lists_models_strategies_and_trainers(stock, unlabelled):
    stock.connect(unlabelled.url)
    ui = stock.widget.ui
    assert stock.told == []
    assert stock.widget.models["farnet_demo"]["type"] == "detection"
    assert ui.segmentationModelSelector.items == ["farnet_demo"]  # the box "Auto Segmentation"
    assert ui.strategyBox.items == list(unlabelled.get("/info/")["strategies"])
    assert ui.strategyBox.currentText == "random"
    assert ui.trainerBox.items == ["farnet_demo"]
    assert ui.configTable.rows()["result_type"].items == ["points", "boxes"]


def test_connect_without_a_server_is_told(stock):
    stock.connect("http://127.0.0.1:9")
    assert stock.told_as("error")[0].startswith("Failed to fetch models from remote server")


def test_what_is_done_to_a_plugin_ends_with_it(tmp_path):
    with stock_plugin(tmp_path / "first") as first:
        first.plugin.MONAILabelWidget.onSaveLabel = None
        first.sample_data.SampleDataLogic.loadNode = None
        assert first.widget is slicer.modules.MONAILabelWidget
        assert sys.modules["MONAILabel"] is first.plugin
    assert not {"MONAILabel", "MONAILabelLib", "SampleData", "slicer.i18n"} & set(sys.modules)
    assert not {"app", "modules", "mrmlScene"} & set(dir(slicer))
    with stock_plugin(tmp_path / "second") as second:
        assert second.plugin.MONAILabelWidget.onSaveLabel
        assert second.sample_data.SampleDataLogic.loadNode


# --- Next Sample -------------------------------------------------------------------------------------------------


def test_every_next_sample_is_one_slice_named_by_its_id(stock, unlabelled):
    stock.connect(unlabelled.url)
    seen = []
    for count in range(1, len(STUDIES) + 1):
        stock.next_sample()
        seen.append(stock.image_id)
        assert len(list(stock.cache().glob("*0*"))) == count  # those before lie beside it
        assert [node.GetName() for node in stock.nodes("vtkMRMLVolumeNode")] == [stock.image_id]
        assert stock.volume.GetImageData().GetDimensions() == SLICE
        put_truth(unlabelled, stock.image_id)
    assert sorted(seen) == sorted(STUDIES)
    assert {dialog.kind for dialog in stock.told} == {"question"}


@pytest.mark.parametrize("image", ONE_OF_EACH)
def test_the_studies_themselves_would_be_a_stack(stock, slicer_server, image):
    file = STUDIES[image]
    alike = [name for name in FILES if name.startswith(file[: file.index("001")]) and name.endswith(file[-4:])]
    volume = slicer.util.loadVolume(str(slicer_server.studies / file))
    assert len(alike) > 1
    assert volume.GetImageData().GetDimensions() == (*SLICE[:2], len(alike))


def test_a_stale_download_is_not_used(stock, unlabelled):
    leave_unlabelled(unlabelled, "002")
    stale = stock.cache() / unlabelled.request("POST", "/activelearning/first").json()["name"]
    save_phantom(stale, 99)
    before = stale.read_bytes()
    stock.connect(unlabelled.url)
    stock.next_sample()
    assert stale.read_bytes() != before
    pixels = slicer.util.arrayFromVolume(stock.volume)[0]
    np.testing.assert_array_equal(pixels, make_phantom(KIND, FILES["002.png"], FILE_SIZE, bits=8).pixels)


def test_next_sample_when_all_are_labelled(stock, unlabelled, capfd):
    put_truth(unlabelled, *STUDIES)
    stock.connect(unlabelled.url)
    stock.next_sample()
    assert [dialog.kind for dialog in stock.told] == ["warning"]
    assert stock.told[0].text.startswith("Unlabeled samples or images not found at server.")
    assert stock.image_id is None
    assert "Traceback" not in "".join(capfd.readouterr())


# --- Run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ONE_OF_EACH)
def test_run_shows_the_landmarks_where_the_model_found_them(stock, unlabelled, image):
    open_image(stock, unlabelled, image)
    stock.run()
    assert stock.told == []
    found = parse_result(unlabelled.find(image)).landmarks
    (points,) = stock.point_lists()
    shown = points_in_pixels(points, stock.volume)
    assert list(shown) == list(CEPH.names)
    assert max(distances(shown, landmarks_in_pixels(found)).values()) < EXACT_PX


def test_run_shows_how_sure_the_model_is(stock, unlabelled):
    open_image(stock, unlabelled, "001")
    stock.run()
    (points,) = stock.point_lists()
    sure = [item.confidence >= 0.3 for item in parse_result(unlabelled.find("001")).landmarks]
    indices = range(points.GetNumberOfControlPoints())
    assert set(sure) == {True, False}
    assert [bool(points.GetNthControlPointSelected(index)) for index in indices] == sure
    assert {points.GetNthControlPointPositionStatus(index) for index in indices} == {points.PositionDefined}
    told = [points.GetNthControlPointDescription(index) for index in indices]
    assert [text.startswith("confidence=") for text in told] == sure
    assert [text.startswith("check, confidence=") for text in told] == [not one for one in sure]
    display = points.GetDisplayNode()
    assert display.GetGlyphType() == display.Cross2D


# --- Submit ------------------------------------------------------------------------------------------------------


def test_points_are_refused_and_the_user_told_what_to_install(stock, unlabelled):
    open_image(stock, unlabelled, "001")
    stock.run()
    stock.submit()
    (dialog,) = stock.told
    assert dialog.kind == "error"
    assert "Status: 422" in dialog.text
    assert "FARNetLandmarks" in dialog.text
    assert labels(unlabelled, "001") == {}
    assert [points.GetNumberOfControlPoints() for points in stock.point_lists()] == [len(CEPH)]


@pytest.mark.parametrize("image", ONE_OF_EACH)
def test_boxes_are_submitted_and_only_the_dragged_one_has_moved(stock, unlabelled, image):
    open_image(stock, unlabelled, image)
    stock.choose_option("infer", "farnet_demo", "result_type", "boxes")
    stock.run()
    assert stock.point_lists() == []
    found = landmarks_in_pixels(parse_result(unlabelled.find(image)).landmarks)
    assert max(distances(boxes_in_pixels(stock.boxes(), stock.volume), found).values()) < EXACT_PX

    box = next(box for box in stock.boxes() if box.GetNthControlPointLabel(0) == "Nasion")
    assert max(box.GetSize()) < 0.15 * max(FILE_SIZE) * max(stock.volume.GetSpacing())
    box.SetCenter(ras_of(stock.volume, (60.25, 70.5)))
    shown = boxes_in_pixels(stock.boxes(), stock.volume)
    np.testing.assert_allclose(shown["Nasion"], (60.25, 70.5), atol=1e-4)  # Slicer keeps it in single precision
    stock.submit()
    assert [(dialog.kind, dialog.text) for dialog in stock.told] == [
        ("info", "Label-Mask saved into MONAI Label Server")
    ]

    final = {"label": image, "tag": "final"}
    content = unlabelled.request("GET", "/datastore/label", params=final).content
    stored = parse_markups(content, CEPH, read_header(unlabelled.studies / STUDIES[image]))
    expected = {**found, "Nasion": shown["Nasion"]}
    assert max(distances(landmarks_in_pixels(stored), expected).values()) < EXACT_PX
    table = unlabelled.get("/datastore/label/info", params=final)["provenance"]
    origins = {name: told["origin"] for name, told in table.items()}
    assert origins == {**dict.fromkeys(CEPH.names, "accepted"), "Nasion": "moved"}


# --- Train and Stop ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def training(slicer_server, tmp_path_factory):
    """What a user saw of a training that was stopped after its first epochs."""
    put_truth(slicer_server, *STUDIES)
    with stock_plugin(tmp_path_factory.mktemp("training")) as stock:
        stock.connect(slicer_server.url)
        for key, value in {"max_epochs": str(EPOCHS), "val_interval": "1", "train_batch_size": "2"}.items():
            stock.choose_option("train", "farnet_demo", key, value)
        stock.train()
        seen = {"stock": stock, "running": slicer_server.get("/train/"), "can stop": can_stop(stock)}
        seen["bar"] = watch_epochs(stock)
        stock.stop()
        seen["timer"] = stock.widget.timer
        seen["timer"].fire()
        yield {**seen, "ended": slicer_server.get("/train/")}
    forget_labels(slicer_server)
    (slicer_server.app / "model" / "farnet_demo.pt").unlink(missing_ok=True)  # others want the untrained model


def can_stop(stock):
    return (stock.widget.ui.trainingButton.enabled, stock.widget.ui.stopTrainingButton.enabled) == (False, True)


def watch_epochs(stock):
    """What the progress bar shows, value and text, each time that the plugin looks after the training."""
    bar, seen, deadline = stock.widget.ui.trainingProgressBar, [], time.monotonic() + WAIT_S
    while len({text for _, text in seen if f"/{EPOCHS} epoch" in text}) < 3:
        assert time.monotonic() < deadline, seen[-1]
        stock.widget.timer.fire()
        seen.append((bar.value, bar.toolTip))
        time.sleep(0.1)
    return seen


def test_train_starts_with_the_options_of_the_table(training):
    assert training["running"]["status"] in ("SUBMITTED", "RUNNING")
    asked = training["running"]["request"]
    assert (asked["model"], asked["max_epochs"], asked["val_interval"]) == ("farnet_demo", EPOCHS, 1)
    assert training["can stop"]


def test_the_progress_bar_moves_with_the_epochs(training):
    shown = {int(text.split("/")[0]): value for value, text in training["bar"] if f"/{EPOCHS} epoch" in text}
    assert len(shown) == 3
    assert shown == {epoch: max(1, 100 * epoch // EPOCHS) for epoch in shown}


def test_the_progress_bar_is_not_full_before_the_first_epoch(training):
    assert max(value for value, _ in training["bar"]) < 100


def test_stop_ends_the_training(training):
    stock, bar = training["stock"], training["stock"].widget.ui.trainingProgressBar
    assert [dialog.kind for dialog in stock.told] == ["question"]
    assert training["ended"]["status"] == "STOPPED"
    assert (bar.value, bar.toolTip) == (100, "Training: STOPPED")
    assert not training["timer"].running
    assert not can_stop(stock)
    assert stock.widget.ui.trainingButton.enabled

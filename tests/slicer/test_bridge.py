"""What the companion module wraps: results and radiographs that arrive, and an extension that changes under it."""

import numpy as np
import pytest
import slicer

from FARNetLandmarksLib import bridge, lists
from lib.formats import parse_result
from tests.running import save_phantom
from tests.slicer.asking import SAVED, open_image, origins, pre_annotate, stored, told
from tests.slicer.test_stock_plugin import EXACT_PX, ONE_OF_EACH, SLICE
from tests.slicer.windowless.places import landmarks_in_pixels, points_in_pixels, ras_of
from tests.slicer.windowless.studies import FILES, STUDIES, leave_unlabelled
from tests.tiny import CEPH

# --- a prediction arrives ----------------------------------------------------------------------------------------


def test_another_run_replaces_the_list(companion, unlabelled):
    open_image(companion, unlabelled, "001")
    companion.run()
    companion.run()
    assert len(companion.point_lists()) == 1
    assert companion.told == []  # nothing had been edited, nothing is asked


@pytest.mark.parametrize("keep", [True, False])
def test_another_run_asks_before_it_overwrites_what_an_annotator_did(companion, unlabelled, keep):
    open_image(companion, unlabelled, "001")
    companion.run()
    companion.point_lists()[0].SetNthControlPointPosition(0, *ras_of(companion.volume, (50.0, 20.0)))
    companion.dialogs.yes = keep
    companion.run()
    ((kind, text),) = told(companion)
    assert (kind, "You have decided about Sella." in text) == ("question", True)
    (points,) = companion.point_lists()
    place = points_in_pixels(points, companion.volume)["Sella"]
    predicted = landmarks_in_pixels(parse_result(unlabelled.find("001")).landmarks)["Sella"]
    np.testing.assert_allclose(place, (50.0, 20.0) if keep else predicted, atol=EXACT_PX)


def test_a_pre_annotated_radiograph_opens_with_its_landmarks(companion, session, unlabelled):
    leave_unlabelled(unlabelled, "film_001")
    pre_annotate(unlabelled, "film_001")
    companion.connect(unlabelled.url)
    companion.next_sample()
    assert len(session.rows()) == len(CEPH)
    assert session.node.GetNodeReference(lists.VOLUME_ROLE) is companion.volume
    session.accept_all()
    companion.submit()
    assert told(companion) == [SAVED]
    assert set(origins(unlabelled, "film_001")[1].values()) == {"accepted"}


# --- a radiograph arrives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ONE_OF_EACH)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_shared_folder_of_numbered_files_is_no_stack(stock, unlabelled, monkeypatch, image, wrapped):
    """Servers of others send a path that the client can see too; so Slicer reads the file where its neighbours lie."""
    if wrapped:
        bridge.install(stock.plugin, stock.sample_data)
    stock.connect(unlabelled.url)
    path = unlabelled.studies / STUDIES[image]
    sample = {"id": image, "name": path.name, "path": str(path)}
    monkeypatch.setattr(stock.plugin.MONAILabelClient, "next_sample", lambda *_: dict(sample))
    stock.next_sample()
    alike = [n for n in FILES if n.startswith(STUDIES[image].split("001")[0]) and n.endswith(path.suffixes[-1])]
    assert stock.volume.GetImageData().GetDimensions() == (*SLICE[:2], 1 if wrapped else len(alike))


@pytest.mark.parametrize("wrapped", [False, True])
def test_numbered_downloads_are_no_stack(stock, unlabelled, monkeypatch, wrapped):
    """Servers of others name the download as the file, and 001.png of the cache becomes the first slice."""
    if wrapped:
        bridge.install(stock.plugin, stock.sample_data)
    stock.connect(unlabelled.url)
    save_phantom(stock.cache() / "001.png", 1)
    monkeypatch.setattr(stock.plugin.MONAILabelClient, "next_sample", lambda *_: {"id": "002", "name": "002.png"})
    stock.next_sample()
    assert stock.volume.GetImageData().GetDimensions() == (*SLICE[:2], 1 if wrapped else 2)


def test_other_downloads_of_slicer_are_left_alone(companion, tmp_path):
    """Only *Next Sample* loads files alone: Slicer's own samples may be stacks."""
    for number in (1, 2):
        save_phantom(tmp_path / f"00{number}.png", number)
    node = companion.sample_data.SampleDataLogic().loadNode(str(tmp_path / "001.png"), "stack", "VolumeFile", {})
    assert node.GetImageData().GetDimensions()[2] == 2


# --- the plugin changes under us ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def slicers_own(monkeypatch):
    """What is wrapped in Slicer itself is its own again when a test ends."""
    monkeypatch.setattr(slicer.util, "loadVolume", slicer.util.loadVolume)


def wrapped_functions(stock):
    widget, logic = stock.plugin.MONAILabelWidget, stock.plugin.MONAILabelLogic
    return [widget.updateSegmentationMask, logic.next_sample, logic.save_label, slicer.util.loadVolume]


def test_wrapping_twice_is_wrapping_once_and_can_be_undone(stock):
    before = wrapped_functions(stock)
    bridge.install(stock.plugin, stock.sample_data)
    bridge.install(stock.plugin, stock.sample_data)
    assert [function.farnet_original for function in wrapped_functions(stock)] == before
    bridge.uninstall(stock.plugin, stock.sample_data)
    assert wrapped_functions(stock) == before


def test_a_panel_that_was_open_before_carries_landmarks_too(stock, unlabelled):
    """Qt has bound the buttons to the extension's own methods by then: our module was dragged onto a running Slicer."""
    open_image(stock, unlabelled, "001")
    assert bridge.install(stock.plugin, stock.sample_data) == ""
    stock.run()
    stock.run()
    assert len(stock.point_lists()) == 1
    stock.submit()
    assert told(stock) == [SAVED]
    assert stored(unlabelled, "001").num_placed() == len(CEPH)


def gone(stock):
    del stock.plugin.MONAILabelLogic.save_label


def other_arguments(stock):
    stock.plugin.MONAILabelWidget.updateSegmentationMask = lambda self, result: result


def other_call(stock):
    stock.plugin.MONAILabelWidget.onSaveLabel = lambda self: self.logic.send_label()


def other_loader(stock):
    stock.sample_data.SampleDataLogic.loadNode = lambda self, source: source


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (gone, "MONAILabelLogic.save_label is gone"),
        (other_arguments, "MONAILabelWidget.updateSegmentationMask takes other arguments"),
        (other_call, "MONAILabelWidget.onSaveLabel no longer calls save_label"),
        (other_loader, "SampleData.loadNode takes other arguments"),
    ],
)
def test_a_changed_plugin_is_said_plainly_and_left_as_it_is(stock, change, sentence):
    bridge.install(stock.plugin, stock.sample_data)
    change(stock)
    said = bridge.install(stock.plugin, stock.sample_data)
    assert said.startswith("The MONAI Label extension has changed (")
    assert sentence in said
    assert "Install a newer FARNet Landmarks." in said
    left = [stock.plugin.MONAILabelWidget.updateSegmentationMask, stock.plugin.MONAILabelLogic.next_sample]
    assert not any(hasattr(function, "farnet_original") for function in left)


def test_without_the_plugin_its_name_is_told():
    assert bridge.install(None, None).startswith("Install the MONAI Label extension (Extensions Manager)")

"""The panel as an annotator uses it: real Qt (PySide6 in place of PythonQt), real MRML, clicks and keys."""

import importlib
import sys

import numpy as np
import pytest
import slicer

from FARNetLandmarksLib import decisions, lists, regions
from FARNetLandmarksLib.session import ReviewSession
from FARNetLandmarksLib.stock import StockExtension
from tests.slicer.qt_shim import application, qt
from tests.slicer.test_session import load

Qt = qt.Qt
QTest = pytest.importorskip("PySide6.QtTest", exc_type=ImportError).QTest

DEFINITIONS = [{"name": name, "definition": f"Where {name} is."} for name in ("A", "B")]


class Extension:
    """Notes what the panel asks of the MONAI Label extension."""

    def __init__(self, volume):
        self.volume = volume
        self.asked = []
        self.widget = object()
        self.model = "farnet_test"
        self.server = "http://127.0.0.1:8000 · FARNet"
        self.fault = ""
        self.takes = True
        self.image = "case"
        self.strategy = "hybrid: Unsure and unlike"
        self.said_of_sample = ""
        self.refusal = ""

    def connect(self):
        return self.fault

    def open(self):
        pass

    def landmark_sets(self):
        return {"farnet_test": {"title": "Test", "landmarks": DEFINITIONS}}

    def empty_list(self, model):
        self.asked.append(model)
        return lists.new_list(self.volume.GetScene(), self.landmark_sets()[model], self.volume, "case")

    def submit(self, node):
        self.asked.append([row.status_text() for row in lists.rows_of(node)])
        return self.takes

    def decide(self, image, decision, reason):
        assert image
        self.asked.append((decision, reason))
        return self.refusal

    def __getattr__(self, name):
        assert hasattr(StockExtension, name), name
        return lambda: self.asked.append(name)


@pytest.fixture
def volume(mrml):
    return mrml.volume_of(np.zeros((200, 160), np.uint8), np.diag([-0.5, -0.5, 1.0, 1.0]), "radiograph")


@pytest.fixture
def asked(monkeypatch):
    """Questions that the panel puts, and the answer to them."""
    questions = {"answer": True, "texts": []}

    def ask(text, **_):
        questions["texts"].append(text)
        return questions["answer"]

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", ask, raising=False)
    return questions


@pytest.fixture
def panel(mrml, volume, monkeypatch, asked):
    application()
    monkeypatch.setitem(sys.modules, "qt", qt)
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: None)
    monkeypatch.delitem(sys.modules, "FARNetLandmarksLib.panel", raising=False)
    session = ReviewSession(mrml.scene, mrml.app)
    shown = importlib.import_module("FARNetLandmarksLib.panel").LandmarkPanel(session, Extension(volume))
    shown.widget.resize(420, 760)
    shown.widget.show()
    shown.widget.activateWindow()
    assert QTest.qWaitForWindowActive(shown.widget)
    yield shown
    shown.leave()
    session.close()
    shown.widget.close()


@pytest.fixture
def filled(panel, mrml, volume, tmp_path):
    load(mrml, volume, tmp_path)
    panel.enter()
    return panel


def table(panel):
    return [[panel.table.item(row, column).text() for column in range(3)] for row in range(panel.table.rowCount())]


def press(panel, key):
    QTest.keyClick(panel.widget, key)


def click(panel, text):
    (button,) = [button for button in panel.widget.findChildren(qt.QPushButton) if button.text() == text]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_table_says_where_every_landmark_stands(filled):
    assert table(filled) == [
        ["nowhere", "0.00", "to place"],
        ["poor", "0.10", "unsure"],
        ["fair", "0.50", "predicted"],
        ["sure", "0.90", "predicted"],
    ]
    assert filled.count.text() == "4 of 4 left: 1 to place, 1 unsure, 2 predicted"
    decisions.put(filled.session.node, 0, (43.0, 54.0))  # dragged in the view
    assert table(filled)[3] == ["sure", "0.90", "moved 5.0 px"]
    assert filled.count.text() == "3 of 4 left: 1 to place, 1 unsure, 1 predicted"
    assert (filled.progress.value(), filled.progress.maximum()) == (1, 4)


def test_a_click_on_a_row_shows_the_landmark_and_its_definition(panel, mrml, volume):
    panel.stock.empty_list("farnet_test")
    panel.table.setCurrentCell(1, 0)
    assert panel.session.current == "B"
    assert "Where B is." in panel.definition.text()
    assert panel.table.item(1, 0).toolTip() == "Where B is."


def test_buttons(filled):
    click(filled, "Next (N)")
    click(filled, "Next (N)")
    assert filled.session.current == "poor"
    assert filled.table.currentRow() == 1
    click(filled, "Accept (A)")
    assert table(filled)[1][2] == "accepted"
    assert filled.session.current == "fair"
    click(filled, "Skip (S)")
    assert table(filled)[2][2] == "skipped"
    click(filled, "Previous (B)")
    click(filled, "Reset (Z)")
    assert table(filled)[2][2] == "predicted"
    click(filled, "Occluded (O)")
    assert table(filled)[2][2] == "predicted, occluded"
    click(filled, "Place (P)")
    assert filled.session.placing
    click(filled, "Whole image (W)")


def test_keys_do_the_same_and_only_while_the_module_is_in_front(filled):
    press(filled, Qt.Key.Key_N)
    press(filled, Qt.Key.Key_N)
    press(filled, Qt.Key.Key_A)
    assert table(filled)[1][2] == "accepted"
    press(filled, Qt.Key.Key_S)
    assert table(filled)[2][2] == "skipped"
    filled.leave()
    current = filled.session.current
    press(filled, Qt.Key.Key_N)
    assert filled.session.current == current


def test_every_shortcut_is_told_and_none_is_used_twice(filled):
    keys = [shortcut.key().toString() for shortcut in filled.shortcuts]
    assert len(keys) == len(set(keys)) == 10
    tips = " ".join(button.toolTip() for button in filled.widget.findChildren(qt.QPushButton))
    assert all(f"Shortcut: {key}" in tips for key in keys if key != "Esc")
    assert "Esc ends" in tips


def test_escape_ends_placing(filled):
    filled.session.go("nowhere")
    press(filled, Qt.Key.Key_P)
    assert filled.session.placing
    press(filled, Qt.Key.Key_Escape)
    assert not filled.session.placing


def test_the_order_of_the_set(filled):
    filled.by_confidence.setChecked(False)
    assert [row[0] for row in table(filled)] == ["sure", "poor", "fair", "nowhere"]


def test_one_gesture_accepts_all_and_submits(filled, asked):
    filled.session.go("nowhere")
    filled.session.skip()
    assert filled.submit()
    assert asked["texts"] == []
    assert filled.stock.asked == [["accepted", "accepted", "accepted", "skipped"]]


def test_what_the_server_refuses_is_not_accepted(filled, asked):
    filled.session.go("nowhere")
    filled.session.skip()
    filled.session.go("sure")
    filled.session.accept()
    filled.stock.takes = False
    assert not filled.submit()
    assert [row[2] for row in table(filled)] == ["skipped", "unsure", "predicted", "accepted"]


def test_nothing_can_be_submitted_through_a_changed_extension(filled):
    filled.stock.fault = "The MONAI Label extension has changed."
    filled.enter()
    assert not filled.submit_button.isEnabled()
    QTest.keyClick(filled.widget, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert filled.stock.asked == []


def test_size_and_names_stay_for_the_next_radiograph(filled, mrml, volume, tmp_path):
    filled.glyphs.setValue(40)
    filled.names.setChecked(False)
    mrml.scene.RemoveNode(filled.session.node)
    display = load(mrml, volume, tmp_path).GetDisplayNode()
    assert (display.GetGlyphScale(), display.GetPointLabelsVisibility()) == (4.0, False)


def test_what_has_no_place_is_asked_about_before_submitting(filled, asked):
    asked["answer"] = False
    assert not filled.submit()
    assert "Neither placed nor skipped: nowhere." in asked["texts"][0]
    assert filled.stock.asked == []
    assert table(filled)[1][2] == "unsure"  # nothing was accepted behind the annotator's back
    asked["answer"] = True
    press(filled, Qt.Key.Key_Return)  # without Ctrl
    assert filled.stock.asked == []
    QTest.keyClick(filled.widget, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert filled.stock.asked == [["accepted", "accepted", "accepted", "to place"]]


def test_starting_without_a_model(panel):
    panel.refresh()
    assert not panel.submit_button.isEnabled()
    click(panel, "Empty list")
    assert panel.stock.asked == ["farnet_test"]
    assert [row[2] for row in table(panel)] == ["to place", "to place"]
    assert (panel.session.current, panel.session.placing) == ("A", True)
    assert not panel.sets.isVisible()  # one set, nothing to choose
    assert not panel.empty_button.isEnabled()


def test_a_server_with_several_models_lets_choose_whose_landmarks_are_placed(panel, monkeypatch):
    sets = {name: {"title": name, "landmarks": DEFINITIONS} for name in ("farnet_hand", "farnet_ceph")}
    monkeypatch.setattr(panel.stock, "landmark_sets", lambda: sets)
    panel.refresh()
    assert panel.sets.isVisible()
    panel.sets.setCurrentText("farnet_hand")
    panel.refresh()
    click(panel, "Empty list")
    assert panel.stock.asked == ["farnet_hand"]


def test_a_changed_extension_is_said_plainly(panel):
    panel.stock.fault = "The MONAI Label extension has changed."
    panel.enter()
    assert panel.fault.text() == "The MONAI Label extension has changed."
    assert panel.fault.isVisible()
    panel.stock.fault = ""
    panel.enter()
    assert not panel.fault.isVisible()


def test_without_a_server_nothing_can_be_asked_of_it(panel):
    panel.stock.server = ""
    panel.refresh()
    assert not panel.samples.next.isEnabled()
    assert not panel.samples.later.isEnabled()
    assert not panel.run_button.isEnabled()
    assert "not connected" in panel.server.text()
    click(panel, "Connect")
    assert panel.stock.asked == ["fetch_info"]


def test_without_a_model_nothing_can_be_predicted_but_landmarks_placed(panel):
    assert panel.run_button.isEnabled()
    panel.stock.model = ""
    panel.refresh()
    assert not panel.run_button.isEnabled()
    assert panel.empty_button.isEnabled()


def test_size_of_points_and_zoom(filled):
    filled.glyphs.setValue(30)
    assert filled.session.node.GetDisplayNode().GetGlyphScale() == 3.0
    filled.names.setChecked(False)
    assert not filled.session.node.GetDisplayNode().GetPointLabelsVisibility()
    filled.zoom.setValue(4)
    assert filled.session.zoom == 4.0


def test_the_table_tells_the_radius_and_what_it_means(filled):
    node = filled.session.node
    told = "confidence=0.93, radius=14.20, ellipse=16.00 10.10 35.0, predicted=70.0000 150.0000, model=m 1"
    node.SetNthControlPointDescription(2, f"{told} | The one.")
    filled.refresh()
    assert table(filled)[1] == ["fair", "0.93 ±14 px", "predicted"]  # known to be wide goes before confident
    assert filled.table.item(1, 1).toolTip() == (
        "In nine cases of ten within 14 px of where the model put it; within the tolerance with a probability of 93 %"
    )
    assert filled.table.item(1, 0).toolTip() == "The one."
    assert "not been calibrated" in filled.table.item(2, 1).toolTip()


def test_the_region_of_the_landmark_under_review_is_drawn_and_no_other(filled, mrml):
    node, scene = filled.session.node, mrml.scene
    told = "radius=14.20, ellipse=16.00 10.10 35.0, predicted=70.0000 150.0000, model=m 1"
    node.SetNthControlPointDescription(2, f"check, confidence=0.93, {told}")
    filled.session.go("fair")
    curve = regions.region_of(scene)
    assert curve.GetNumberOfControlPoints() == regions.CORNERS
    filled.session.go("sure")
    assert regions.region_of(scene) is None
    filled.session.go("fair")
    mrml.scene.RemoveNode(node)
    assert regions.region_of(scene) is None
    assert filled.session.node is None


def test_later_goes_on_to_the_next(panel):
    panel.refresh()
    assert panel.samples.next.toolTip() == "Open the next radiograph\nhybrid: Unsure and unlike"
    assert not panel.samples.why.isVisible()
    panel.stock.said_of_sample = "It is unlike the others."
    click(panel, "Later")
    assert panel.stock.asked == [("defer", ""), "next_sample"]
    assert panel.samples.why.text() == "It is unlike the others."
    assert panel.samples.why.isVisible()


def test_setting_aside_is_taken_back(panel, monkeypatch):
    errors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: errors.append(text), raising=False)
    panel.refresh()
    assert not panel.samples.back.isVisible()
    image = panel.stock.image
    click(panel, "Later")
    back = f"Take back: {image} is to be annotated"
    panel.stock.refusal = "That was not taken back: the server answers 500."
    click(panel, back)
    assert errors == [panel.stock.refusal]
    assert panel.samples.back.isVisible()
    here, panel.stock.server = panel.stock.server, "http://other:8000 · another"
    panel.refresh()
    assert not panel.samples.back.isVisible()  # it may have a radiograph of the same id
    panel.stock.server, panel.stock.refusal = here, ""
    panel.refresh()
    click(panel, back)
    assert panel.stock.asked[-1] == ("none", "")
    assert not panel.samples.back.isVisible()


def test_what_the_model_says_of_the_whole_is_shown(panel, filled):
    panel.refresh()
    assert not panel.hint.isVisible()
    filled.session.node.SetAttribute("FARNet.Trust", "Landmarks seem to have changed places: look at their order.")
    panel.refresh()
    assert panel.hint.text().startswith("Landmarks seem to have changed places")
    assert panel.hint.isVisible()
    filled.session.accept_all()
    for row in filled.session.rows():
        if row.is_left:
            filled.session.go(row.name)
            filled.session.skip()
    panel.refresh()
    assert not panel.hint.isVisible()  # it was about the prediction


def test_a_rejection_wants_a_reason(panel):
    panel.enter()
    samples = panel.samples
    click(panel, "Reject…")
    assert samples.question.isVisible()
    QTest.mouseClick(samples.confirm, Qt.MouseButton.LeftButton)
    assert panel.stock.asked == []
    QTest.keyClicks(samples.reason, "spans banana")  # letters that are keys of the review elsewhere
    QTest.keyClick(samples.reason, Qt.Key.Key_Return)
    assert panel.stock.asked == [("reject", "spans banana"), "next_sample"]
    assert not samples.question.isVisible()
    click(panel, "Reject…")
    assert samples.reason.text() == ""
    click(panel, "Reject…")  # once more takes the question back
    assert not samples.question.isVisible()


def test_what_could_not_be_set_aside_stays(panel, monkeypatch):
    errors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: errors.append(text), raising=False)
    panel.refresh()
    panel.stock.refusal = "The radiograph was not set aside: there is none."
    click(panel, "Later")
    assert errors == ["The radiograph was not set aside: there is none."]
    assert panel.stock.asked == [("defer", "")]
    panel.stock.image = ""
    panel.refresh()
    assert not panel.samples.later.isEnabled()
    assert not panel.samples.reject.isEnabled()

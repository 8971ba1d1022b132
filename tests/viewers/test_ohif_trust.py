"""What OHIF shows of a calibrated model: flags, radii, regions, the order of the review; and which image is next."""

import math
import re
import time

import numpy as np
import pytest

from lib.formats import result_document
from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import Landmark, Landmarks, Predicted, Region, State
from lib.radiographs import Geometry, PixelSpacing, RadiographHeader, SpacingSource
from tests.tiny import CEPH
from tests.viewers.ohif import Ohif
from tests.viewers.sites import submit

FLAGGED, WIDE, UNKNOWN = "Nasion", "Porion", "Gonion"
ELLIPSE = (40.0, 15.0, 30.0)
DRAWN_S = 15
SURE = (8.0, 6.0, -50.0)
OUTLINES = """() => [...document.querySelectorAll('svg.svg-layer polyline')].map(line => {
  const numbers = line.getAttribute('points').match(/[-.\\d]+/g).map(Number);
  return numbers.flatMap((x, index) => (index % 2 ? [] : [[x, numbers[index + 1]]]));
})"""
CANVAS_TO_PIXELS = """corners => {
  const viewport = window.cornerstone.getRenderingEngines()[0].getViewports()[0];
  const { imageData } = viewport.getImageData();
  return corners.map(corner => imageData.worldToIndex(viewport.canvasToWorld(corner)).slice(0, 2));
}"""
IN_THE_PAGE = """async ([name, ...told]) => {
  const { Label } = await import('/ohif/farnet/label.js');
  const { radiusText, trustText } = await import('/ohif/farnet/trust.js');
  const { statusText, worstFirst } = await import('/ohif/farnet/review.js');
  const label = Label[name]('1.2.3', 'farnet_demo', undefined, told[0]);
  return {
    hint: label.hint,
    rows: worstFirst(label.rows).map(row => [row.name, statusText(row), radiusText(row), trustText(row)]),
    document: label.document(),
  };
}"""


def predicted(name: str, x: float, y: float, confidence: float, ellipse: tuple, check: bool = False) -> Landmark:
    region = Region(math.sqrt(ellipse[0] * ellipse[1]), ellipse)
    return Landmark(
        name, x, y, confidence=confidence, predicted=Predicted(x, y, "farnet_demo untrained-0", region, check)
    )


def calibrated() -> Landmarks:
    """Two found with certainty but one of them flagged, one with a wide region, one not found, the others in a row."""
    items = [predicted(name, 20.25 + 13 * index, 300.5, 0.9, SURE) for index, name in enumerate(CEPH.names)]
    placed = {item.name: item for item in items}
    placed[FLAGGED] = predicted(FLAGGED, 150.25, 90.5, 0.95, ELLIPSE, check=True)
    placed[WIDE] = predicted(WIDE, 90.0, 160.0, 0.35, (30.0, 30.0, 0.0))
    placed[UNKNOWN] = Landmark(UNKNOWN, state=State.UNDEFINED)
    return Landmarks(tuple(placed[name] for name in CEPH.names))


@pytest.fixture
def opened(site, request):
    """OHIF with the prediction, which nobody has submitted yet, on a radiograph of a kind."""
    kind = getattr(request, "param", "square")
    submit(site, site.images[kind], pixel_label_document(calibrated()), "original")
    site.ohif.open(site.studies[kind])
    site.ohif.tells("Predicted")
    return site.ohif


def assert_outlines(ohif: Ohif, *names: str) -> list:
    """Wait until the regions of these landmarks are drawn, and no others; their corners on the canvas.

    A region counts as drawn when its corners lie on the landmark's ellipse, in pixels of the file, all around it.
    """
    items, until = calibrated(), time.monotonic() + DRAWN_S
    while True:
        drawn = sorted(ohif.page.evaluate(OUTLINES), key=len)
        corners = [np.array(ohif.page.evaluate(CANVAS_TO_PIXELS, line)) for line in drawn]
        found = [[name for name in names if is_ellipse(line, items[name])] for line in corners]
        if sorted(found) == sorted([name] for name in names):
            return drawn
        assert time.monotonic() < until, f"drawn are {len(drawn)} regions, of {found}, not those of {names}"
        ohif.page.wait_for_timeout(200)


def is_ellipse(corners: np.ndarray, item: Landmark) -> bool:
    """Whether corners go around a landmark's ellipse and lie on it."""
    a, b, degrees = item.predicted.region.ellipse
    turn = math.radians(degrees)
    away = corners - (item.x, item.y)
    along, across = away @ (math.cos(turn), math.sin(turn)) / a, away @ (-math.sin(turn), math.cos(turn)) / b
    ends = [along.max(), -along.min(), across.max(), -across.min()]
    return bool(np.allclose(along**2 + across**2, 1.0, atol=0.02) and np.allclose(ends, 1.0, atol=0.01))


def test_the_list_says_what_to_look_at(opened):
    order = opened.order()
    assert order[:3] == [UNKNOWN, FLAGGED, WIDE]  # whatever their confidence
    assert "unsure" in opened.row(FLAGGED)
    assert "unsure" not in opened.row(WIDE)  # 0.35, or 0.2: the model itself says what to check
    assert "±30 px" in opened.row(WIDE)
    assert "±6.9 px" in opened.row("Sella")
    title = opened.page.locator(f"[data-landmark='{WIDE}'] .farnet-number").get_attribute("title")
    assert title == (
        "In nine cases of ten within 30 px of where the model put it; within the tolerance with a probability of 35 %"
    )


def test_who_decides_about_a_flagged_landmark_takes_its_region_away(opened):
    assert_outlines(opened, FLAGGED)  # none is current
    opened.choose(WIDE)
    assert_outlines(opened, FLAGGED, WIDE)
    opened.choose(FLAGGED)
    assert_outlines(opened, FLAGGED)
    opened.press("accept")  # on to the next one, whose region is shown
    assert_outlines(opened, WIDE)


@pytest.mark.parametrize("opened", ["square", "not-square", "no-spacing"], indirect=True)
def test_a_region_lies_right_however_the_image_is_shown(opened):
    seen = assert_outlines(opened, FLAGGED)
    for command in ("flipViewportHorizontal", "rotateViewportCW", "scaleUpViewport"):
        opened.page.evaluate("command => window.commandsManager.runCommand(command)", command)
        opened.page.wait_for_timeout(500)
        seen += assert_outlines(opened, FLAGGED)
    assert len({tuple(corners[0]) for corners in seen}) == 4  # the view did change


@pytest.mark.parametrize("opened", ["inverted"], indirect=True)
def test_what_is_submitted_keeps_what_the_model_said(site, opened):
    opened.choose(UNKNOWN)
    opened.press("skip")
    opened.press("submit")
    opened.tells("Label submitted")
    stored = site.server.get("/landmarks", params={"image": site.images["inverted"]})
    assert stored["tag"] == "final"
    back = {item["name"]: item["predicted"] for item in stored["landmarks"]}[FLAGGED]
    assert (back["check"], back["radius_px"]) == (True, pytest.approx(math.sqrt(600), abs=0.006))
    assert list(back["ellipse"].values()) == pytest.approx(ELLIPSE, abs=0.06)


def answer_of(items: Landmarks, spacing: PixelSpacing, trust: dict) -> dict:
    """What ``POST /infer`` answers."""
    geometry = Geometry(np.zeros(3), np.eye(3), np.ones(3))
    header = RadiographHeader(None, 400, 300, geometry, spacing, "DICOM")
    return result_document(items, header, spacing, "farnet_demo", "untrained-0", trust)


def test_an_answer_of_infer_says_the_same_as_a_stored_label(opened):
    trust = {
        "calibrated": True,
        "note": "Calibrated on 40 radiographs.",
        "shape": {"plausible": False, "note": "This looks mirrored left to right."},
    }
    fresh = opened.page.evaluate(IN_THE_PAGE, ["predicted", answer_of(calibrated(), PixelSpacing.unknown(), trust)])
    stored = opened.page.evaluate(IN_THE_PAGE, ["stored", {"tag": "original", **pixel_label_document(calibrated())}])
    assert fresh["hint"] == "This looks mirrored left to right. Calibrated on 40 radiographs."
    assert stored["hint"] == ""
    assert fresh["rows"] == stored["rows"]
    assert fresh["document"] == stored["document"] == pixel_label_document(calibrated())


def test_millimetres_where_they_are_known_and_low_confidence_where_nothing_else_is(opened):
    spacing = PixelSpacing(0.1, 0.2, SpacingSource.USER)
    plain = Landmarks((Landmark("A", 1.0, 2.0, confidence=0.2), Landmark("B", 3.0, 4.0, confidence=0.1)))
    flagged = predicted("C", 5.0, 6.0, 0.9, (16.0, 9.0, 0.0), check=True)
    wide = predicted("D", 5.0, 6.0, 0.1, (160.0, 90.0, 0.0))
    items = Landmarks((*plain, wide, flagged))
    shown = opened.page.evaluate(IN_THE_PAGE, ["predicted", answer_of(items, spacing, {"note": "n"})])
    assert [row[:3] for row in shown["rows"]] == [
        ["C", "unsure", "±2.4 mm"],
        ["D", "predicted", "±24 mm"],
        ["B", "unsure", ""],
        ["A", "unsure", ""],
    ]
    assert shown["rows"][0][3] == (
        "In nine cases of ten within 2.4 mm (12 px) of where the model put it; "
        "within the tolerance with a probability of 90 %"
    )
    assert shown["rows"][2][3] == "How sure the model is, 0 to 1; it has not been calibrated"


def test_the_answers_own_words_are_shown(site):
    """A model that nobody has calibrated says so, whether it was asked here or has been elsewhere."""
    ohif, image = site.ohif, site.images["jpeg2000"]
    ohif.open(site.studies["jpeg2000"])
    ohif.press("predict")
    ohif.tells("landmarks predicted")
    note = site.server.find(image)["trust"]["note"]
    assert note
    assert note in ohif.shows("hint", ".")
    asked = {"params": {"image": image, "output": "json"}, "data": {"params": '{"save_label": true}'}}
    assert site.server.infer(**asked).status_code == 200
    ohif.open(site.studies["jpeg2000"])
    ohif.tells("Predicted by")
    assert note in ohif.shows("hint", ".")
    ohif.press("submit")
    ohif.tells("Label submitted")
    assert ohif.page.locator("[data-cy=farnet-hint]").is_hidden()


# --- which radiograph next -------------------------------------------------------------------------------------------


def test_the_servers_strategies_are_offered_the_default_first(site):
    ohif = site.ohif
    ohif.open(site.studies["square"])
    told = site.server.get("/info/")["strategies"]
    offered = ohif.page.locator("[data-cy=farnet-strategy] option").evaluate_all(
        "options => options.map(({ value, title }) => [value, title])"
    )
    assert offered == [[name, strategy["description"]] for name, strategy in told.items()]
    assert ohif.page.locator("[data-cy=farnet-strategy]").input_value() == "random" == next(iter(told))
    ohif.page.locator("[data-cy=farnet-strategy]").select_option("first")
    ohif.open(site.studies["square"])
    assert ohif.page.locator("[data-cy=farnet-strategy]").input_value() == "first"  # remembered


def test_setting_aside_goes_on_to_the_next_sample_and_tells_why_it(site):
    ohif, server = site.ohif, site.server
    ohif.open(site.studies["square"])
    assert ohif.page.locator("[data-cy=farnet-why]").is_hidden()  # opened by hand
    leave(ohif, "later")
    assert server.get("/activelearning/")["deferred"] == [site.images["square"]]
    assert ohif.shows("why", r"\.$") == "In the order of their names."
    second = image_of(ohif)
    assert second != site.images["square"]

    ohif.press("reject")
    ohif.press("reject-confirm")
    assert image_of(ohif) == second  # a reason is wanted
    ohif.page.locator("[data-cy=farnet-reject-reason]").fill("anything")
    ohif.page.locator("[data-cy=farnet-reject-reason]").press("Escape")
    assert ohif.page.locator("[data-cy=farnet-reject-reason]").is_hidden()
    ohif.press("reject")
    ohif.page.locator("[data-cy=farnet-reject-reason]").fill("blurred, as ever")
    leave(ohif, "reject-confirm")
    rejected = server.get("/activelearning/")["rejected"]
    assert {image: told["reason"] for image, told in rejected.items()} == {second: "blurred, as ever"}
    assert image_of(ohif) not in (second, site.images["square"])
    leave(ohif, "take-back")
    assert image_of(ohif) == second
    assert server.get("/activelearning/")["rejected"] == {}
    assert second in server.get("/activelearning/")["busy"]  # nobody else gets it
    assert server.get("/activelearning/")["deferred"] == [site.images["square"]]  # only the last one
    assert ohif.page.locator("[data-cy=farnet-take-back]").is_hidden()


def test_a_clean_end(site):
    ohif, server = site.ohif, site.server
    for image in server.get("/datastore/", params={"output": "all"})["objects"]:
        answer = server.request(
            "PUT", "/activelearning/decision", params={"image": image}, json={"decision": "reject", "reason": "enough"}
        )
        assert answer.status_code == 200, answer.text
    ohif.open(site.studies["square"])
    ohif.press("next-sample")
    assert server.request("POST", "/activelearning/first").json() == {"message": ohif.tells("adiograph.*\\.$")}
    assert ohif.errors == []


def leave(ohif: Ohif, button: str) -> None:
    """Press a button that opens another radiograph, and wait for that."""
    before = ohif.page.url
    ohif.press(button)
    ohif.page.wait_for_url(lambda url: url != before)
    ohif.wait()


def image_of(ohif: Ohif) -> str:
    """The radiograph that is shown."""
    return str(re.search(r"initialSOPInstanceUID=([0-9.]+)", ohif.page.url)[1])

"""An evaluation's files: strict JSON, a page that browsers show and no name breaks, and no file of others is lost."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lib.datasets import read_isbi2015
from lib.evaluation import Evaluation, LeftOut, Published, Yardstick, write_evaluation
from lib.evaluation import evaluation_page as page_module
from lib.evaluation.evaluation_figures import Distances, Mark, draw_cumulative, draw_marks
from lib.evaluation.evaluation_table import by_wrist, published_rows, rows_of_people, rows_of_views
from lib.evaluation.paired import PairingError
from lib.landmarks import LandmarkSet
from tests.datasets.made_sets import spine_points
from tests.evaluation.conftest import make_set
from tests.evaluation.made_cases import TENTH, UNKNOWN, looking, made_case
from tests.evaluation.test_measures import WRISTS
from tests.evaluation.test_run_report import Page
from tests.viewers.ohif import browser

NAN = math.nan
HOSTILE = "<script>window.broken = true</script>\"'& $x_{ \\frac"
COPIES = LeftOut("without copies", "They are elsewhere too.")
READERS = {"labels": 0, "senior": 3, "junior": -4}


def strict(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture
def film(tmp_path):
    """A radiograph's file."""
    path = tmp_path / "films" / "film.png"
    path.parent.mkdir()
    rows, columns = np.mgrid[:300, :240]
    Image.fromarray((255 * np.exp(-((rows - 150) ** 2 + (columns - 120) ** 2) / 8000)).astype(np.uint8)).save(path)
    return str(path)


def made(landmark_set, film, count=10, **more):
    """Images with errors in mm of several patients, a model to compare with and two more readers."""
    random = np.random.default_rng(5)
    cases = []
    for number in range(count):
        misses = random.gamma(3, 5, len(landmark_set))
        left_out_by = frozenset({COPIES.name} if number < 2 else ())
        fixed = {"path": film, "group": str(number // 2), "readers": READERS, "left_out_by": left_out_by}
        given = {"pixel_spacing": TENTH, **fixed, **more}
        cases.append(
            made_case(
                landmark_set, f"film {number}", misses, other=misses + random.normal(0, 2, len(landmark_set)), **given
            )
        )
    return cases


def evaluation(landmark_set, cases, readers=("labels",), **more):
    content = {
        "against": "another",
        "yardsticks": (Yardstick("junior", "senior"), Yardstick("senior", "labels", "flatters")),
    }
    looked = looking(landmark_set, *readers, left_out=[COPIES])
    return Evaluation("A set", "a model", "7", looked, tuple(cases), **{**content, **more})


PUBLISHED = (Published("Somebody et al.", "Table 1", {"mre_mm": 1.12, "sdr_2.0": 88.03}),)


# --- the files --------------------------------------------------------------------------------------------------------


def test_report_json_has_everything_and_its_first_view_at_the_top(tmp_path, tiny_set, film):
    found = evaluation(
        tiny_set, made(tiny_set, film), ("labels", "senior"), published=PUBLISHED, notes=("Mind.",), facts={"fact": 1}
    )
    found.write(tmp_path / "out")
    content = strict(tmp_path / "out" / "report.json")
    assert (content["title"], content["model"], content["version"], content["landmark_set"]) == (
        "A set",
        "a model",
        "7",
        "tiny",
    )
    assert (content["images"], content["patients"], content["reader"], content["fact"]) == (10, 5, "labels", 1)
    views = {view["name"]: view for view in content["views"]}
    assert list(views) == ["labels", "labels, without copies", "senior", "senior, without copies"]
    assert [view["images"] for view in views.values()] == [10, 8, 10, 8]
    assert views["labels"]["mre_mm"] == content["mre_mm"]
    assert views["labels, without copies"]["reason"] == COPIES.reason
    assert [(row["reader"], row["against"], row["mre_px"]) for row in content["people"]] == [
        ("junior", "senior", 7.0),
        ("senior", "labels", 3.0),
    ]
    assert content["published"] == [
        {"method": "Somebody et al.", "source": "Table 1", "figures": {"mre_mm": 1.12, "sdr_2.0": 88.03}}
    ]
    assert content["comparison"]["models"] == ["a model", "another"]
    assert content["comparison"]["other"]["mre_mm"] == content["comparison"]["mean_error"]["other"]
    assert content["notes"] == ["Mind."]


def test_errors_csv_has_the_errors_of_the_first_view(tmp_path, tiny_set, film):
    found = evaluation(tiny_set, made(tiny_set, film))
    found.write(tmp_path)
    lines = (tmp_path / "errors.csv").read_text().splitlines()
    assert len(lines) == 1 + 10 * 3
    mean = np.mean([float(line.split(",")[2]) for line in lines[1:]])
    assert mean == pytest.approx(strict(tmp_path / "report.json")["mre_px"], abs=1e-3)


@pytest.mark.parametrize("spacing", [UNKNOWN, TENTH])
def test_without_anything_found_there_are_files_without_figures(tmp_path, tiny_set, film, spacing):
    nothing = [made_case(tiny_set, "one", [NAN] * 3, path=film, pixel_spacing=spacing)]
    write_evaluation(tmp_path, Evaluation("A set", "m", "", looking(tiny_set), tuple(nothing)))
    content = strict(tmp_path / "report.json")
    assert (content["not_detected"], content["mre_px"]) == (3, None)
    text = Page((tmp_path / "report.html").read_text()).text
    assert "3 landmarks of 3 were not predicted" in text
    assert "nan" not in text


def test_nothing_is_written_where_two_cannot_be_compared(tmp_path, tiny_set):
    cases = [made_case(tiny_set, "one", (1, NAN, NAN), other=(NAN, 2, 3))]
    with pytest.raises(PairingError):
        write_evaluation(tmp_path / "out", Evaluation("t", "m", "", looking(tiny_set), tuple(cases), against="x"))
    assert not (tmp_path / "out").exists()


def test_report_json_comes_last_so_that_whoever_sees_it_has_everything(tmp_path, tiny_set, film, monkeypatch):
    def fail(*_, **__):
        raise OSError("no room")

    monkeypatch.setattr(page_module, "write_atomic", fail)
    with pytest.raises(OSError, match="no room"):
        write_evaluation(tmp_path, evaluation(tiny_set, made(tiny_set, film, 2)))
    assert not (tmp_path / "report.json").exists()


def test_files_of_others_in_the_folder_stay_and_pictures_of_an_earlier_report_go(tmp_path, tiny_set, film):
    theirs = [tmp_path / name for name in ("worst_case.jpg", "worst_of_1999.jpg", "notes.txt", "0001.jpg")]
    for path in theirs:
        path.write_text("mine")
    write_evaluation(tmp_path, evaluation(tiny_set, made(tiny_set, film, 4)))
    write_evaluation(tmp_path, evaluation(tiny_set, made(tiny_set, film, 2)))
    assert all(path.read_text() == "mine" for path in theirs)
    assert len(list(tmp_path.glob("worst_0*.jpg"))) == 2


# --- the gallery ------------------------------------------------------------------------------------------------------


def test_the_gallery_has_the_images_with_the_largest_mean_error_in_the_unit_that_is_shown(tmp_path, tiny_set, film):
    wide = replace(TENTH, x=0.5, y=0.5)
    cases = [made_case(tiny_set, f"{n:02d}", [n] * 3, path=film, pixel_spacing=TENTH) for n in range(1, 11)]
    cases += [
        made_case(tiny_set, "wide", [8] * 3, path=film, pixel_spacing=wide),
        made_case(tiny_set, "lost", [NAN] * 3, path=film, pixel_spacing=TENTH),
    ]
    found = Evaluation("t", "m", "", looking(tiny_set), tuple(cases))
    worst = page_module.draw_worst(tmp_path, found)
    assert [item.image for item in worst] == ["wide", "10", "09", "08", "07", "06", "05", "04"]
    assert [item.told for item in worst[:2]] == ["4.00 mm", "1.00 mm"]
    assert [item.picture.link for item in worst[:2]] == ["worst_01_wide.jpg", "worst_02_10.jpg"]
    for item in worst:
        assert (tmp_path / item.picture.link).is_file()


def test_images_of_unknown_pixels_among_others_are_ranked_in_pixels(tmp_path, tiny_set, film):
    cases = [
        made_case(tiny_set, "small", [9] * 3, path=film),
        made_case(tiny_set, "large", [5] * 3, path=film, pixel_spacing=replace(TENTH, x=0.5, y=0.5)),
    ]
    worst = page_module.draw_worst(tmp_path, Evaluation("t", "m", "", looking(tiny_set), tuple(cases)))
    assert [(item.image, item.told) for item in worst] == [("small", "9.0 px"), ("large", "5.0 px")]


@pytest.mark.parametrize(
    "image", ["../../outside", "a/b", "x" * 250, "ü" * 200, "..", "%2e%2e%2fx", "<b>&'\"", "a b?c#d"]
)
def test_an_images_id_is_no_path(tmp_path, tiny_set, film, image):
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    found = Evaluation("t", "m", "", looking(tiny_set), (made_case(tiny_set, image, [1, 2, 3], path=film),))
    path = write_evaluation(folder, found)
    (picture,) = folder.glob("worst_01_*.jpg")
    assert {path.name for path in tmp_path.rglob("*.jpg")} == {picture.name}
    page = Page(path.read_text(encoding="utf-8"))
    assert image in page.text or image.startswith("<")


def test_a_radiograph_that_is_gone_or_unknown_costs_its_picture_alone(tmp_path, tiny_set):
    cases = (
        made_case(tiny_set, "gone", [5] * 3, path=str(tmp_path / "gone.png")),
        made_case(tiny_set, "unknown", [4] * 3),
    )
    path = write_evaluation(tmp_path, Evaluation("t", "m", "", looking(tiny_set), cases))
    text = Page(path.read_text()).text
    assert "gone: mean error 5.0 px" in text
    assert "unknown: mean error 4.0 px" in text
    assert not list(tmp_path.glob("*.jpg"))


# --- tables -----------------------------------------------------------------------------------------------------------


def test_the_table_has_the_model_the_compared_one_people_and_the_published(tiny_set, film):
    found = evaluation(tiny_set, made(tiny_set, film), ("labels", "senior"), published=PUBLISHED)
    rows = [*rows_of_views(found), *rows_of_people(found), *published_rows(found.published)]
    assert [(row.name, row.note, row.images, row.kind) for row in rows] == [
        ("a model against labels", "", 10, "model"),
        ("a model against labels, without copies", "They are elsewhere too.", 8, "model"),
        ("a model against senior", "", 10, "model"),
        ("a model against senior, without copies", "", 8, "model"),  # the reason once is enough
        ("another against labels", "compared", 10, "model"),
        ("junior against senior", "", 10, "person"),
        ("senior against labels", "flatters", 10, "person"),
        ("Somebody et al.", "Table 1", None, "published"),
    ]
    assert rows[5].cell("mre_mm").text(2) == "0.70"
    assert rows[0].cell("sdr_2.0").value == pytest.approx(100 * found.content["sdr"]["2.0"])
    assert rows[-1].cell("median_mm").text(2) == "–"
    assert rows[-1].cell("sdr_2.0").range(1) == ""


def test_what_is_compared_is_measured_in_the_same_way():
    spine, hand = LandmarkSet.load("spine_68"), LandmarkSet.load("hand_37")
    backs = [
        made_case(spine, str(n), [n + 1.0] * 68, truth=spine_points(), other=[9.0] * 68, size=(384, 144))
        for n in range(3)
    ]
    ours, theirs = rows_of_views(
        Evaluation("t", "m", "", looking(spine), tuple(backs), measures=("spine",), against="x")
    )
    assert theirs.cell("nmse_e4").value == pytest.approx(1e4 * (9 / 144) ** 2, abs=1e-3)
    assert ours.cell("nmse_e4").value < theirs.cell("nmse_e4").value
    hands = (made_case(hand, "one", [10.0] * 37, truth=WRISTS, other=[20.0] * 37),)
    rows = rows_of_views(Evaluation("t", "m", "", looking(hand), hands, measures=("wrists",), against="x"))
    assert [(row.name, row.cell("mre_mm").value) for row in rows] == [
        ("m against labels, wrist 1-5", 2.0),
        ("m against labels, wrist 0-4", 1.0),
        ("x against labels, wrist 1-5", 4.0),
        ("x against labels, wrist 0-4", 2.0),
    ]


def test_hands_without_all_millimetres_still_have_pixels():
    hand = LandmarkSet.load("hand_37")
    unknown = WRISTS.copy()
    unknown[[0, 1]] = NAN
    cases = (made_case(hand, "one", [10.0] * 37, truth=WRISTS), made_case(hand, "two", [20.0] * 37, truth=unknown))
    found = Evaluation("t", "m", "", looking(hand), cases, measures=("wrists",))
    assert page_module.unit_of(found) == "px"
    assert [(row.images, row.cell("mre_px").value is None) for row in rows_of_views(found)] == [(1, False), (1, False)]
    assert list(by_wrist({"images": 3})) == [""]


# --- the page ---------------------------------------------------------------------------------------------------------


def page_of(folder, found):
    return Page(write_evaluation(folder, found).read_text(encoding="utf-8"))


def test_the_page_in_words(tmp_path, tiny_set, film):
    facts = {"split": {"learnt_from": ["film 0"], "not_learnt_from": {"images": 9, "mre_mm": 1.5, "mre_px": 15.0}}}
    page = page_of(tmp_path, evaluation(tiny_set, made(tiny_set, film), published=PUBLISHED, facts=facts))
    assert page.sections == ["Figures", "How far off", "a model and another", "Landmarks", "The worst images"]
    assert "a model version 7 , measured on 10 radiographs of 5 patients against labels" in page.text
    assert "The model has learnt from 1 of these radiographs" in page.text
    assert "On the 9 others the mean radial error is 1.50 mm." in page.text
    assert "by drawing patients anew 10,000 times" in page.text
    assert "Pixel spacing: user (10 images)." in page.text
    assert len([load for load in page.loads if load.startswith("data:image/jpeg;base64,")]) == 8
    assert all(load.startswith(("data:", "#")) for load in page.loads)
    assert len(set(page.ids)) == len(page.ids)


@pytest.mark.parametrize(
    ("count", "group", "sentence"),
    [
        (1, None, "measured on 1 radiograph of 1 patient against"),
        (3, None, "measured on 3 radiographs against"),
        (3, "a", "measured on 3 radiographs of 1 patient against"),
    ],
)
def test_how_many_of_how_many(tmp_path, tiny_set, count, group, sentence):
    cases = [made_case(tiny_set, str(n), [1, 2, 3], group=group) for n in range(count)]
    text = page_of(tmp_path, Evaluation("t", "m", "", looking(tiny_set), tuple(cases))).text
    assert sentence in text
    assert "The size of a pixel is not known, so there are no millimetres." in text


def test_millimetres_of_some_images_are_told(tmp_path, tiny_set):
    cases = (made_case(tiny_set, "a", [1] * 3, pixel_spacing=TENTH), made_case(tiny_set, "b", [3] * 3))
    text = page_of(tmp_path, Evaluation("t", "m", "", looking(tiny_set), cases)).text
    assert "Millimetres are known of 1 of 2 radiographs, so figures are in pixels." in text


def test_a_model_that_has_learnt_from_all_of_them(tmp_path, tiny_set):
    facts = {"split": {"learnt_from": ["a"], "not_learnt_from": {"images": 0, "mre_mm": None, "mre_px": None}}}
    case = made_case(tiny_set, "a", [1] * 3)
    text = page_of(tmp_path, Evaluation("t", "m", "", looking(tiny_set), (case,), facts=facts)).text
    assert "There are no others: the figures say nothing of radiographs that it has not seen." in text


def test_spines_have_a_section_of_their_own(tmp_path):
    spine = LandmarkSet.load("spine_68")
    cases = [made_case(spine, str(n), [n + 1.0] * 68, truth=spine_points(), size=(384, 144)) for n in range(2)]
    page = page_of(tmp_path, Evaluation("t", "m", "", looking(spine), tuple(cases), measures=("spine",)))
    assert page.sections[:2] == ["Figures", "Spine"]
    assert "NMSE, 1e-4" in page.text
    assert "so there are no millimetres" not in page.text


def hostile_evaluation(film):
    names = [HOSTILE, "_hidden $", "a\nb" * 60]
    landmark_set = make_set(names)
    cases = made(landmark_set, film, 3, readers={HOSTILE: 0, "other": 1})
    cases = [replace(case, image=f"{HOSTILE} {case.image}") for case in cases]
    looked = looking(landmark_set, HOSTILE, left_out=[LeftOut(HOSTILE, HOSTILE, (names[1],))])
    return Evaluation(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        looked,
        tuple(cases),
        against="_" + "m" * 300,
        notes=(HOSTILE,),
        yardsticks=(Yardstick("other", HOSTILE),),
        published=(Published(HOSTILE, HOSTILE, {"mre_mm": 1.0}),),
    )


def test_no_name_breaks_the_page(tmp_path, film):
    source = write_evaluation(tmp_path, hostile_evaluation(film)).read_text(encoding="utf-8")
    page = Page(source)
    assert "<script" not in source
    assert HOSTILE in page.text
    assert strict(tmp_path / "report.json")["model"] == HOSTILE


def test_drawings_show_any_name(recwarn):
    names = ("_first", "$x_{", "a\nb", "m" * 200)
    curve = draw_cumulative([Distances(name, np.array([1.0, np.inf, NAN])) for name in names], "px")
    marks = draw_marks("x", "Landmarks", [Mark(name, 1.0, (0.5, 2.0)) for name in names], "px")
    for shown in (" _first", "$x_{", "a b", "m" * 39 + "…"):
        assert f"<!-- {shown} -->" in curve.svg
        assert f"<!-- {shown} -->" in marks.svg
    assert not [warning for warning in recwarn if "matplotlib" in str(warning.filename)]


def test_curves_without_a_distance(tiny_set):
    for errors in ([], [np.inf], [NAN]):
        assert draw_cumulative([Distances("m", np.array(errors, dtype=float))], "mm", (2.0,)).svg.startswith("<svg")


def test_in_a_browser_the_page_has_no_errors_and_shows_its_pictures(tmp_path, film):
    path = write_evaluation(tmp_path, hostile_evaluation(film))
    complaints, requests = [], []
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 420, "height": 900})  # a phone
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        assert page.title() == f"{HOSTILE}: {HOSTILE}"
        sizes = page.eval_on_selector_all("img", "all => all.map(image => [image.naturalWidth, image.complete])")
        assert len(sizes) == 3
        assert all(width > 200 and complete for width, complete in sizes)
        assert page.evaluate("window.broken") is None
        assert page.locator("figure svg").count() == 4
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        with page.expect_navigation():
            page.locator(".worst a").first.click()
        assert page.url.endswith(".jpg")
        assert page.evaluate("document.images[0].naturalWidth") > 600
    assert complaints == []
    assert all(url.startswith(("file:", "data:")) for url in requests)


def test_a_page_of_real_readers(tmp_path, real_data):
    """The junior against the mean on some films of Test1, with pictures."""
    source = real_data / "isbi2015_ceph_half"
    mean, junior = (list(read_isbi2015(source, reader, 0.2, chosen="151-156")) for reader in ("mean", "junior"))
    ceph = LandmarkSet.load("cephalometric_19")
    cases = tuple(
        replace(
            made_case(ceph, study.name, [0.0] * 19, pixel_spacing=study.pixel_spacing, size=(1200, 968)),
            predicted=theirs.landmarks,
            truths={"labels": study.landmarks},
            path=str(study.image),
        )
        for study, theirs in zip(mean, junior, strict=True)
    )
    page = page_of(tmp_path, Evaluation("Test1", "junior", "", looking(ceph), cases))
    assert "within 2 mm, %" in page.text
    assert len(list(tmp_path.glob("worst_*_isbi2015_15*.jpg"))) == 6

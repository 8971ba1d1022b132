"""The report of a run as people and browsers read it: what it says in which case, and that it stays one safe page."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from lib.evaluation import EpochRecord, RunRecordError, ScoredModel, Validation, save_overlay, write_run_report
from lib.evaluation.curves import draw_comparison, draw_curves
from lib.evaluation.gallery import MAX_PICTURE_BYTES, choose_epochs, read_gallery
from lib.evaluation.run_report import REPORT_FILE
from lib.evaluation.run_summary import worst_first
from lib.evaluation.wording import count, distance, duration, moment, number, percent
from lib.landmarks import Landmarks
from tests.evaluation.conftest import make_set
from tests.evaluation.made_runs import SERVED, STARTED, make_data, make_epoch, make_gate, make_record, make_run

VOID = {"meta", "img", "br", "link", "hr"}
CURVES = [
    "Training loss",
    "Mean radial error, held-out radiographs",
    "Landmarks within 2 mm, held-out radiographs",
    "Learning rate",
]


class Page(HTMLParser):
    """A page as a browser takes it: every element closed, its text, its sections, what it would load."""

    def __init__(self, source):
        super().__init__()
        self.open, self.texts, self.ids, self.loads, self.tags, self.refresh = [], [], [], [], [], None
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())
        self.sections = [text.strip() for tag, text in self.tags if tag == "h2"]

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.loads += [values[key] for key in ("src", "data", "poster") if key in values]
        self.loads += [values[key] for key in ("href", "xlink:href") if key in values and tag != "a"]
        if values.get("http-equiv") == "refresh":
            self.refresh = values["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.tags.append((self.open[-1] if self.open else "", data))
        if "style" not in self.open:
            self.texts.append(data)


def report(folder, record, epochs=()):
    """Write the report of a made run and read it back."""
    path = write_run_report(make_run(folder, record, epochs))
    assert path == folder / REPORT_FILE
    return Page(path.read_text(encoding="utf-8"))


def finished(**changes):
    content = {"status": "finished", "ended": STARTED.replace(hour=18), "data": make_data(), "gate": make_gate()}
    return make_record(**{**content, "best_epoch": 2, "epochs": 3, **changes})


EPOCHS = [make_epoch(1, 40.0), make_epoch(2, 7.0), make_epoch(3, 8.0)]


# --- what it says --------------------------------------------------------------------------------------------------


def test_a_finished_run_from_top_to_bottom(tmp_path):
    record = finished(notes=["Batch 4 became 2."], options={"seed": 7, "augment": True, "imagenet": None})
    page = report(tmp_path, record, EPOCHS)
    assert page.sections == [
        "Learning",
        "Comparison with the model in use",
        "Held-out error of each landmark",
        "Data",
        "Options",
        "Notes",
    ]
    for words in (
        "Tiny set",
        "Training run 20261125_161203 of model farnet_ceph finished",
        "Published as version 20261125_161203 It is nearer.",
        "Started 2026-11-25 16:12 +0100, ended 2026-11-25 18:12 +0100, on CPU (process 4711 on workstation)",
        "Started from ImageNet weights.",
        "Mean radial error 1.45 mm in use: 1.71 mm",
        "Within 2 mm 75.0 % in use: 70.0 %",
        "Best epoch 2 of 3 trained",
        "Trained on 4 images of 2 patients",
        "Held out 2 images of 1 patient",
        "Time 6 s 2.0 s an epoch",
        "Rule. The nearer one is published.",
        "mean radial error 1.45 mm 1.71 mm in pixels 7.2 px 8.5 px within 2 mm 75.0 % 70.0 % score 0.700 0.800",
        "−0.100 95 % interval −0.300 to 0.050",
        "Chance that the candidate is better 91 %",
        "The candidate is nearer on 1 of 2 held-out radiographs.",
        "image 1 patient 1 0.90 0.60",
        "after epoch 2, the largest first. landmark px Orbitale 21.0 Nasion 14.0 Sella 7.0",
        "Split splits.csv",
        "Hash of the data 8d0f2a6b",
        "image 99 its label is empty",
        "patient 0 image 0, image 1",
        "augment yes imagenet – seed 7",
        "Batch 4 became 2.",
        "For research use; not a medical device.",
    ):
        assert words in page.text
    assert page.refresh is None


def test_every_curve_is_there_once_with_ids_of_its_own(tmp_path):
    page = report(tmp_path, finished(), EPOCHS)
    captions = [text for tag, text in page.tags if tag == "figcaption"]
    assert captions == [*CURVES, "Each held-out radiograph under both models"]
    assert len(page.ids) == len(set(page.ids))
    source = (tmp_path / REPORT_FILE).read_text()
    for used in re.findall(r'url\(#([^)]+)\)|(?:xlink:)?href="#([^"]+)"', source):
        assert (used[0] or used[1]) in page.ids


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"publish": False, "verdict": "Not published: its chance is 41 %."}, "Not published Its chance is 41 %."),
        ({"publish": False, "verdict": "too few images."}, "Not published Too few images."),
        ({"verdict": ""}, "Published as version 20261125_161203 Started"),
        ({"candidate": None}, "Published as version 20261125_161203 It is nearer."),
    ],
)
def test_the_verdict_is_said_once(tmp_path, gate, words):
    page = report(tmp_path, finished(gate=make_gate(**gate)), EPOCHS)
    assert words in page.text
    assert page.text.count("ublished:") == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "failed", "message": "The disk is full."}, "failed Failed The disk is full."),
        ({"status": "stopped"}, "Stopped before there was a model to compare"),
        ({"status": "interrupted"}, "interrupted Interrupted Started"),
        ({"status": "finished"}, "Finished without a comparison"),
        ({"epochs": 75}, "Training: 3 of 75 epochs done"),
        ({"options": {"max_epochs": 9}}, "Training: 3 of 9 epochs done"),
        ({"options": {"max_epochs": 0}}, "Training: 3 epochs done"),
        ({"parent": "20261120_090112"}, "Started from ImageNet weights (version 20261120_090112)."),
        ({"parent": "v1", "start": "the model in use, version v1"}, "Started from the model in use, version v1."),
    ],
)
def test_without_a_comparison_it_says_how_far_the_run_came(tmp_path, changes, words):
    page = report(tmp_path, make_record(**changes), EPOCHS)
    assert words in page.text
    assert "Comparison with the model in use" not in page.sections


def test_only_a_run_that_goes_on_loads_itself_again(tmp_path):
    page = report(tmp_path, make_record(epochs=13), EPOCHS)
    assert page.refresh == "30"
    assert "about 20 s to go" in page.text
    assert report(tmp_path, make_record(status="stopped")).refresh is None


def test_a_verdict_counts_once_the_run_has_ended(tmp_path):
    page = report(tmp_path, finished(status="running", ended=None), EPOCHS)
    assert "Training: 3 of 3 epochs done" in page.text
    assert "Published as" not in page.text


@pytest.mark.parametrize(
    ("patients", "words", "warned"),
    [
        (0, "It is not recorded which images", True),
        (1, "1 image of 1 patient: it says nothing about other patients", True),
        (7, "7 images of 7 patients. That is few: it is a weak comparison", True),
        (8, "8 images of 8 patients: small differences may be chance", False),
        (30, "The comparison rests on 30 images of 30 patients.", False),
    ],
)
def test_few_patients_are_said_to_be_few(tmp_path, patients, words, warned):
    page = report(tmp_path, finished(gate=make_gate([(0.5, 0.6)] * patients)), EPOCHS)
    assert words in page.text
    assert ('class="weak"' in (tmp_path / REPORT_FILE).read_text()) == warned


def test_images_of_one_patient_count_as_one(tmp_path):
    images = [image.model_copy(update={"group": "the same"}) for image in make_gate().images]
    page = report(tmp_path, finished(gate=make_gate(images=images)), EPOCHS)
    assert "2 images of 1 patient: it says nothing" in page.text


# --- empty, partial, large -----------------------------------------------------------------------------------------


def test_a_run_that_has_just_started(tmp_path):
    page = report(tmp_path, make_record())
    assert page.sections == ["Learning"]
    assert "Training: 0 epochs done" in page.text
    assert "No epoch has been finished yet." in page.text
    assert "Mean radial error – Within 2 mm – Best epoch – of 0 trained Time –" in page.text


def test_epochs_without_a_validation(tmp_path):
    page = report(tmp_path, make_record(), [make_epoch(1, validated=False)])
    assert [text for tag, text in page.tags if tag == "figcaption"] == [CURVES[0], CURVES[3]]
    assert "There has been no validation on the held-out radiographs yet." in page.text


def test_a_first_model_has_nothing_to_be_compared_with(tmp_path):
    gate = make_gate([(0.5, None)], served=None, difference=None, interval=None, chance=None)
    page = report(tmp_path, finished(gate=gate), EPOCHS)
    assert "There was no model in use to compare with." in page.text
    assert "image 0 patient 0 0.50 –" in page.text
    assert "Chance that" not in page.text
    assert "weak" not in page.text
    assert "in use: " not in page.text


def test_without_millimetres_errors_are_in_pixels(tmp_path):
    candidate, served = (model.model_copy(update={"mre_mm": None}) for model in (make_gate().candidate, SERVED))
    gate = make_gate(candidate=candidate, served=served)
    page = report(tmp_path, finished(gate=gate), [make_epoch(1, mm=False), make_epoch(2, 7.0, mm=False)])
    assert "Mean radial error 7.2 px in use: 8.5 px" in page.text
    assert "mean radial error – – in pixels 7.2 px 8.5 px" in page.text


def test_what_diverged_is_a_dash_and_never_nan(tmp_path):
    nothing = Validation(sdr_2mm=math.nan, mre_px=math.inf, per_landmark={"Sella": math.nan, "Nasion": 3.0})
    epochs = [make_epoch(1), EpochRecord(epoch=2, loss=math.nan, learning_rate=1e-3, validation=nothing)]
    page = report(tmp_path, make_record(best_epoch=2), epochs)
    assert "landmark px Nasion 3.0 Sella – Orbitale –" in page.text
    assert "Within 2 mm – " in page.text
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", page.text, re.IGNORECASE)


def test_a_damaged_record_is_said_and_an_old_report_stays(tmp_path):
    report(tmp_path, make_record())
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunRecordError, match="damaged"):
        write_run_report(tmp_path)
    assert "Tiny set" in (tmp_path / REPORT_FILE).read_text()


def test_nothing_but_the_report_is_left_behind(tmp_path):
    report(tmp_path, finished(), EPOCHS)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "history.jsonl", REPORT_FILE}


def test_a_long_run_of_many_landmarks_and_noisy_pictures_stays_below_3_mb(tmp_path):
    names = [f"landmark {number}" for number in range(68)]
    rng = np.random.default_rng(0)
    epochs = [
        EpochRecord(
            epoch=epoch,
            loss=float(rng.random()),
            learning_rate=1e-3,
            seconds=1.0,
            validation=Validation(
                sdr_2mm=0.5, mre_px=float(rng.random()), per_landmark=dict.fromkeys(names, float(rng.random()))
            ),
        )
        for epoch in range(1, 301)
    ]
    record = finished(landmarks=names, best_epoch=222, data=make_data(1600, 400), gate=make_gate([(0.5, 0.7)] * 400))
    tiny, noise = make_set(["a"]), rng.integers(0, 255, (1200, 1000), dtype=np.uint8)
    (tmp_path / "overlays" / "epoch_0001").mkdir(parents=True)
    save_overlay(tmp_path / "overlays" / "epoch_0001" / "0.jpg", noise, Landmarks.from_points(["a"], [(5, 5)]), tiny)
    for epoch in (50, 100, 150, 200, 222, 300):
        (tmp_path / "overlays" / f"epoch_{epoch:04d}").mkdir()
    for folder in (tmp_path / "overlays").iterdir():
        for image in range(6):
            (folder / f"{image}.jpg").write_bytes((tmp_path / "overlays/epoch_0001/0.jpg").read_bytes())
    page = report(tmp_path, record, epochs)
    assert len([uri for uri in page.loads if uri.startswith("data:image/jpeg")]) == 16
    assert (tmp_path / REPORT_FILE).stat().st_size < 3_000_000
    assert all(name in page.text for name in names)
    assert "48 more landmarks" in page.text


# --- safe ----------------------------------------------------------------------------------------------------------


def test_names_are_text_and_the_page_loads_nothing(tmp_path):
    evil = "<script>alert(1)</script>&\"'$x_{$"
    data = make_data().model_dump()
    data["split"] = [{"image": evil, "group": evil, "side": "train"}]
    data["left_out"] = [{"image": evil, "reason": evil}]
    data |= {"hash": evil, "split_source": evil}
    scored = ScoredModel(version=evil)
    images = [{"image": evil, "group": evil, "candidate": 0.4, "served": 0.5}]
    gate = make_gate(rule=evil, verdict=evil, candidate=scored, served=scored, images=images)
    texts = dict.fromkeys(("run", "model", "landmark_set", "title", "message", "host", "code", "device", "start"), evil)
    record = finished(
        **texts, landmarks=[evil], notes=[evil], options={evil: evil}, parent="p<b>", data=data, gate=gate
    )
    epochs = [EpochRecord(epoch=2, loss=0.1, validation=Validation(mre_px=3.0, per_landmark={evil: 3.0}))]
    page = report(tmp_path, record, epochs)
    source = (tmp_path / REPORT_FILE).read_text()
    assert "<script" not in source
    assert "<b>p" not in source
    assert page.text.count(evil) > 20
    assert all(link.startswith(("data:", "#")) for link in page.loads)
    assert "@import" not in source
    assert not re.search(r"url\((?!#)", source)


# --- its parts -----------------------------------------------------------------------------------------------------


def test_curves_say_their_last_value_and_the_level_of_the_model_in_use():
    assert [curve.alt for curve in draw_curves(EPOCHS, SERVED, best_epoch=2)] == [
        "Training loss: 0.08000 loss at epoch 3",
        "Mean radial error, held-out radiographs: 1.60 mm at epoch 3; the model in use 1.71 mm",
        "Landmarks within 2 mm, held-out radiographs: 12.5 % at epoch 3; the model in use 70.0 %",
        "Learning rate: 0.00033333 learning rate at epoch 3",
    ]


def test_a_curve_is_in_millimetres_only_where_all_of_it_is():
    mixed = [make_epoch(1), make_epoch(2, mm=False)]
    assert "20.00 px at epoch 2" in draw_curves(mixed)[1].alt
    in_pixels = SERVED.model_copy(update={"mre_mm": None})
    assert "the model in use 8.50 px" in draw_curves(EPOCHS, in_pixels)[1].alt


def test_more_marks_are_drawn_where_there_is_more_to_show():
    """The level and the best epoch are lines of their own in the picture, in their own colours."""
    plain, full = (draw_curves(EPOCHS, *more)[1].svg for more in ((), (SERVED, 2)))
    assert ("#d55e00" in plain, "#007a5a" in plain) == (False, False)
    assert ("#d55e00" in full, "#007a5a" in full) == (True, True)


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0], [1e-9, 1e9], [5.0, math.nan, 3.0], [2.0] * 300])
def test_curves_of_any_values_are_drawn(values):
    epochs = [EpochRecord(epoch=n, loss=v, validation=Validation(mre_px=v)) for n, v in enumerate(values, start=1)]
    assert [curve.title for curve in draw_curves(epochs, best_epoch=1)] == CURVES[:2]


def test_the_comparison_counts_ties_and_missing_errors_as_not_better():
    images = make_gate([(0.4, 0.5), (0.5, 0.5), (0.6, 0.5), (0.4, None), (None, 0.5)]).images
    assert draw_comparison(images).alt == "The candidate is nearer on 1 of 3 held-out radiographs."
    assert draw_comparison(images[3:]) is None
    assert draw_comparison(make_gate([(0.0, 0.0)]).images).alt.startswith("The candidate is nearer on 0 of 1")


def test_landmarks_are_ranked_by_their_error():
    validation = Validation(per_landmark={"b": 2.0, "a": 0.0, "other": 5.0, "c": None})
    assert worst_first(["a", "b", "c", "d"], validation) == [
        ("other", 5.0),
        ("b", 2.0),
        ("a", 0.0),
        ("c", None),
        ("d", None),
    ]


@pytest.mark.parametrize(
    ("epochs", "best", "chosen"),
    [
        ([], 3, ()),
        ([5], None, (5,)),
        ([1, 2, 3, 4], 2, (1, 2, 3, 4)),
        ([10, 20, 30, 40, 50, 60], 50, (10, 30, 50, 60)),
        ([10, 20, 30, 40, 50], 50, (10, 20, 30, 50)),
        (range(1, 101), None, (1, 50, 75, 100)),
        (range(1, 101), 333, (1, 50, 75, 100)),
    ],
)
def test_first_best_and_last_epochs_are_shown(epochs, best, chosen):
    assert choose_epochs(list(epochs), best) == chosen


def test_overlays_are_small_copies_that_lead_to_their_originals(tmp_path, radiograph, tiny_set):
    points = Landmarks.from_points(["a", "b", "c"], [(60, 80), (150, 120), (100, 220)])
    for epoch, names in ((10, ["one", "t w#o"]), (20, ["one"])):
        folder = tmp_path / "overlays" / f"epoch_{epoch:04d}"
        folder.mkdir(parents=True)
        for name in names:
            save_overlay(folder / f"{name}.jpg", radiograph, points, tiny_set)
    (tmp_path / "overlays" / "epoch_0020" / "t w#o.jpg").write_bytes(b"\xff\xd8 torn")
    (tmp_path / "overlays" / "notes").mkdir()
    gallery = read_gallery(tmp_path)
    assert gallery.epochs == (10, 20)
    assert [(name, [picture is not None for picture in row]) for name, row in gallery.rows] == [
        ("one", [True, True]),
        ("t w#o", [True, False]),
    ]
    picture = gallery.rows[1][1][0]
    assert picture.link == "overlays/epoch_0010/t%20w%23o.jpg"
    content = base64.b64decode(picture.uri.removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(content)).size == (480, 600)
    assert len(content) <= MAX_PICTURE_BYTES
    page = report(tmp_path, finished(best_epoch=20), EPOCHS)
    assert "epoch 10 epoch 20 (best)" in page.text
    assert "Held-out radiographs over the epochs" in page.sections


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(None), "–"),
        (number(math.nan), "–"),
        (number(-1.005, 1), "−1.0"),
        (number(-0.0001), "0.00"),
        (percent(0.5), "50.0 %"),
        (percent(None), "–"),
        (distance(1.5, 7.0), "1.50 mm"),
        (distance(None, 7.0), "7.0 px"),
        (distance(None, None), "–"),
        (count(1, "patient"), "1 patient"),
        (count(0, "patient"), "0 patients"),
        (duration(0.4), "0 s"),
        (duration(59.6), "1 min"),
        (duration(200), "3 min 20 s"),
        (duration(1090), "18 min"),
        (duration(7500), "2 h 5 min"),
        (duration(100_800), "1 d 4 h"),
        (moment(STARTED), "2026-11-25 16:12 +0100"),
    ],
)
def test_words(text, expected):
    assert text == expected

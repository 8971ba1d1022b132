"""The report against tables worked by hand, real readers, and the rules of JSON."""

import csv
import json
import math

import numpy as np
import pytest

from lib.evaluation.report import CSV_HEADER, ImageErrors, Report
from lib.landmarks import Landmark, Landmarks, LandmarksError, State
from lib.radiographs.spacing import PixelSpacing, SpacingSource

NAN = math.nan
UNKNOWN = PixelSpacing.unknown()
NAMES = ["a", "b", "c"]


def place(*points, confidences=None):
    return Landmarks.from_points(NAMES, points, confidences)


def tenth_of_a_millimetre():
    return PixelSpacing(0.1, 0.1, SpacingSource.USER)


@pytest.fixture
def report():
    """Two images in mm and one without: errors 10, 30, missed; not annotated, 50, 5; and 7, 0, missed pixels."""
    origin = (100, 100)
    return Report.build(
        [
            ("one", place((110, 100), (100, 130), (NAN, NAN)), place(origin, origin, origin), tenth_of_a_millimetre()),
            ("two", place((1, 1), (130, 140), (103, 104)), place((NAN, NAN), origin, origin), tenth_of_a_millimetre()),
            ("three", place((107, 100), origin, (NAN, NAN)), place(origin, origin, origin), UNKNOWN),
        ]
    )


def strict_json(content):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(json.dumps(content, allow_nan=False), parse_constant=refuse)


def test_figures_of_a_table_worked_by_hand(report):
    content = strict_json(report.as_dict())
    assert content.pop("per_landmark").keys() == {"a", "b", "c"}
    intervals = content.pop("intervals")
    assert content == {
        "images": 3,
        "patients": 3,
        "images_with_mm": 2,
        "landmarks": 8,
        "not_detected": 2,
        "mre_px": 17.0,  # (10 + 30 + 50 + 5 + 7 + 0) / 6
        "median_px": 20.0,  # between the fourth and fifth of 0 5 7 10 30 50 inf inf
        "sd_px": pytest.approx(np.std([10, 30, 50, 5, 7, 0]), abs=1e-4),
        "percentiles_px": {"75": None, "90": None, "95": None, "99": None, "max": None},  # among those not predicted
        "mre_mm": 2.375,  # (1 + 3 + 5 + 0.5) / 4
        "median_mm": 3.0,  # the third of 0.5 1 3 5 inf
        "sd_mm": pytest.approx(np.std([1, 3, 5, 0.5]), abs=1e-4),
        "percentiles_mm": {"75": 5.0, "90": None, "95": None, "99": None, "max": None},
        "sdr": {"2.0": 0.4, "2.5": 0.4, "3.0": 0.6, "4.0": 0.6},  # of five annotated, one of them missed
        "per_group": {},
        "pixel_spacing_sources": {"user": 2, "unknown": 1},
    }
    assert intervals["mre_px"] == [3.5, 27.5]  # of all draws the least and most are one image drawn thrice
    assert intervals["mre_mm"] == [2.0, 2.75]
    assert intervals["sdr"]["3.0"] == [0.5, 0.6667]


def test_figures_of_each_landmark(report):
    found = strict_json(report.as_dict())["per_landmark"]
    never, always = dict.fromkeys(["2.0", "2.5", "3.0", "4.0"], 0.0), dict.fromkeys(["2.0", "2.5", "3.0", "4.0"], 1.0)
    assert found["a"] == {
        "count": 2,
        "not_detected": 0,
        "mre_px": 8.5,
        "mre_mm": 1.0,
        "sdr": always,
        "intervals": {"mre_px": [7.0, 10.0], "mre_mm": None},
    }
    assert found["b"]["sdr"] == {**never, "3.0": 0.5, "4.0": 0.5}
    assert found["c"] == {
        "count": 3,
        "not_detected": 2,
        "mre_px": 5.0,
        "mre_mm": 0.5,
        "sdr": dict.fromkeys(["2.0", "2.5", "3.0", "4.0"], 0.5),
        "intervals": {"mre_px": None, "mre_mm": None},  # one image has a distance
    }


def test_landmarks_of_a_group_are_also_told_together(report):
    grouped = Report(report.images, landmark_groups={"jaw": ("a", "c"), "skull": ("b",), "foot": ("toe",)})
    told = strict_json(grouped.as_dict())["per_group"]
    assert told.keys() == {"jaw", "skull"}  # no image lists a toe
    alone = strict_json(
        Report.build(
            (image.image, image.predicted, Landmarks(tuple(replace_b(image.truth))), image.pixel_spacing)
            for image in report.images
        ).as_dict()
    )
    for key in ("landmarks", "not_detected", "mre_px", "mre_mm", "sdr", "intervals"):
        assert told["jaw"][key] == alone[key]


def replace_b(truth):
    return (item if item.name != "b" else Landmark("b", state=State.UNDEFINED) for item in truth)


def test_images_of_a_patient_are_drawn_together():
    cases = [(str(number), place(*[(number, 0)] * 3), place(*[(0, 0)] * 3), UNKNOWN) for number in range(6)]
    apart = Report.build(cases)
    pairs = Report(tuple(ImageErrors.compare(*case, group=str(int(case[0]) // 2)) for case in cases))
    one = Report(tuple(ImageErrors.compare(*case, group="a") for case in cases))
    assert [report.as_dict()["patients"] for report in (apart, pairs, one)] == [6, 3, 1]
    assert pairs.as_dict()["intervals"]["mre_px"] == [0.5, 4.5]  # one patient drawn thrice
    assert apart.as_dict()["intervals"]["mre_px"] != [0.5, 4.5]
    told = one.as_dict()
    assert told["intervals"]["mre_px"] is told["intervals"]["sdr"]["2.0"] is None
    assert told["per_landmark"]["a"]["intervals"]["mre_px"] is None


def test_counts_of_the_landmarks_add_up_to_the_whole(report):
    content = report.as_dict()
    for whole, part in (("landmarks", "count"), ("not_detected", "not_detected")):
        assert content[whole] == sum(landmark[part] for landmark in content["per_landmark"].values())


def test_without_millimetres_figures_in_mm_are_null():
    content = strict_json(Report.build([("x", place((3, 4), (0, 0), (0, 0)), place(*[(0, 0)] * 3), UNKNOWN)]).as_dict())
    assert content["mre_px"] == pytest.approx(5 / 3, abs=1e-4)
    assert content["images_with_mm"] == 0
    assert [content[key] for key in ("mre_mm", "median_mm", "sd_mm")] == [None] * 3
    assert content["sdr"] == dict.fromkeys(["2.0", "2.5", "3.0", "4.0"])
    assert content["per_landmark"]["a"]["mre_mm"] is None


@pytest.mark.parametrize(
    "cases",
    [
        [],
        [("nothing annotated", place(*[(1, 1)] * 3), place(*[(NAN, NAN)] * 3), tenth_of_a_millimetre())],
        [("nothing predicted", place(*[(NAN, NAN)] * 3), place(*[(1, 1)] * 3), tenth_of_a_millimetre())],
        [("no landmarks", Landmarks(()), Landmarks(()), UNKNOWN)],
    ],
    ids=["no image", "nothing annotated", "nothing predicted", "no landmarks"],
)
def test_empty_reports_are_json_without_figures(cases, tmp_path):
    report = Report.build(cases)
    content = strict_json(report.as_dict())
    assert content["images"] == len(cases)
    assert content["mre_px"] is content["mre_mm"] is content["median_mm"] is content["sd_mm"] is None
    assert content["intervals"]["mre_px"] is None
    report.write_errors_csv(tmp_path / "errors.csv")
    assert len((tmp_path / "errors.csv").read_text().splitlines()) == 1 + content["landmarks"]


def test_nothing_predicted_is_no_success():
    case = ("x", Landmarks(()), place(*[(1, 1)] * 3), tenth_of_a_millimetre())
    content = Report.build([case]).as_dict()
    assert content["sdr"]["4.0"] == 0.0
    assert content["not_detected"] == content["landmarks"] == 3


def test_hands_are_judged_at_other_radii():
    case = ("x", place((60, 0), (0, 0), (0, 0)), place(*[(0, 0)] * 3), tenth_of_a_millimetre())
    assert Report.build([case], (2, 4, 10)).as_dict()["sdr"] == {"2.0": 0.6667, "4.0": 0.6667, "10.0": 1.0}


def test_landmarks_are_matched_by_name_not_by_order():
    truth = place((0, 0), (50, 50), (90, 90))
    shuffled = Landmarks(tuple(truth[name] for name in "cab"))
    errors = ImageErrors.compare("x", shuffled, truth, UNKNOWN)
    np.testing.assert_array_equal(errors.px, [0, 0, 0])


def test_an_occluded_landmark_is_judged_and_a_missing_one_is_not():
    truth = Landmarks((Landmark("a", 1, 1, State.OCCLUDED), Landmark("b", state=State.MISSING)))
    errors = ImageErrors.compare("x", Landmarks.from_points(["a", "b"], [(1, 3), (1, 3)]), truth, UNKNOWN)
    np.testing.assert_array_equal(errors.px, [2, NAN])


def test_a_prediction_of_another_set_is_refused():
    hand = Landmarks.from_points(["thumb"], [(1, 1)])
    with pytest.raises(LandmarksError, match=r"Prediction and annotation of 12\.png do not go together: .*'thumb'"):
        Report.build([("12.png", hand, place(*[(0, 0)] * 3), UNKNOWN)])


def test_every_annotated_landmark_has_a_row(report, tmp_path):
    path = tmp_path / "errors.csv"
    report.write_errors_csv(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_HEADER
    assert [(row["image"], row["landmark"], row["error_px"], row["error_mm"]) for row in rows] == [
        ("one", "a", "10.0", "1.0"),
        ("one", "b", "30.0", "3.0"),
        ("one", "c", "", ""),
        ("two", "b", "50.0", "5.0"),
        ("two", "c", "5.0", "0.5"),
        ("three", "a", "7.0", ""),
        ("three", "b", "0.0", ""),
        ("three", "c", "", ""),
    ]
    assert rows[1]["y_true"] == "100.0"
    assert rows[1]["y_predicted"] == "130.0"
    assert rows[2]["x_predicted"] == ""
    assert rows[5]["pixel_spacing_source"] == "unknown"


def test_csv_keeps_confidence_and_awkward_ids(tmp_path):
    confident = place((1, 1), (1, 1), (1, 1), confidences=[0.25, None, 1.0])
    Report.build([('a, "b" é', confident, place(*[(1, 1)] * 3), UNKNOWN)]).write_errors_csv(tmp_path / "e.csv")
    with (tmp_path / "e.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["confidence"] for row in rows] == ["0.25", "", "1.0"]
    assert rows[0]["image"] == 'a, "b" é'


def test_two_readers_of_test1_differ_as_counted_in_whole_pixels(real_data):
    """Junior against senior on 151-300: 2.36 mm; 55.54 % within 20 px of the original files, ten of them at 20 px."""
    half, names = real_data / "isbi2015_ceph_half", [str(number) for number in range(1, 20)]

    def read(reader, number):
        path = half / f"400_{reader}" / f"{number}.txt"
        return Landmarks.from_points(names, np.loadtxt(path, delimiter=",", max_rows=19))

    spacing = PixelSpacing(0.2, 0.2, SpacingSource.USER)
    cases = [(str(n), read("junior", n), read("senior", n), spacing) for n in range(151, 301)]
    content = Report.build(cases).as_dict()
    differences = np.array([predicted.points() - truth.points() for _, predicted, truth, _ in cases])
    squared = (np.rint(2 * differences).astype(int) ** 2).sum(axis=-1)  # exact: whole pixels of the original files
    assert content["landmarks"] == 2850
    assert content["mre_mm"] == pytest.approx(2.3631, abs=1e-4)
    for radius_px in (20, 25, 30, 40):
        expected = (squared <= radius_px**2).mean()
        assert content["sdr"][str(radius_px / 10)] == pytest.approx(expected, abs=1e-4)

"""Predictions in a folder: ours and other programs', and the sentences for what cannot be read."""

import csv
import json

import numpy as np
import pytest

from lib.evaluation import Report
from lib.formats import LabelError, json_text, read_predictions, result_document, write_csv
from lib.landmarks import Landmarks, State
from lib.radiographs import PixelSpacing

NAMES = ("a", "b", "c")
POINTS = np.array([[1.5, 2.25], [30.0, 4.0], [np.nan, np.nan]])


@pytest.fixture
def found():
    return Landmarks.from_points(NAMES, POINTS, [0.5, None, None])


def write_table(folder, rows, name="landmarks.csv", encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder


HEADER = ("image", "landmark", "x_px", "y_px")


def test_what_predict_writes_comes_back(tmp_path, found):
    write_csv(
        tmp_path / "landmarks.csv", [("one", found, PixelSpacing.unknown()), ("two", found, PixelSpacing.unknown())]
    )
    read = read_predictions(tmp_path, NAMES)
    assert list(read) == ["one", "two"]
    np.testing.assert_array_equal(read["two"].points(), POINTS)
    assert [item.state for item in read["one"]] == [State.DEFINED, State.DEFINED, State.UNDEFINED]
    assert [item.confidence for item in read["one"]] == [0.5, None, None]


def test_what_evaluate_writes_comes_back(tmp_path, found):
    truth = Landmarks.from_points(NAMES, POINTS[[1, 0, 1]])
    Report.build([("one", found, truth, PixelSpacing.unknown())]).write_errors_csv(tmp_path / "errors.csv")
    np.testing.assert_array_equal(read_predictions(tmp_path, NAMES)["one"].points(), POINTS)


def test_a_json_file_an_image_comes_back_and_other_files_are_passed_over(tmp_path, found, header):
    document = result_document(found, header, PixelSpacing.unknown(), "model", "1")
    (tmp_path / "img.1.json").write_text(json_text(document))
    (tmp_path / "img.1.mrk.json").write_text("{}")
    (tmp_path / "img.1.overlay.jpg").write_text("no JSON")
    read = read_predictions(tmp_path, NAMES)
    assert list(read) == ["img.1"]
    np.testing.assert_array_equal(read["img.1"].points(), POINTS)


def test_four_columns_of_another_program_are_enough_in_any_order(tmp_path):
    rows = [("y_px", "landmark", "image", "x_px"), (2, "b", "x", 1), (4, "a", "x", 3.5), (6, "c", "y", 5)]
    read = read_predictions(write_table(tmp_path / "theirs", rows), NAMES)
    np.testing.assert_array_equal(read["x"].points(), [[3.5, 4], [1, 2], [np.nan, np.nan]])
    assert read["y"]["a"].state is State.UNDEFINED


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", " "])
def test_a_landmark_without_a_place_was_not_found(tmp_path, nothing):
    read = read_predictions(write_table(tmp_path, [HEADER, ("x", "a", nothing, nothing), ("x", "b", 1, 2)]), NAMES)
    assert [item.state for item in read["x"]] == [State.UNDEFINED, State.DEFINED, State.UNDEFINED]


def test_a_spreadsheets_mark_at_the_beginning_is_no_part_of_a_column(tmp_path):
    read = read_predictions(write_table(tmp_path, [HEADER, ("Müller", "a", 1, 2)], encoding="utf-8-sig"), NAMES)
    assert list(read) == ["Müller"]


def test_the_table_of_places_goes_before_the_table_of_errors(tmp_path):
    write_table(tmp_path, [("image", "landmark", "x_predicted", "y_predicted"), ("x", "a", 9, 9)], "errors.csv")
    write_table(tmp_path, [HEADER, ("x", "a", 1, 2)])
    assert read_predictions(tmp_path, NAMES)["x"]["a"].x == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([HEADER[:3], ("x", "a", 1)], "Table {} has no column 'y_px'."),
        ([], "Table {} has no column 'image'."),
        ([HEADER], "Table {} has no predictions."),
        ([HEADER, ("x", "d", 1, 2)], "{} is of another landmark set: Unknown landmark 'd': "),
        ([HEADER, ("x", "a", 1, 2), ("x", "a", 1, 2)], "{}, image x: Landmark 'a' is listed more than once."),
        ([HEADER, ("x", "a", 1, "")], "Line 2 of {} has a place, or a confidence, that is no number."),
        ([HEADER, ("x", "a", 1)], "Line 2 of {} has a place, or a confidence, that is no number."),
        ([HEADER, ("x", "a", "left", 2)], "Line 2 of {} has a place, or a confidence, that is no number."),
        ([HEADER, ("x", "a", 1, "nan")], "Line 2 of {}: Landmark 'a' is defined but its position is not finite."),
        ([HEADER, ("x", "a", "inf", 1)], "Line 2 of {}: Landmark 'a' is defined but its position is not finite."),
        (
            [(*HEADER, "confidence"), ("x", "b", 1, 2, 0.5), ("x", "a", 1, 2, 3)],
            "Line 3 of {}: Landmark 'a' has confidence 3.0, outside 0 to 1.",
        ),
        (
            [(*HEADER, "confidence"), ("x", "a", 1, 2, "sure")],
            "Line 2 of {} has a place, or a confidence, that is no number.",
        ),
        ([HEADER, ("x" * 200_000, "a", 1, 2)], "{} is not a table of comma-separated values in UTF-8."),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, rows, sentence):
    write_table(tmp_path, rows)
    with pytest.raises(LabelError) as error:
        read_predictions(tmp_path, NAMES)
    assert str(error.value).startswith(sentence.format(tmp_path / "landmarks.csv"))


def test_a_table_in_another_encoding(tmp_path):
    write_table(tmp_path, [HEADER, ("Müller", "a", 1, 2)], encoding="latin-1")
    with pytest.raises(LabelError, match=r"landmarks\.csv is not a table of comma-separated values in UTF-8\."):
        read_predictions(tmp_path, NAMES)


@pytest.mark.parametrize("content", ["{}", "[1]", "no JSON", json.dumps({"model": "m", "version": "1"})])
def test_a_json_file_that_is_no_result_is_named(tmp_path, content):
    (tmp_path / "setting.json").write_text(content)
    with pytest.raises(LabelError, match=r"setting\.json: Not a landmark result: "):
        read_predictions(tmp_path, NAMES)


def test_a_folder_without_predictions_and_none(tmp_path):
    with pytest.raises(LabelError) as error:
        read_predictions(tmp_path, NAMES)
    assert str(error.value) == (
        f"There are no predictions in {tmp_path}: neither landmarks.csv, errors.csv nor a JSON file an image as "
        "'predict' writes it."
    )
    with pytest.raises(LabelError) as error:
        read_predictions(tmp_path / "absent", NAMES)
    assert str(error.value) == f"There is no folder {tmp_path / 'absent'} with predictions."

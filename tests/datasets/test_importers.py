"""Importers: each public layout, made small, and the refusals."""

import csv
import json
import logging

import numpy as np
import pytest
import scipy.io
from PIL import Image

from lib.datasets import DatasetError, read_aasce, read_hand, read_isbi2015
from lib.datasets.aasce import find_fault, sort_corners
from lib.datasets.phantoms import make_phantom
from lib.radiographs import SpacingSource


def save_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((20, 16), np.uint8)).save(path)


def save_lines(path, points, extra=("1", "2")):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*(f"{x},{y}" for x, y in points), *extra]) + "\n")


# --- ISBI 2015 --------------------------------------------------------------------------------------------------------

SENIOR = np.arange(38).reshape(19, 2)
JUNIOR = SENIOR + np.array([1, 4])


@pytest.fixture(params=["published", "one folder"])
def isbi(request, tmp_path):
    """Films 2, 151 and 301 in the published layout, or in the folder ``images``."""
    splits = {"002": "TrainingData", "151": "Test1Data", "301": "Test2Data"}
    for number, split in splits.items():
        published = request.param == "published"
        save_image(tmp_path / (f"RawImage/{split}/{number}.bmp" if published else f"images/{number}.jpg"))
        labels = tmp_path / ("AnnotationsByMD" if published else ".")
        save_lines(labels / "400_senior" / f"{number}.txt", SENIOR)
        save_lines(labels / "400_junior" / f"{number}.txt", JUNIOR)
    return tmp_path


@pytest.mark.parametrize(
    ("reader", "expected"), [("senior", SENIOR), ("junior", JUNIOR), ("mean", SENIOR + np.array([0.5, 2.0]))]
)
def test_isbi_readers(isbi, reader, expected):
    studies = list(read_isbi2015(isbi, reader))
    assert [study.name for study in studies] == ["isbi2015_002", "isbi2015_151", "isbi2015_301"]
    assert [study.provenance["split"] for study in studies] == ["train", "test1", "test2"]
    for study in studies:
        np.testing.assert_array_equal(study.landmarks.points(), expected)
        assert study.landmarks.names[0] == "Sella"
        assert study.provenance["reader"] == reader
        assert study.image.is_file()


def test_isbi_spacing_is_the_callers_and_said_so(isbi):
    assert next(read_isbi2015(isbi)).pixel_spacing.as_dict() == {"x": 0.1, "y": 0.1, "source": "user"}
    assert next(read_isbi2015(isbi, pixel_spacing_mm=0.2)).pixel_spacing.x == 0.2


def test_isbi_reads_only_what_is_asked_for(isbi):
    for path in isbi.rglob("301.txt"):
        path.write_text("broken")
    studies = read_isbi2015(isbi)
    assert [next(studies).name, next(studies).name] == ["isbi2015_002", "isbi2015_151"]
    with pytest.raises(DatasetError, match=r"301\.txt has 0 lines 'x,y'; 19 are expected"):
        next(studies)


def test_isbi_refusals(isbi, tmp_path):
    with pytest.raises(DatasetError, match="No reader 'both' in ISBI 2015: give one of mean, senior, junior"):
        next(read_isbi2015(isbi, "both"))
    with pytest.raises(DatasetError, match=r"No folder .+absent: give the folder that holds the ISBI 2015 data set"):
        next(read_isbi2015(isbi / "absent"))
    label = next(isbi.rglob("400_junior/002.txt"))
    save_lines(label, [("one", 2)] * 19)
    with pytest.raises(DatasetError, match=r"002\.txt has a coordinate that is not a number"):
        next(read_isbi2015(isbi))
    label.unlink()
    with pytest.raises(DatasetError, match=r"Film 002\.\w+ has no label: .+400_junior/002\.txt is missing"):
        next(read_isbi2015(isbi))
    for path in label.parent.iterdir():
        path.unlink()
    label.parent.rmdir()
    with pytest.raises(DatasetError, match="no labels by the junior reader: 400_junior is missing"):
        next(read_isbi2015(isbi))
    assert next(read_isbi2015(isbi, "senior")).name == "isbi2015_002"


def test_a_folder_without_images(tmp_path):
    with pytest.raises(DatasetError, match=r"There are no images in .+images or .+TrainingData"):
        next(read_isbi2015(tmp_path))


def test_the_same_film_twice(isbi):
    image = next(path for path in isbi.rglob("002.*") if path.suffix != ".txt")
    save_image(image.with_suffix(".png"))
    with pytest.raises(DatasetError, match=r"Two images are called 002: .+ and .+"):
        next(read_isbi2015(isbi))


def test_real_cephalograms(real_data):
    half = list(read_isbi2015(real_data / "isbi2015_ceph_half", pixel_spacing_mm=0.2))
    splits = [study.provenance["split"] for study in half]
    assert (splits.count("train"), splits.count("test1")) == (150, 150)
    full = {study.name: study for study in read_isbi2015(real_data / "isbi2015_ceph")}
    assert len(full) == 20
    for study in half:
        width, height = Image.open(study.image).size
        study.landmarks.check_inside(height, width)
        if study.name in full:  # the same point of the film, in mm from its corner
            other = full[study.name]
            corner_mm = (study.landmarks.points() + 0.5) * study.pixel_spacing.x
            other_mm = (other.landmarks.points() + 0.5) * other.pixel_spacing.x
            np.testing.assert_allclose(corner_mm, other_mm, atol=0.06)


def test_real_mean_is_the_middle_of_the_two_readers(real_data):
    source = real_data / "isbi2015_ceph"
    senior, junior, mean = (
        next(read_isbi2015(source, reader)).landmarks.points() for reader in ("senior", "junior", "mean")
    )
    np.testing.assert_allclose(mean, (senior + junior) / 2)
    assert not np.array_equal(senior, junior)


# --- AASCE ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def corners():
    """(68, 2) corners of a spine without fault."""
    return make_phantom("spine_68", 1, (512, 192)).landmarks.points()


@pytest.fixture
def aasce(tmp_path, corners):
    """Two good labels and one whose T5 and T6 have changed places."""
    exchanged = corners.copy()
    exchanged[16:20], exchanged[20:24] = corners[20:24], corners[16:20]
    for name, points in (("a 1", corners), ("b 2", exchanged), ("c 3", corners)):
        save_image(tmp_path / f"data/training/{name}.jpg")
        (tmp_path / "labels/training").mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(tmp_path / f"labels/training/{name}.jpg.mat", {"p2": points}, appendmat=False)
    return tmp_path


def test_aasce_leaves_out_suspect_labels_and_says_so(aasce, corners, caplog):
    with caplog.at_level(logging.WARNING):
        studies = list(read_aasce(aasce))
    assert [study.name for study in studies] == ["aasce_a_1", "aasce_c_3"]
    np.testing.assert_allclose(studies[0].landmarks.points(), corners)
    assert studies[0].pixel_spacing is None
    assert "left out 1 of 3 labels: b 2.jpg (T6 does not lie below the vertebra before it)" in caplog.text


def test_aasce_flags_suspect_labels_on_request(aasce, caplog):
    studies = list(read_aasce(aasce, skip_suspect=False))
    assert [study.provenance["suspect"] for study in studies] == [
        None,
        "T6 does not lie below the vertebra before it",
        None,
    ]
    assert not caplog.records
    assert json.dumps(studies[1].provenance)


def test_aasce_test_split(aasce):
    (aasce / "data/training").rename(aasce / "data/test")
    (aasce / "labels/training").rename(aasce / "labels/test")
    assert len(list(read_aasce(aasce, split="test"))) == 2


def test_find_fault_names_the_vertebra(corners):
    assert find_fault(corners) is None
    sides = corners.reshape(17, 4, 2)[:, [1, 0, 3, 2]].reshape(68, 2)
    assert find_fault(sides) == "T1 has left and right corners swapped"
    upside_down = corners.copy()
    upside_down[-4:] = corners[-4:][[2, 3, 0, 1]]
    assert find_fault(upside_down) == "L5 has upper and lower corners swapped"


def test_sorting_corners_repairs_any_order_within_a_vertebra(corners, aasce):
    rng = np.random.default_rng(0)
    mixed = np.concatenate([rng.permutation(group) for group in corners.reshape(17, 4, 2)])
    np.testing.assert_array_equal(sort_corners(mixed), corners)
    scipy.io.savemat(aasce / "labels/training/a 1.jpg.mat", {"p2": mixed}, appendmat=False)
    np.testing.assert_array_equal(next(read_aasce(aasce, reorder_corners=True)).landmarks.points(), corners)
    assert next(read_aasce(aasce)).name == "aasce_c_3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a matrix", "is not a readable MATLAB file"),
        (b"", "is not a readable MATLAB file"),
        ({"p1": np.zeros((68, 2))}, "has no variable 'p2'"),
        ({"p2": np.zeros((67, 2))}, r"has 'p2' of shape \(67, 2\); 68 rows of x and y are expected"),
        ({"p2": np.full((68, 2), "x")}, "has 'p2' of shape"),
        ({"p2": np.full((68, 2), np.nan)}, "has 'p2' with a coordinate that is not finite"),
    ],
)
def test_aasce_labels_that_cannot_be_read(aasce, content, message):
    path = aasce / "labels/training/a 1.jpg.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        scipy.io.savemat(path, content, appendmat=False)
    with pytest.raises(DatasetError, match=rf"a 1\.jpg\.mat {message}"):
        next(read_aasce(aasce))


def test_aasce_missing_label_and_unknown_split(aasce):
    (aasce / "labels/training/a 1.jpg.mat").unlink()
    with pytest.raises(DatasetError, match=r"Radiograph a 1\.jpg has no label: .+a 1\.jpg\.mat is missing"):
        next(read_aasce(aasce))
    with pytest.raises(DatasetError, match=r"There are no images in .+data/validation"):
        next(read_aasce(aasce, split="validation"))


def test_the_known_bad_labels_of_the_real_data_are_found(real_data, caplog):
    studies = list(read_aasce(real_data / "aasce_spine"))
    assert len(studies) == 481 - 27
    assert len({study.name for study in studies}) == len(studies)
    assert "left out 27 of 481 labels" in caplog.text


# --- hand -------------------------------------------------------------------------------------------------------------

ROW = [str(value) for value in range(74)]


def save_table(path, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_payers_table_beside_a_folder_of_images(tmp_path):
    save_image(tmp_path / "images/3142.jpg")
    save_table(tmp_path / "all.csv", [["3128", *ROW], ["3142", *ROW]])
    (study,) = read_hand(tmp_path)
    assert (study.name, study.image.name, study.pixel_spacing) == ("hand_3142", "3142.jpg", None)
    np.testing.assert_array_equal(study.landmarks.points(), np.arange(74).reshape(37, 2))


def test_a_table_with_a_header_beside_the_images(tmp_path):
    save_image(tmp_path / "7.png")
    header = ["file", "mm_per_px_nominal", *(f"{axis}{number}" for number in range(1, 38) for axis in "xy")]
    save_table(tmp_path / "landmarks_px.csv", [header, ["7.png", "0.1", *ROW]])
    (study,) = read_hand(tmp_path)
    assert study.landmarks["Little finger tip"].x == 72.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["9", *ROW]], r"Radiograph 7\.png has no label in .+all\.csv"),
        ([["7", *ROW[:-1]]], r"Line 1 of .+all\.csv has 74 columns; a name and 37 points are expected"),
        ([["8", *ROW], ["7", *ROW[:-1], "?"]], r"Line 2 of .+all\.csv has a coordinate that is not a number"),
        (None, r"has neither landmarks_px\.csv nor all\.csv"),
    ],
)
def test_hand_refusals(tmp_path, rows, message):
    save_image(tmp_path / "7.png")
    if rows is not None:
        save_table(tmp_path / "all.csv", rows)
    with pytest.raises(DatasetError, match=message):
        next(read_hand(tmp_path))


def test_real_hands(real_data):
    studies = list(read_hand(real_data / "hand"))
    assert [study.name for study in studies] == ["hand_3167", "hand_5245", "hand_7232"]
    for study in studies:
        width, height = Image.open(study.image).size
        study.landmarks.check_inside(height, width)


def test_no_importer_invents_a_spacing(real_data):
    assert next(read_hand(real_data / "hand")).pixel_spacing is None
    assert next(read_aasce(real_data / "aasce_spine")).pixel_spacing is None
    assert next(read_isbi2015(real_data / "isbi2015_ceph")).pixel_spacing.source is SpacingSource.USER

"""Protocols: what the files say, that parts are disjoint and complete, and the sentences for what is not there."""

import csv
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lib.datasets import DatasetError, MissingReaderError, Protocol, ProtocolError, Study, protocol, protocol_names
from lib.datasets.hand import read_folds
from lib.datasets.protocol import FOLDER, Selection
from lib.evaluation.evaluation_table import KEYS, columns
from lib.evaluation.measures import MEASURES
from lib.landmarks import LandmarkSet
from lib.radiographs import Fingerprint, read_radiograph, same_pictures
from tests.datasets.made_sets import ceph_points, make_hands, make_isbi, make_spines, spine_points


def names(studies):
    return [study.name for study in studies]


def spine(patient, letter="A"):
    return f"sunhl-1th-02-Jan-2017-{patient} {letter} AP"


def misordered():
    """Its first two vertebrae have changed places."""
    points = spine_points().copy()
    points[:8] = points[[4, 5, 6, 7, 0, 1, 2, 3]]
    return points


# --- the files --------------------------------------------------------------------------------------------------------


def test_there_is_one_for_each_public_set():
    assert protocol_names() == ("aasce", "aasce_held_out", "hand_cv", "isbi2015")


@pytest.mark.parametrize("name", protocol_names())
def test_what_a_protocol_names_is_there(name):
    chosen = Protocol.load(name)
    landmarks = LandmarkSet.load(chosen.landmark_set)
    assert chosen.name == name
    assert {"radial", *MEASURES} >= set(chosen.measures)
    assert len({test.name for test in chosen.tests}) == len(chosen.tests)
    for test in chosen.tests:
        assert set(test.readers or ()) <= set(chosen.readers)
        assert len({exclusion.name for exclusion in test.exclusions}) == len(test.exclusions)
        for exclusion in test.exclusions:
            assert set(exclusion.landmarks) <= set(landmarks.names)
            assert exclusion.landmarks or exclusion.images or exclusion.suspect
            assert exclusion.reason.endswith(".")
    assert all(note.endswith(".") for note in chosen.notes)


@pytest.mark.parametrize("name", protocol_names())
def test_published_figures_are_those_of_the_table_and_possible(name):
    chosen = Protocol.load(name)
    kinds = ["spine" if "spine" in chosen.measures else "mm"]
    known = {column.key for kind in kinds for column in columns(kind, chosen.thresholds_mm)} | {"mre_mm"}
    for row in (row for test in chosen.tests for row in test.published):
        assert row.figures
        assert row.figures.keys() <= known
        rates = [row.figures[f"sdr_{radius}"] for radius in chosen.thresholds_mm if f"sdr_{radius}" in row.figures]
        assert rates == sorted(rates)
        assert all(0 < rate <= 100 for rate in rates)
        assert row.figures.get("or40", 0) <= row.figures.get("or20", 0)
    assert KEYS.keys() == {"mm", "px", "spine"}


def test_farnets_own_figures_are_those_of_the_paper():
    one, two = (test.published for test in Protocol.load("isbi2015").tests)
    found = [next(row for row in rows if row.method.startswith("FARNet")).figures for rows in (one, two)]
    assert list(found[0].values()) == [1.12, 88.03, 92.73, 95.96, 98.48]
    assert list(found[1].values()) == [1.42, 77.00, 84.42, 89.47, 95.21]
    (hands,) = Protocol.load("hand_cv").tests
    own = next(row for row in hands.published if row.source.startswith("paper") and row.method.startswith("FARNet"))
    assert list(own.figures.values()) == [0.62, 0.55, 97.24, 99.8, 100.0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"readrs": ["x"]}, "The protocol is not valid: readrs: Extra inputs are not permitted."),
        ({"training": {"nubmers": "1-2"}}, "not valid: training.nubmers: Extra inputs are not permitted."),
        ({"training": {"numbers": "1:2"}}, "not valid: training.numbers: String should match pattern"),
        ({"tests": []}, "not valid: tests: Tuple should have at least 1 item"),
        ({"folds": 0}, "not valid: folds: Input should be greater than or equal to 1."),
        ({"measures": ["radial", "hips"]}, "not valid: measures.1: Input should be 'radial', 'wrists' or 'spine'."),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path, monkeypatch, change, sentence):
    content = yaml.safe_load((FOLDER / "isbi2015.yaml").read_text(encoding="utf-8"))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**content, **change}))
    monkeypatch.setattr(protocol, "FOLDER", tmp_path)
    with pytest.raises(ProtocolError) as error:
        Protocol.load("mine")
    assert sentence in str(error.value)


def test_a_protocol_or_part_that_there_is_not():
    with pytest.raises(ProtocolError) as error:
        Protocol.load("../isbi2015")
    assert str(error.value) == (
        "There is no protocol '../isbi2015': choose one of aasce, aasce_held_out, hand_cv, isbi2015."
    )
    chosen = Protocol.load("isbi2015")
    assert (chosen.test(None).name, chosen.test("test2").name) == ("test1", "test2")
    with pytest.raises(ProtocolError) as error:
        chosen.test("test3")
    assert str(error.value) == "Protocol 'isbi2015' has no part 'test3': choose of test1, test2."


# --- ISBI 2015 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def isbi(tmp_path):
    return make_isbi(tmp_path / "ISBI", (1, 150, 151, 173, 300, 301, 400))


def test_films_teach_and_test_as_published(isbi):
    chosen = Protocol.load("isbi2015")
    assert names(chosen.training_studies(isbi)) == ["isbi2015_001", "isbi2015_150"]
    assert names(chosen.test_studies(isbi, chosen.test("test1"), "mean")) == [
        "isbi2015_151",
        "isbi2015_173",
        "isbi2015_300",
    ]
    assert names(chosen.test_studies(isbi, chosen.test("test2"), "mean")) == ["isbi2015_301", "isbi2015_400"]


def test_the_first_reader_teaches_and_each_can_judge(isbi):
    chosen = Protocol.load("isbi2015")
    (taught, _) = chosen.training_studies(isbi)
    np.testing.assert_array_equal(taught.landmarks.points(), ceph_points(1) + np.array([1.5, 2]))
    judged = [next(chosen.test_studies(isbi, chosen.test("test1"), reader)) for reader in chosen.readers]
    moves = [(study.landmarks.points() - ceph_points(151)).tolist()[0] for study in judged]
    assert moves == [[1.5, 2], [0, 0], [3, 4], [0, 0]]  # mean, senior, junior, and the challenge's: the senior's


def test_the_challenges_own_labels_are_those_of_test2_alone(isbi):
    chosen = Protocol.load("isbi2015")
    with pytest.raises(MissingReaderError, match="no labels by the challenge reader: 400_challenge is missing"):
        next(chosen.test_studies(isbi, chosen.test("test2"), "challenge"))
    make_isbi(isbi, (301, 400), ("challenge",))
    (isbi / "AnnotationsByMD" / "400_challenge" / "301.txt").write_text("5,6\n" * 19)
    found = next(chosen.test_studies(isbi, chosen.test("test2"), "challenge"))
    np.testing.assert_array_equal(found.landmarks.points(), [[5, 6]] * 19)


def test_labels_of_other_parts_need_not_be_there(isbi):
    for reader in ("senior", "junior"):
        (isbi / "AnnotationsByMD" / f"400_{reader}" / "301.txt").unlink()
    chosen = Protocol.load("isbi2015")
    assert len(names(chosen.test_studies(isbi, chosen.test("test1"), "mean"))) == 3
    with pytest.raises(DatasetError, match=r"Film 301\.bmp has no label"):
        next(chosen.test_studies(isbi, chosen.test("test2"), "mean"))


def test_a_part_that_is_not_there_is_a_sentence(tmp_path):
    chosen = Protocol.load("isbi2015")
    with pytest.raises(DatasetError, match="There is none of the films 301-400 in the folder: 1 others are"):
        next(chosen.test_studies(make_isbi(tmp_path, (7,)), chosen.test("test2"), "mean"))


@pytest.mark.parametrize(("shrunk", "spacing"), [(1.0, 0.1), (2.0, 0.2), (0.5, 0.05)])
def test_smaller_files_have_larger_pixels(isbi, shrunk, spacing):
    chosen = Protocol.load("isbi2015")
    found = [
        *chosen.training_studies(isbi, shrunk),
        *chosen.test_studies(isbi, chosen.test("test1"), "mean", shrunk),
    ]
    assert {(study.pixel_spacing.x, study.pixel_spacing.y) for study in found} == {(spacing, spacing)}


def test_duplicates_are_dropped_by_the_films_number(isbi):
    chosen = Protocol.load("isbi2015")
    test = chosen.test("test1")
    duplicates, landmark = test.exclusions
    studies = list(chosen.test_studies(isbi, test, "mean"))
    assert [duplicates.drops(study) for study in studies] == [False, True, False]
    assert not any(landmark.drops(study) for study in studies)


def test_the_duplicates_are_those_that_were_found(real_data):
    with (real_data / "isbi2015_ceph" / "duplicates.csv").open(newline="") as stream:
        pairs = [(int(row["first"]), int(row["second"])) for row in csv.DictReader(stream)]
    joining = sorted(f"{second}" for first, second in pairs if first <= 150 < second)
    assert len(joining) == 20
    test1 = Protocol.load("isbi2015").test("test1")
    assert sorted(test1.exclusions[0].images) == joining
    within = {(f"{first}", f"{second}") for first, second in pairs if 150 < first <= 300}
    assert set(test1.same_picture) == within


def test_the_same_picture_under_two_numbers_is_of_one_patient(tmp_path):
    films = make_isbi(tmp_path, (159, 160, 278))
    chosen = Protocol.load("isbi2015")
    test1 = chosen.test("test1")
    patients = [test1.patient(study) for study in chosen.test_studies(films, test1, "mean")]
    assert patients == ["as 159", None, "as 159"]


# --- hands ------------------------------------------------------------------------------------------------------------

HANDS = ("3142", "3128", "3144", "3170", "3182", "3183", "3197")


@pytest.fixture
def hands(tmp_path):
    return make_hands(tmp_path / "hands", HANDS)


def parts(root):
    """Of each fold what teaches and what tests."""
    chosen = Protocol.load("hand_cv")
    (test,) = chosen.tests
    return [
        (
            set(names(chosen.training_studies(root, fold=fold))),
            set(names(chosen.test_studies(root, test, "labels", fold=fold))),
        )
        for fold in (1, 2, 3)
    ]


def test_folds_are_disjoint_and_complete(hands):
    every = {f"hand_{stem}" for stem in HANDS}
    found = parts(hands)
    for taught, tested in found:
        assert not taught & tested
        assert taught | tested == every
    assert sorted(name for _, tested in found for name in tested) == sorted(every)
    chosen = Protocol.load("hand_cv")
    assert set(names(chosen.test_studies(hands, chosen.tests[0], "labels"))) == every


def test_without_lists_every_third_of_the_table_is_a_fold(hands):
    assert read_folds(hands) == dict(zip([f"hand_{stem}" for stem in HANDS], [1, 2, 3, 1, 2, 3, 1], strict=True))


@pytest.mark.parametrize("place", ["cv/set{}/test.txt", "cv/set{}.txt", "setup/cv/set{}/test.txt"])
def test_published_lists_are_followed(hands, place):
    for number, stems in enumerate((HANDS[4:], HANDS[:1], HANDS[1:4]), start=1):
        path = hands / place.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems) + "\n")
    tested = [tested for _, tested in parts(hands)]
    assert [len(fold) for fold in tested] == [3, 1, 3]
    assert tested[1] == {"hand_3142"}


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ((HANDS[:3], HANDS[3:], None), r"has lists of folds, but none of fold 3\."),
        ((HANDS[:3], HANDS[3:], HANDS[:1]), r"Radiograph 3142 is in fold 1 and in .+set3\.txt\."),
        ((HANDS[:3], HANDS[3:5], HANDS[5:6]), r"Radiograph 3197 is in none of the 3 lists of folds\."),
    ],
)
def test_lists_that_are_no_folds(hands, lists, sentence):
    (hands / "cv").mkdir()
    for number, stems in enumerate(lists, start=1):
        if stems is not None:
            (hands / "cv" / f"set{number}.txt").write_text("\n".join(stems))
    with pytest.raises(DatasetError, match=sentence):
        read_folds(hands)


# --- spines -----------------------------------------------------------------------------------------------------------


def test_patients_are_never_on_both_sides(tmp_path):
    patients = (4, 5, 10, 11, 20, 80, 85, 162, 165)
    radiographs = {spine(patient, letter): spine_points() for patient in patients for letter in "AB"}
    radiographs["sunhl-1th-20-Jul-2016-coronal15"] = spine_points()  # nobody knows whose: it teaches
    root = make_spines(tmp_path, radiographs)
    chosen = Protocol.load("aasce_held_out")
    taught = list(chosen.training_studies(root))
    tested = list(chosen.test_studies(root, chosen.tests[0], "labels"))
    of = [{study.provenance["patient"] for study in part} for part in (taught, tested)]
    assert of == [{None, "4", "11", "162"}, {"10", "20", "165"}]  # 5, 80 and 85 are others' under another number
    assert (len(taught), len(tested)) == (7, 6)


HELD_OUT = Protocol.load("aasce_held_out")


@given(st.integers(0, 400))
def test_a_patient_has_one_side_at_most(number):
    study, chosen = Study(Path("x.jpg"), "x", None, None, {"patient": str(number)}), HELD_OUT
    sides = [selection.takes(study) for selection in (chosen.training, chosen.tests[0].images)]
    assert sum(sides) == (0 if number in (5, 35, 80, 85) else 1)


@pytest.mark.parametrize("patient", [None, "", "x"])
def test_a_radiograph_of_nobody_known_is_of_no_numbered_patient(patient):
    study = Study(Path("x.jpg"), "x", None, None, {"patient": patient})
    assert Selection(but_patients_divisible_by=5).takes(study)
    assert not Selection(patients_divisible_by=5).takes(study)


def test_faulty_labels_do_not_teach_and_are_tested_with_and_without(tmp_path, caplog):
    radiographs = {spine(1): misordered(), spine(2): spine_points()}
    make_spines(tmp_path, radiographs)
    make_spines(tmp_path, {"a": misordered(), "b": spine_points()}, "test")
    chosen = Protocol.load("aasce")
    with caplog.at_level(logging.WARNING):
        assert names(chosen.training_studies(tmp_path)) == [f"aasce_{spine(2)}".replace(" ", "_")]
        tested = list(chosen.test_studies(tmp_path, chosen.tests[0], "labels"))
    assert names(tested) == ["aasce_a", "aasce_b"]
    (without,) = chosen.tests[0].exclusions
    assert [without.drops(study) for study in tested] == [True, False]


def test_no_radiograph_held_out_is_a_copy_of_one_that_teaches(real_data):
    """Of the 481, 24 pairs are crops of one another, some under the numbers of two patients."""
    source, chosen = real_data / "aasce_spine", Protocol.load("aasce_held_out")
    taught, tested = (
        list(studies)
        for studies in (
            chosen.training_studies(source),
            chosen.test_studies(source, chosen.tests[0], "labels"),
        )
    )
    pictures = [Fingerprint.of(read_radiograph(study.image).pixels) for study in (*taught, *tested)]
    across = [(first, second) for first, second, *_ in same_pictures(pictures) if first < len(taught) <= second]
    assert across == []
    assert (len(taught), len(tested)) == (365, 88)

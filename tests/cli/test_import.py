"""``import``: a public data set becomes a folder of studies."""

import numpy as np
import pytest
from PIL import Image

from lib.landmarks import LandmarkSet
from monailabel_app.datastores import StudiesFolder
from tests.cli.conftest import run
from tests.datasets.made_sets import ceph_points, make_isbi, make_spines, spine_points
from tests.tiny import CEPH

SENIOR = np.arange(10, 48).reshape(19, 2)
JUNIOR = SENIOR + np.array([2, 4])


@pytest.fixture
def isbi(tmp_path):
    """Films 1, 2 and 151 in the published layout, each a little different."""
    root = tmp_path / "ISBI 2015"
    for number, split in {1: "TrainingData", 2: "TrainingData", 151: "Test1Data"}.items():
        film = root / "RawImage" / split / f"{number:03d}.bmp"
        film.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((80, 60), number, np.uint8)).save(film)
        for reader, points in (("senior", SENIOR), ("junior", JUNIOR)):
            label = root / "AnnotationsByMD" / f"400_{reader}" / f"{number:03d}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(f"{x},{y}\n" for x, y in points) + "1\n2\n")
    return root


def store(folder):
    return StudiesFolder(folder, {"farnet_ceph": CEPH})


@pytest.mark.parametrize(
    ("reader", "expected"), [("senior", SENIOR), ("junior", JUNIOR), (None, (SENIOR + JUNIOR) / 2)]
)
def test_labels_spacing_and_provenance(isbi, tmp_path, reader, expected):
    choice = ("--reader", reader) if reader else ()
    done = run("import", "isbi2015", isbi, tmp_path / "my studies", "--pixel-spacing", 0.2, *choice)
    assert done.code == 0, done.err
    assert f"3 labelled radiographs in {tmp_path / 'my studies'}" in done.out
    studies = store(tmp_path / "my studies")
    assert studies.get_labeled_images() == ["isbi2015_001", "isbi2015_002", "isbi2015_151"]
    for image in studies.list_images():
        np.testing.assert_allclose(studies.landmarks(image).points(), expected, atol=1e-6)
        assert studies.pixel_spacing(image).as_dict() == {"x": 0.2, "y": 0.2, "source": "user"}
        source = studies.get_label_info(image, "final")["source"]
        assert (source["dataset"], source["reader"]) == ("ISBI 2015", reader or "mean")
    assert studies.get_label_info("isbi2015_151", "final")["source"]["split"] == "test1"


def test_the_challenges_own_labels_of_the_last_films(isbi, tmp_path):
    """Of all others the challenge's are the senior's."""
    make_isbi(isbi, (301,), ("challenge",))
    done = run("import", "isbi2015", isbi, tmp_path / "studies", "--reader", "challenge")
    assert done.code == 0, done.err
    studies = store(tmp_path / "studies")
    np.testing.assert_allclose(studies.landmarks("isbi2015_151").points(), SENIOR, atol=1e-6)
    np.testing.assert_allclose(studies.landmarks("isbi2015_301").points(), ceph_points(301), atol=1e-6)
    done = run("import", "isbi2015", isbi, tmp_path / "others", "--reader", "senior")
    assert done.code == 2
    assert "Film 301.bmp has no label" in done.err


def test_the_patient_of_a_spine_is_noted_where_the_file_says(tmp_path):
    names = ("sunhl-1th-02-Jan-2017-162 A AP", "sunhl-1th-02-Jan-2017-162 B AP", "sunhl-1th-20-Jul-2016-coronal1")
    spines = make_spines(tmp_path / "AASCE", {name: spine_points() for name in names})
    assert run("import", "aasce", spines, tmp_path / "studies").code == 0
    studies = StudiesFolder(tmp_path / "studies", {"farnet_spine": LandmarkSet.load("spine_68")})
    one, again, nobody = (studies.identity(image).patient for image in studies.list_images())
    assert one == again is not None
    assert nobody is None


def test_some_of_the_films_and_once_more(isbi, tmp_path):
    for _ in range(2):
        done = run("import", "isbi2015", isbi, tmp_path / "studies", "--images", "2-151")
        assert (done.code, done.out.split()[0]) == (0, "2"), done.err
    assert store(tmp_path / "studies").list_images() == ["isbi2015_002", "isbi2015_151"]
    assert store(tmp_path / "studies").pixel_spacing("isbi2015_002").x == 0.1


def test_a_damaged_film_costs_a_sentence_not_the_others(isbi, tmp_path):
    (isbi / "RawImage" / "TrainingData" / "002.bmp").write_text("no picture")
    done = run("import", "isbi2015", isbi, tmp_path / "studies")
    assert done.code == 2
    assert "2 labelled radiographs" in done.out
    assert [line for line in done.err.splitlines() if line.startswith("farnet import: isbi2015_002: ")]
    assert store(tmp_path / "studies").list_images() == ["isbi2015_001", "isbi2015_151"]


@pytest.mark.parametrize("numbers", ["x", "1-", "-3", "1-x", "1:3"])
def test_numbers_that_are_none(isbi, tmp_path, numbers):
    done = run("import", "isbi2015", isbi, tmp_path / "studies", f"--images={numbers}")
    assert done.code == 2
    assert f"'--images {numbers}' is not of the form FIRST-LAST, such as 1-150." in done.err

"""``import observers`` and ``observers``: readings of several people, and the report about them."""

import json

import numpy as np
import pytest
from PIL import Image

from lib.formats import json_text
from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import Landmarks
from monailabel_app.datastores import StudiesFolder
from tests.cli.conftest import run
from tests.tiny import CEPH

FIVE = (9, 10, 3, 12, 15)


def store(folder):
    return StudiesFolder(folder, {"farnet_ceph": CEPH})


@pytest.fixture
def films(tmp_path):
    """Films 1 and 2 at half the size, 0.2 mm a pixel, as ``import isbi2015`` leaves them."""
    source = tmp_path / "half"
    for number in (1, 2):
        for folder in ("images", "400_senior", "400_junior"):
            (source / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((120, 100), number, np.uint8)).save(source / "images" / f"{number:03d}.png")
        for reader in ("senior", "junior"):
            (source / f"400_{reader}" / f"{number:03d}.txt").write_text("20,30\n" * 19)
    done = run("import", "isbi2015", source, tmp_path / "studies", "--pixel-spacing", 0.2)
    assert done.code == 0, done.err
    return tmp_path / "studies"


@pytest.fixture
def readers(tmp_path):
    folder = tmp_path / "observers"
    folder.mkdir()
    for reader, millimetres in (("senior", 8.0), ("ann1", 9.0), ("ann2", 10.0)):
        lines = [f"{film:03d}" + f",{millimetres}" * 10 for film in (1, 2, 7)]
        (folder / f"5lms_{reader}.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_readings_of_the_films_that_are_there(films, readers):
    done = run("import", "observers", readers, films)
    assert done.code == 0, done.err
    assert f"6 readings by 3 annotators in {films}" in done.out
    assert "passed over: 1 radiograph not among the studies" in done.out
    studies = store(films)
    assert studies.annotated() == {
        image: [("ann1", 1), ("ann2", 1), ("senior", 1)] for image in ("isbi2015_001", "isbi2015_002")
    }
    # 8 mm are pixel 80 of the film, whose centre lies at (80 + 0.5) / 2 - 0.5 of the half
    points = studies.annotation("isbi2015_001", "senior").landmarks.points()
    five = np.zeros(19, dtype=bool)
    five[np.array(FIVE) - 1] = True
    np.testing.assert_allclose(points[five], 39.75)
    assert np.isnan(points[~five]).all()
    np.testing.assert_allclose(studies.landmarks("isbi2015_001").points(), [(20, 30)] * 19)  # as it was


def test_once_more_changes_nothing(films, readers):
    run("import", "observers", readers, films)
    (readers / "5lms_ann1.csv").write_text("001" + ",5" * 10 + "\n")
    done = run("import", "observers", readers, films)
    assert "0 readings by 3 annotators" in done.out
    assert "5 were there already" in done.out
    assert store(films).annotation("isbi2015_001", "ann1").landmarks["Gnathion"].x == pytest.approx(44.75)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("001,1,2\n", "is not a film and 10 numbers"),
        ("001" + ",x" * 10, "has a coordinate that is not a number"),
        ("001" + ",nan" * 10, "is not a film and 10 numbers"),
        (None, "There are no files 5lms_READER.csv in"),
    ],
)
def test_files_that_are_none(films, tmp_path, content, sentence):
    folder = tmp_path / "readers"
    folder.mkdir()
    if content is not None:
        (folder / "5lms_ann1.csv").write_text(content)
    done = run("import", "observers", folder, films)
    assert done.code == 2
    assert sentence in done.err
    assert store(films).annotated() == {}


def test_what_cannot_be_stored_costs_a_sentence(films, readers, tmp_path):
    (readers / "5lms_ann1.csv").write_text("001" + ",900" * 10 + "\n" + "002" + ",9" * 10 + "\n")
    store(films).update_image_info("isbi2015_002", {"pixel_spacing": None})
    done = run("import", "observers", readers, films)
    assert done.code == 2
    assert "farnet import: isbi2015_001 by ann1: " in done.err
    assert "lies outside the image" in done.err
    assert "The size of a pixel of isbi2015_002 is not known" in done.err
    done = run("import", "observers", readers, tmp_path / "nowhere")
    assert (done.code, "import the radiographs first" in done.err) == (2, True)


def test_the_report(films, readers, tmp_path):
    run("import", "observers", readers, films)
    done = run("observers", films, "--landmarks", "cephalometric_19", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "3 annotators, 2 radiographs, 2 read by several" in done.out
    assert f"report: {tmp_path / 'out' / 'report.html'}" in done.out
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["unit"] == "mm"
    assert [item["name"] for item in content["landmarks"]] == [CEPH.names[number - 1] for number in sorted(FIVE)]
    # 1 and 2 mm to the right and down
    assert content["between"]["mean_radial"] == pytest.approx(np.sqrt(2) * (1 + 1 + 2) / 3, abs=1e-4)
    same = run("observers", films, "--model", "farnet_ceph", "--output", tmp_path / "model")
    assert same.out.splitlines()[:2] == done.out.splitlines()[:2]


def test_nobody_has_read(films, tmp_path):
    done = run("observers", films, "--landmarks", "cephalometric_19", "--output", tmp_path / "out")
    assert done.code == 2
    assert "nobody has read a radiograph in" in done.err
    assert not (tmp_path / "out").exists()
    assert run("observers", films, "--output", tmp_path / "out").code == 2


def test_labels_of_a_folder_as_somebodys_second_reading(films, tmp_path):
    label = tmp_path / "labels" / "isbi2015_001.json"
    label.parent.mkdir()
    label.write_text(json_text(pixel_label_document(Landmarks.from_points(CEPH.names, [(40, 40)] * 19))))
    command = ("labels", "import", label.parent, "--studies", films, "--model", "farnet_ceph")
    done = run(*command, "--annotator", "Dr. Müller", "--reading", 2)
    assert done.code == 0, done.err
    studies = store(films)
    assert studies.annotated() == {"isbi2015_001": [("Dr. Müller", 2)]}
    np.testing.assert_allclose(studies.landmarks("isbi2015_001").points(), [(20, 30)] * 19)
    refused = run(*command, "--reading", 2)
    assert (refused.code, "--reading goes with --annotator" in refused.err) == (2, True)
    refused = run(*command, "--annotator", "Ada", "--reading", 0)
    assert (refused.code, "a whole number from 1 to 99" in refused.err) == (2, True)


@pytest.mark.data
def test_the_eleven_readers(real_data, tmp_path):
    """The senior's CSV is the senior's label, and what the eleven differ by, computed apart from the report."""
    films, observers = real_data / "isbi2015_ceph_half", real_data / "isbi2015_ceph" / "observers"
    if not (films.is_dir() and observers.is_dir()):
        pytest.skip("the cephalograms of ISBI 2015 and their observers are not there")
    studies = tmp_path / "studies"
    run("import", "isbi2015", films, studies, "--pixel-spacing", 0.2, "--reader", "senior", "--images", "9-39")
    done = run("import", "observers", observers, studies)
    assert done.code == 0, done.err
    read = store(studies)
    for image in read.list_images():
        submitted, own = read.landmarks(image).points(), read.annotation(image, "senior").landmarks.points()
        rows = [number - 1 for number in FIVE]
        np.testing.assert_allclose(own[rows], submitted[rows], atol=0.02)
    done = run("observers", studies, "--landmarks", "cephalometric_19", "--output", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(content["annotators"]) == 11
    pair = next(pair for pair in content["pairs"] if set(pair["annotators"]) == {"ann1", "ann2"})
    tables = [np.loadtxt(observers / f"5lms_{name}.csv", delimiter=",") for name in ("ann1", "ann2")]
    first, second = (table[(table[:, 0] >= 9) & (table[:, 0] <= 39), 1:].reshape(-1, 2) for table in tables)
    assert pair["mean_radial"] == pytest.approx(np.hypot(*(first - second).T).mean(), abs=1e-3)
    assert pair["count"] == len(first)

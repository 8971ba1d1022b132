"""``check`` finds what was planted into phantom studies, by the command that people type."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from lib.evaluation.label_check import Kind, silent
from lib.formats import json_text
from lib.formats.pixel_labels import pixel_label_document
from lib.infers import LandmarkInferTask
from lib.landmarks import Landmarks
from lib.trainers.split import SplitFile
from monailabel_app.checking import LabelChecker
from monailabel_app.datastores import StudiesFolder
from tests.cli.conftest import MODEL, run
from tests.tiny import CEPH, phantom_folder, tiny_config

COUNT = 30


def submit(studies: StudiesFolder, image: str, points: np.ndarray, scratch, **info: object) -> None:
    path = scratch / "label.json"
    path.write_text(json_text(pixel_label_document(Landmarks.from_points(CEPH.names, points))))
    studies.save_label(image, path, "final", {"model": "farnet_demo", **info})


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Thirty phantoms and a copy of one; what is wrong with which."""
    home, scratch = tmp_path_factory.mktemp("check"), tmp_path_factory.mktemp("scratch")
    studies = phantom_folder(home / "my studies", COUNT)
    images = studies.list_images()
    wrong: dict[str, Kind] = {}

    points = studies.landmarks(images[3]).points()
    submit(studies, images[3], points * [-1, 1] + [127, 0], scratch)
    wrong[images[3]] = Kind.MIRRORED
    points = studies.landmarks(images[8]).points()
    pair = [CEPH.index("Sella"), CEPH.index("Menton")]
    points[pair] = points[pair[::-1]]
    submit(studies, images[8], points, scratch)
    wrong[images[8]] = Kind.EXCHANGED
    points = studies.landmarks(images[12]).points()
    for person, away in (("Anna", 0), ("Ben", 14)):
        moved = points.copy()
        moved[4] += [away, 0]
        submit(studies, images[12], moved, scratch, annotator=person)
    submit(studies, images[12], points, scratch, annotator="Carl")
    wrong[images[12]] = Kind.READERS
    (studies.folder / "labels" / "final" / f"{images[20]}.mrk.json").write_text("no label")
    wrong["copy"] = Kind.COPIES
    shutil.copy(studies.get_image_uri(images[5]), studies.folder / "copy.png")
    (studies.folder / "broken.png").write_text("no picture")
    again = StudiesFolder(studies.folder, {"farnet_demo": CEPH})
    submit(again, "copy", studies.landmarks(images[5]).points(), scratch)
    wrong[images[20]] = Kind.UNREADABLE
    return home, wrong


def test_faults_are_found_and_nothing_else(planted, tmp_path):
    home, wrong = planted
    before = sorted((home / "my studies").rglob("*.json"))
    done = run("check", home / "my studies", "--landmarks", "cephalometric_19", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "out" / "check.json").read_text())
    found = {(one["image"], one["kind"]) for one in report["findings"]}
    assert found >= {(image, str(kind)) for image, kind in wrong.items()}
    assert {one["image"] for one in report["findings"] if one["severity"] >= 1} <= wrong.keys()
    assert report["findings"][0]["kind"] == "unreadable"
    assert report["model"] is None
    assert "31 labels" not in done.out  # one cannot be read
    assert f"{COUNT} labels checked, {len(wrong) - 1} radiographs to look at" in done.out
    page = (tmp_path / "out" / "check.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(wrong) - 2  # neither what cannot be read nor a faithful copy
    lines = (tmp_path / "out" / "check.csv").read_text().splitlines()
    assert len(lines) == 1 + len(report["findings"])
    assert sorted((home / "my studies").rglob("*.json")) == before


def test_without_predictions_where_the_model_has_no_weights(planted, tmp_path):
    home, _ = planted
    done = run("check", home / "my studies", *MODEL, "--model-dir", tmp_path / "none")
    assert done.code == 0, done.err
    assert "The labels were not compared with predictions. Model 'farnet_demo' has no weights yet" in done.out


@pytest.fixture
def well_predicted(first_round, tmp_path, monkeypatch):
    """Studies of which one label was moved after a model, which predicts what the label was, had learnt from some."""
    folder = tmp_path / "studies"
    shutil.copytree(first_round.studies, folder)
    studies = StudiesFolder(folder, {"farnet_demo": CEPH})
    truth = {studies.get_image_uri(image): studies.landmarks(image) for image in studies.get_labeled_images()}
    asked = []

    def predict(_task, image, _device, _spacing):
        asked.append(str(image))
        return SimpleNamespace(landmarks=truth[str(image)])

    monkeypatch.setattr(LandmarkInferTask, "predict", predict)
    return folder, studies, asked


def test_against_a_model(first_round, well_predicted, tmp_path):
    folder, studies, asked = well_predicted
    split = SplitFile(folder).read()
    image = next(image for image in studies.get_labeled_images() if split.side(image) == "train")
    points = studies.landmarks(image).points()
    header = studies.header(image)
    points[7] = [0.1 * header.width, 0.9 * header.height]
    submit(studies, image, points, tmp_path)
    options = (*MODEL, "--model-dir", first_round.models, "--device", "cpu")
    done = run("check", folder, *options, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "out" / "check.json").read_text())
    assert report["model"].startswith("farnet_demo 20")
    assert [(one["image"], one["kind"], one["landmarks"]) for one in report["findings"]] == [
        (image, "model", [CEPH.names[7]])
    ]
    assert "predicts it although it has learnt from this label, " in report["findings"][0]["sentence"]
    assert len(asked) == report["labels"] == 5
    done = run("check", folder, *options, "--no-predictions")
    assert "predicts it" not in done.out
    assert len(asked) == 5


def test_what_is_known_of_an_image_is_not_computed_again(first_round, well_predicted, tmp_path):
    _, studies, asked = well_predicted
    config = tiny_config(first_round.models)
    checker = LabelChecker(studies, config, config.infer_task(), "cpu")
    before = checker.state()
    first = checker.check(silent)
    assert checker.state() == before
    image = studies.get_labeled_images()[0]
    submit(studies, image, studies.landmarks(image).points() + 1.0, tmp_path)
    assert checker.state() != before
    assert len(checker.check(silent).report.findings) >= len(first.report.findings)
    assert len(asked) == len(set(asked)) == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--landmarks", "spine_68"), "no radiograph in"),
        ((), "say which labels: --model NAME or --landmarks SET."),
        (("--landmarks", "foot"), "No landmark set 'foot'"),
    ],
)
def test_one_sentence_for_what_cannot_be_checked(first_round, arguments, sentence):
    done = run("check", first_round.studies, *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_no_folder(tmp_path):
    done = run("check", tmp_path / "none", "--landmarks", "spine_68")
    assert (done.code, "there is no folder" in done.err) == (2, True)

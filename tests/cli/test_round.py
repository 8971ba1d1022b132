"""The first round that the help describes: phantoms, train, predict, evaluate."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lib.checkpoints import read_card
from lib.evaluation import radial_errors
from lib.formats import parse_markups, parse_result
from lib.radiographs import read_header
from tests.cli.conftest import MODEL, run
from tests.tiny import CEPH


def predict(first_round, output, *arguments):
    return run("predict", *arguments, *MODEL, "--model-dir", first_round.models, "--output", output)


def strict_json(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_phantoms(first_round):
    assert first_round.phantoms.code == 0
    assert "6 synthetic radiographs in " in first_round.phantoms.out
    assert "5 of them labelled" in first_round.phantoms.out
    studies = first_round.store()
    assert studies.list_images() == [f"cephalometric_19_phantom_03{number:02d}" for number in range(6)]
    assert studies.get_unlabeled_images() == ["cephalometric_19_phantom_0305"]


def test_dicom_phantoms_say_their_pixel_spacing(tmp_path):
    done = run("phantoms", "hand_37", tmp_path, "--count", 1, "--seed", 7, "--format", "dicom")
    assert done.code == 0
    assert read_header(tmp_path / "hand_37_0007.dcm").pixel_spacing.source == "PixelSpacing"
    assert (tmp_path / "labels" / "final" / "hand_37_0007.mrk.json").is_file()


def test_train(first_round):
    done = first_round.training
    assert done.code == 0, done.err
    assert "epoch 12/12" in done.err  # the progress bar
    assert "best share of landmarks within 2 mm on the held-out radiographs: 0." in done.out
    assert f"model in use: {first_round.models / 'farnet_demo.pt'}" in done.out
    card = read_card(first_round.models / "farnet_demo.pt")
    assert (card.training["max_epochs"], card.training["train_batch_size"], card.training["seed"]) == (12, 2, 1)
    assert (card.training["images"] + card.training["held_out"], card.training["augment"]) == (5, False)
    stats = strict_json(first_round.models / "farnet_demo" / "train_stats.json")
    report = first_round.models / "farnet_demo" / stats["run"] / "report.html"
    assert f"report: {report}" in done.out
    assert "held-out radiograph" in report.read_text()
    assert "Published: there was no model in use to compare with." in done.out
    assert f"mean radial error {stats['eval']['metrics']['val_mre_px']:.2f} px" in done.out


def test_predict_one_file(first_round, tmp_path):
    image = first_round.studies / "cephalometric_19_phantom_0305.png"
    done = predict(first_round, tmp_path / "results", image, "--pixel-spacing", 0.5)
    assert done.code == 0, done.err
    assert "1 of 1 radiographs predicted into " in done.out
    written = sorted(path.name for path in (tmp_path / "results").iterdir())
    stem = "cephalometric_19_phantom_0305"
    assert written == [f"{stem}.json", f"{stem}.mrk.json", f"{stem}.overlay.jpg", "landmarks.csv"]
    result = parse_result((tmp_path / "results" / f"{stem}.json").read_bytes())
    assert result.landmarks.names == CEPH.names
    assert result.pixel_spacing.as_dict() == {"x": 0.5, "y": 0.5, "source": "user"}
    assert result.version == read_card(first_round.models / "farnet_demo.pt").version
    markups = parse_markups((tmp_path / "results" / f"{stem}.mrk.json").read_bytes(), CEPH, read_header(image))
    np.testing.assert_allclose(markups.points(), result.landmarks.points(), atol=1e-6)
    table = rows(tmp_path / "results" / "landmarks.csv")
    np.testing.assert_allclose([(float(r["x_px"]), float(r["y_px"])) for r in table], result.landmarks.points())
    np.testing.assert_allclose([float(r["x_mm"]) for r in table], 0.5 * result.landmarks.points()[:, 0])
    with Image.open(tmp_path / "results" / f"{stem}.overlay.jpg") as overlay:
        drawn = np.asarray(overlay.convert("RGB"), dtype=int)
    assert np.abs(drawn[..., 0] - drawn[..., 2]).max() > 60  # coloured on a grey radiograph


def test_a_bad_file_costs_a_sentence_not_the_others(first_round, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(first_round.studies / "cephalometric_19_phantom_0300.png", folder / "a.png")
    shutil.copy(first_round.studies / "cephalometric_19_phantom_0301.png", folder / "deeper" / "a.png")
    (folder / "b.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not even meant as one")
    done = predict(first_round, tmp_path / "results", folder, folder / "a.png", folder / "absent.png")
    assert done.code == 2
    assert "2 of 4 radiographs predicted" in done.out
    sentences = [line for line in done.err.splitlines() if line.startswith("farnet predict: ")]
    assert len(sentences) == 2
    assert "b.jpg" in sentences[0]
    assert "absent.png" in sentences[1]
    first, second = (  # two files of one name, two results
        parse_result((tmp_path / "results" / name).read_bytes()).landmarks.points() for name in ("a.json", "a.png.json")
    )
    assert np.abs(first - second).max() > 1
    assert {row["image"] for row in rows(tmp_path / "results" / "landmarks.csv")} == {"a", "a.png"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--pixel-spacing", "0"], "A pixel spacing of 0.0 mm is not between 0 and 100 mm."),
        (["--pixel-spacing", "nan"], "A pixel spacing of nan mm is not between 0 and 100 mm."),
        (["--device", "tpu"], "There is no device 'tpu' here"),
    ],
)
def test_bad_predictions(first_round, tmp_path, more, sentence):
    done = predict(first_round, tmp_path / "out", first_round.studies / "cephalometric_19_phantom_0300.png", *more)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("farnet predict: ")
    assert sentence in done.err.splitlines()[-1]


def test_nothing_to_predict(first_round, tmp_path):
    (tmp_path / "empty").mkdir()
    done = predict(first_round, tmp_path / "out", tmp_path / "empty")
    assert done.code == 2
    assert done.err == "farnet predict: there is no radiograph in what was given.\n"


def evaluate(first_round, output, *more):
    where = ("--studies", first_round.studies, "--model-dir", first_round.models, "--output", output)
    return run("evaluate", *where, *MODEL, *more)


def test_evaluate(first_round, tmp_path):
    done = evaluate(first_round, tmp_path)
    assert done.code == 0, done.err
    report, table = strict_json(tmp_path / "report.json"), rows(tmp_path / "errors.csv")
    assert (report["images"], report["landmarks"], report["not_detected"]) == (5, 95, 0)
    assert set(report["per_landmark"]) == set(CEPH.names)
    assert set(report["sdr"]) >= {"2.0", "2.5", "3.0", "4.0"}
    assert (report["model"], report["version"]) == (
        "farnet_demo",
        read_card(first_round.models / "farnet_demo.pt").version,
    )
    assert len(table) == 95
    assert report["mre_px"] == pytest.approx(np.mean([float(row["error_px"]) for row in table]), abs=1e-3)
    mm = np.array([float(row["error_mm"]) for row in table])
    assert report["mre_mm"] == pytest.approx(mm.mean(), abs=1e-3)
    assert report["sdr"]["2.0"] == pytest.approx((mm <= 2).mean(), abs=1e-3)
    sella = [float(row["error_px"]) for row in table if row["landmark"] == "Sella"]
    assert report["per_landmark"]["Sella"]["mre_px"] == pytest.approx(np.mean(sella), abs=1e-3)
    assert f"mean radial error {report['mre_px']:.2f} px" in done.out
    assert f"mean radial error {report['mre_mm']:.2f} mm" in done.out
    assert len(list(tmp_path.glob("worst_*.jpg"))) == 5
    assert f"report: {tmp_path / 'report.html'}" in done.out
    low, high = report["intervals"]["mre_mm"]
    assert low < report["mre_mm"] < high
    assert f"mm (95 %: {low:.2f} to {high:.2f}); within 2 mm: " in done.out


def test_an_evaluation_tells_what_the_model_has_learnt_from(first_round, tmp_path):
    done = evaluate(first_round, tmp_path)
    split = strict_json(tmp_path / "report.json")["split"]
    assert (split["train"]["images"], split["held_out"]["images"], split["source"]) == (4, 1, "automatic")
    assert len(split["learnt_from"]) == 4
    (unseen,) = {row["image"] for row in rows(tmp_path / "errors.csv")} - set(split["learnt_from"])
    own = [float(row["error_px"]) for row in rows(tmp_path / "errors.csv") if row["image"] == unseen]
    assert split["not_learnt_from"]["mre_px"] == pytest.approx(np.mean(own), abs=1e-3)
    assert "the model has learnt from 4 of these radiographs; on the 1 others: mean radial error" in done.out


def test_the_errors_are_those_of_the_predictions(first_round, tmp_path):
    image = "cephalometric_19_phantom_0302"
    (tmp_path / "ids.txt").write_text(f"{image}\n")
    assert evaluate(first_round, tmp_path, "--images", tmp_path / "ids.txt").code == 0
    assert predict(first_round, tmp_path, first_round.studies / f"{image}.png").code == 0
    found = parse_result((tmp_path / f"{image}.json").read_bytes()).landmarks
    truth = first_round.store().landmarks(image)
    expected = radial_errors(found.points(), truth.points())
    table = rows(tmp_path / "errors.csv")
    assert [row["landmark"] for row in table] == list(CEPH.names)
    np.testing.assert_allclose([float(row["error_px"]) for row in table], expected, atol=1e-3)
    assert strict_json(tmp_path / "report.json")["images"] == 1


def test_an_image_without_a_label_cannot_be_evaluated(first_round, tmp_path):
    (tmp_path / "ids.txt").write_text("cephalometric_19_phantom_0305\n")
    done = evaluate(first_round, tmp_path / "out", "--images", tmp_path / "ids.txt")
    assert done.code == 2
    assert "names 'cephalometric_19_phantom_0305', which has no 'cephalometric_19' label" in done.err


def test_training_on_keeps_a_better_model(first_round, tmp_path):
    shutil.copytree(first_round.models, tmp_path / "models")
    before = (tmp_path / "models" / "farnet_demo.pt").read_bytes()
    where = ("--studies", first_round.studies, "--model-dir", tmp_path / "models", *MODEL)
    done = run("train", *where, "--from-scratch", "--input-size", "64x64", "--epochs", 1, "--learning-rate", 1e-6)
    assert done.code == 0, done.err
    assert (tmp_path / "models" / "farnet_demo.pt").read_bytes() == before

"""``evaluate``: labels of a folder or a public set, a model or predictions, alone or compared; and what is refused."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from monailabel.config import settings
from PIL import Image

from lib.checkpoints import ModelCard, read_card
from lib.formats import json_text, markups_document
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import Fingerprint, read_header, read_radiograph
from monailabel_app.cli import evaluate
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.opening import open_studies
from tests.cli.conftest import MODEL, run
from tests.datasets.made_sets import ceph_points, make_hands, make_isbi, make_spines, spine_points
from tests.evaluation.test_run_report import Page
from tests.tiny import CEPH, phantom_folder, save_untrained
from tests.viewers.orthanc import running_orthanc

SPINE = LandmarkSet.load("spine_68")


@pytest.fixture
def pages():
    """For tests that look at the page."""


@pytest.fixture(autouse=True)
def no_pages(request, monkeypatch):
    """Drawing takes most of the time of a small evaluation; for tests that do not look at it."""
    if "pages" not in request.fixturenames:
        monkeypatch.setattr(evaluate, "write_evaluation", lambda folder, evaluation: evaluation.write(folder))


def content(folder):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads((folder / "report.json").read_text(encoding="utf-8"), parse_constant=refuse)


def predictions(folder, points, names=CEPH.names):
    """What another program says: only the four columns."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "landmarks.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "landmark", "x_px", "y_px"])
        for image, places in points.items():
            writer.writerows((image, name, x, y) for name, (x, y) in zip(names, places, strict=True))
    return folder


def refused(done):
    """The sentence with which a command ends."""
    assert done.code == 2
    assert "Traceback" not in done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("farnet evaluate: ")
    return last.removeprefix("farnet evaluate: ")


# --- public sets ------------------------------------------------------------------------------------------------------

FILMS = (151, 152, 173)


@pytest.fixture(scope="module")
def isbi(tmp_path_factory):
    return make_isbi(tmp_path_factory.mktemp("sets") / "ISBI 2015", (1, *FILMS))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Predictions 5 pixels to the right of the senior reader, under the names of the files."""
    points = {f"{number}": ceph_points(number) + np.array([5, 0]) for number in FILMS}
    return predictions(tmp_path_factory.mktemp("theirs") / "program", points)


def on_isbi(isbi, output, *more):
    return run("evaluate", "--protocol", "isbi2015", "--data", isbi, "--output", output, *more)


def test_predictions_of_another_program_on_a_public_set(isbi, theirs, tmp_path, pages):
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs)
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    views = {view["name"]: view for view in found["views"]}
    assert list(views) == [
        f"{reader}{without}"
        for reader in ("mean", "senior", "junior")
        for without in ("", ", without duplicates", ", without landmark 16")
    ]
    assert [view["images"] for view in views.values()] == [3, 2, 3] * 3
    assert views["senior"]["mre_mm"] == 0.5
    assert views["mean"]["mre_mm"] == round(0.1 * np.hypot(3.5, 2), 4)
    assert views["junior"]["mre_mm"] == round(0.1 * np.hypot(2, 4), 4)
    assert views["mean, without landmark 16"]["landmarks"] == 3 * 18
    people = {(row["reader"], row["against"]): row["mre_mm"] for row in found["people"]}
    assert people == {("junior", "senior"): 0.5, ("senior", "mean"): 0.25, ("junior", "mean"): 0.25}
    assert (found["model"], found["version"], found["reader"]) == ("program", "", "mean")
    assert found["protocol"] == {"name": "isbi2015", "part": "test1", "fold": None, "shrunk": 1.0}
    assert found["split"] == {"learnt_from": None, "not_learnt_from": None}
    assert found["not_predicted"] == []
    assert len(found["published"]) == 9
    assert "3 radiographs, 57 landmarks, against mean" in done.out
    assert f"mean radial error {views['mean']['mre_px']:.2f} px" in done.out
    assert f"mean radial error {views['mean']['mre_mm']:.2f} mm (95 %: " in done.out
    assert "within 2 mm: 100.0 %" in done.out
    assert "nothing says which radiographs were learnt from" in done.out
    assert done.out.endswith(f"report: {tmp_path / 'out' / 'report.html'}\n")
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    assert "FARNet, ImageNet weights, 800 x 640" in page
    assert "20 of the films are in the training part too, under another number." in page
    assert "junior against senior" in page
    assert "3 of the 150 radiographs of this part are at hand: compare with care." in page


def test_groups_of_images_have_figures_of_their_own(isbi, theirs, tmp_path):
    table = tmp_path / "devices.csv"
    table.write_text("\ufeffimage,group\n151,film\nisbi2015_173,digital\n173.bmp,digital\n999,film\n", encoding="utf-8")
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs, "--groups", table)
    assert done.code == 0, done.err
    views = {view["name"]: view for view in content(tmp_path / "out")["views"]}
    assert (views["mean"]["images"], views["mean, only film"]["images"]) == (3, 1)
    assert views["senior, only digital"]["images"] == 1
    assert views["mean, only film"]["reason"] == "Those that devices.csv says to be 'film'."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image,device\n151,film\n", "has no table with the columns image and group."),
        ("", "has no table with the columns image and group."),
        ("image,group\n151,film\n151,digital\n", "names '151' in two groups: 'film' and 'digital'."),
        ("image,group\n999,film\n", "names none of the 3 radiographs."),
    ],
)
def test_tables_that_group_nothing(isbi, theirs, tmp_path, text, sentence):
    (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs, "--groups", tmp_path / "groups.csv")
    assert refused(done).endswith(sentence)
    assert not (tmp_path / "out").exists()


def test_shrunk_files_have_larger_pixels_and_the_challenge_is_missed_on_test2(isbi, tmp_path):
    make_isbi(tmp_path / "set", (301, 302))
    points = {f"isbi2015_{number}": ceph_points(number) + np.array([5, 0]) for number in (301, 302)}
    theirs = predictions(tmp_path / "theirs", points)
    done = on_isbi(tmp_path / "set", tmp_path / "out", "--predictions", theirs, "--part", "test2", "--shrunk", 2)
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    assert {view["name"]: view["mre_mm"] for view in found["views"]}["senior"] == 1.0
    assert "challenge" not in {view["reader"] for view in found["views"]}
    assert "The labels of reader 'challenge' are not at hand, so there are no figures against them." in found["notes"]


def test_images_without_prediction_are_misses_and_told(isbi, tmp_path, pages):
    theirs = predictions(tmp_path / "theirs", {"151": ceph_points(151), "999": ceph_points(9)})
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs)
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    assert (found["images"], found["landmarks"], found["not_detected"]) == (3, 57, 38)
    assert found["sdr"]["4.0"] == round(1 / 3, 4)
    assert found["not_predicted"] == ["isbi2015_152", "isbi2015_173"]
    sentence = "There are no predictions of 2 of the images, isbi2015_152 first: their landmarks are misses."
    assert found["warnings"][-1] == sentence
    assert sentence in done.out
    assert "38 of the landmarks were not predicted: misses in the rates, no part of means" in done.out
    assert "38 landmarks of 57 were not predicted" in Page((tmp_path / "out" / "report.html").read_text()).text


def test_two_folders_of_predictions_compared(isbi, theirs, tmp_path):
    nearer = {f"isbi2015_{number}": ceph_points(number) + np.array([1.5, 2]) for number in FILMS}
    other = predictions(tmp_path / "program", nearer)
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs, "--compare", other)
    assert done.code == 0, done.err
    compared = content(tmp_path / "out")["comparison"]
    assert compared["models"] == [theirs.parent.name, tmp_path.name]
    assert compared["mean_error"]["other"] == compared["other"]["mre_mm"] == 0.0
    assert compared["mean_error"]["difference"] == round(0.1 * np.hypot(3.5, 2), 4)
    both = f"{theirs.parent.name} and {tmp_path.name} differ by 0.403 mm, which may be chance."  # on three patients
    assert both in done.out


def test_an_earlier_evaluation_is_a_folder_of_predictions(isbi, theirs, tmp_path):
    assert on_isbi(isbi, tmp_path / "first", "--predictions", theirs).code == 0
    done = on_isbi(isbi, tmp_path / "second", "--predictions", tmp_path / "first", "--compare", theirs)
    assert done.code == 0, done.err
    first, second = content(tmp_path / "first"), content(tmp_path / "second")
    assert second["views"] == first["views"]
    assert second["comparison"]["mean_error"]["difference"] == 0
    assert "first and program differ by 0.000 mm, which may be chance." in done.out


def test_folders_of_the_folds_count_as_one(tmp_path):
    ids = ("3128", "3142", "3144", "3170")
    hands = make_hands(tmp_path / "hands", ids, dpi=(300, 300))
    names = LandmarkSet.load("hand_37").names
    studies = [f"hand_{stem}" for stem in ids]
    rows = list(csv.reader((hands / "all.csv").open()))
    truth = {f"hand_{row[0]}": np.array(row[1:], float).reshape(37, 2) for row in rows}
    one = predictions(tmp_path / "fold 1", {name: truth[name] + 1 for name in studies[:2]}, names)
    two = predictions(tmp_path / "fold 2", {name: truth[name] + 1 for name in studies[2:]}, names)
    where = ("evaluate", "--protocol", "hand_cv", "--data", hands)
    done = run(*where, "--predictions", one, two, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    assert (found["images"], found["not_detected"], found["model"]) == (4, 0, "fold 1 + fold 2")
    # the resolution of the scanner in the file is no size of a pixel
    assert found["pixel_spacing_sources"] == {"landmark set rule": 4}
    assert found["mre_mm"] == found["wrists"]["1-5"]["mre_mm"] != found["wrists"]["0-4"]["mre_mm"]
    assert set(found["sdr"]) == {"2.0", "4.0", "10.0"}
    done = run(*where, "--fold", 2, "--predictions", one, two, "--output", tmp_path / "of a fold")
    assert content(tmp_path / "of a fold")["images"] == 1
    done = run(*where, "--predictions", one, one, "--output", tmp_path / "twice")
    assert refused(done) == f"'hand_3128' is predicted in {one} and in another of the folders."


def test_spines_with_and_without_faulty_labels(tmp_path):
    wrong = spine_points().copy()
    wrong[:8] = wrong[[4, 5, 6, 7, 0, 1, 2, 3]]
    names = {"a": spine_points(), "b": wrong}
    spines = make_spines(tmp_path / "set", names, "test", dpi=(150, 150))
    found = {f"aasce_{name}": points + np.array([12.0, 0]) for name, points in names.items()}
    theirs = predictions(tmp_path / "theirs", found, SPINE.names)
    where = ("evaluate", "--protocol", "aasce", "--data", spines, "--predictions", theirs)
    assert run(*where, "--output", tmp_path / "out").code == 0
    done = run(*where, "--shrunk", 2, "--output", tmp_path / "half")
    told = content(tmp_path / "half")
    assert [(view["name"], view["images"]) for view in told["views"]] == [
        ("labels", 2),
        ("labels, without faulty labels", 1),
    ]
    assert (told["spine"]["or20"], content(tmp_path / "out")["spine"]["or20"]) == (1.0, 0.0)
    assert (told["images_with_mm"], told["mre_mm"], told["mre_px"]) == (0, None, 12.0)
    assert f"NMSE {1e4 * (12 / 144) ** 2:.2f} e-4, outliers at 20 px 100.0 %, Cobb SMAPE 0.00 %" in done.out
    assert "mean radial error 12.00 px" in done.out
    assert " mm" not in done.out  # of which nothing is known


def test_files_of_another_size_than_published_are_told(isbi, theirs, tmp_path, pages):
    """Half the size without ``--shrunk`` would halve all errors in mm."""
    Image.new("L", (968, 1200)).save(tmp_path / "151.bmp")
    shutil.copytree(isbi, tmp_path / "set")
    shutil.copy(tmp_path / "151.bmp", tmp_path / "set" / "RawImage" / "Test1Data" / "151.bmp")
    for number in FILMS[1:]:
        (tmp_path / "set" / "RawImage" / "Test1Data" / f"{number}.bmp").unlink()
    done = on_isbi(tmp_path / "set", tmp_path / "out", "--predictions", theirs)
    sentence = (
        "1 of 1 files have not the size of published ones, 1935 x 2400 pixels: isbi2015_151 has 968 x 1200. "
        "Millimetres are wrong unless '--shrunk' says how many times smaller the files are."
    )
    assert done.code == 0, done.err
    assert sentence in done.out
    assert content(tmp_path / "out")["warnings"] == [sentence]
    assert sentence in Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    assert on_isbi(tmp_path / "set", tmp_path / "half", "--predictions", theirs, "--shrunk", 2).code == 0
    assert content(tmp_path / "half")["warnings"] == []


def test_a_comparison_tells_how_many_images_it_is_without(isbi, theirs, tmp_path):
    other = predictions(tmp_path / "other", {"151": ceph_points(151)})
    done = on_isbi(isbi, tmp_path / "out", "--predictions", theirs, "--compare", other)
    sentence = "The comparison is without 2 images that only one of the two has predicted."
    assert sentence in done.out
    assert sentence in content(tmp_path / "out")["warnings"]


# --- the folder of studies and models ---------------------------------------------------------------------------------


def on_studies(first_round, output, *more):
    where = ("--studies", first_round.studies, "--model-dir", first_round.models)
    return run("evaluate", *where, "--output", output, *more)


def test_a_model_its_file_and_its_predictions_are_one(first_round, tmp_path):
    weights, image = first_round.models / "farnet_demo.pt", "cephalometric_19_phantom_0302"
    (tmp_path / "ids.txt").write_text(image)
    alone = ("--images", tmp_path / "ids.txt")
    assert on_studies(first_round, tmp_path / "model", *alone, *MODEL).code == 0
    assert on_studies(first_round, tmp_path / "file", *alone, "--weights", weights).code == 0
    where = (*MODEL, "--model-dir", first_round.models, "--output", tmp_path / "p")
    assert run("predict", first_round.studies / f"{image}.png", *where).code == 0
    found = ("--landmarks", "cephalometric_19", "--predictions", tmp_path / "p")
    assert on_studies(first_round, tmp_path / "csv", *alone, *found).code == 0
    (tmp_path / "p" / "landmarks.csv").unlink()
    assert on_studies(first_round, tmp_path / "json", *alone, *found).code == 0
    told = [content(tmp_path / name) for name in ("model", "file", "csv", "json")]
    assert [one["mre_px"] for one in told] == pytest.approx([told[0]["mre_px"]] * 4, abs=1e-3)
    assert [one["version"] for one in told] == [read_card(weights).version] * 2 + [""] * 2
    assert [one["split"]["learnt_from"] is None for one in told] == [False, False, True, True]


def test_a_model_against_another_file_and_against_itself(first_round, tmp_path):
    card = read_card(first_round.models / "farnet_demo.pt")
    other = save_untrained(tmp_path / "other.pt", card)
    done = on_studies(first_round, tmp_path / "one", *MODEL, "--compare", other)
    assert done.code == 0, done.err
    compared = content(tmp_path / "one")["comparison"]
    assert compared["models"] == ["farnet_demo", "farnet_demo untrained-0"]
    assert compared["images"] == 5
    done = on_studies(first_round, tmp_path / "two", *MODEL, "--compare", "farnet_demo")
    assert done.code == 0, done.err
    compared = content(tmp_path / "two")["comparison"]
    assert compared["models"] == ["farnet_demo", f"farnet_demo {card.version}"]
    assert (compared["mean_error"]["difference"], compared["nearer"]) == (0, 0.5)


def test_a_model_that_has_learnt_from_films_of_a_public_set(first_round, isbi, tmp_path):
    """A model file says by which pixels it has learnt, whatever they are called."""
    film = isbi / "RawImage" / "Test1Data" / "173.bmp"
    card = read_card(first_round.models / "farnet_demo.pt")
    data = card.data.model_copy(update={"train": (Fingerprint.of(read_radiograph(film).pixels).exact,)})
    weights = save_untrained(tmp_path / "copy.pt", ModelCard.model_validate(card.model_copy(update={"data": data})))
    done = on_isbi(isbi, tmp_path / "out", "--weights", weights, "--device", "cpu")
    assert done.code == 0, done.err
    split = content(tmp_path / "out")["split"]
    assert (split["learnt_from"], split["not_learnt_from"]["images"]) == (["isbi2015_173"], 2)
    assert "the model has learnt from 1 of these radiographs; on the 2 others: mean radial error" in done.out


def test_ids_may_have_blanks_and_stand_twice(first_round, tmp_path):
    studies = tmp_path / "studies"
    shutil.copytree(first_round.studies, studies)
    store = StudiesFolder(studies, {"farnet_demo": CEPH})
    image = studies / "with blank.png"
    shutil.copy(first_round.studies / "cephalometric_19_phantom_0300.png", image)
    label = markups_document(
        Landmarks.from_points(CEPH.names, ceph_points(1)), read_header(image).geometry, title="x", landmark_set=CEPH
    )
    (studies / "labels" / "final" / "with blank.mrk.json").write_text(json_text(label))
    store.refresh()
    assert "with blank" in store.list_images()
    ids = tmp_path / "ids.txt"
    ids.write_text("with blank\n\ncephalometric_19_phantom_0300\nwith blank\n")
    where = ("--studies", studies, "--model-dir", first_round.models, "--output", tmp_path / "out")
    done = run("evaluate", *where, *MODEL, "--images", ids)
    assert done.code == 0, done.err
    assert content(tmp_path / "out")["images"] == 2


def test_annotators_stand_beside_the_model_whatever_they_are_called(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 2)
    image = studies.list_images()[0]
    truth = studies.landmarks(image).points()
    geometry = read_header(studies.get_image_uri(image)).geometry
    path = tmp_path / "label.mrk.json"
    for name, right in (("labels", 3.0), ("all but labels", -1.0), ("<b>", 0.0)):
        moved = Landmarks.from_points(CEPH.names, truth + np.array([right, 0.0]))
        path.write_text(json_text(markups_document(moved, geometry, title="x", landmark_set=CEPH)))
        studies.save_label(image, str(path), "final", {"annotator": name, "label_info": []})
    theirs = predictions(
        tmp_path / "theirs", {name: studies.landmarks(name).points() for name in studies.list_images()}
    )
    where = ("--studies", tmp_path / "studies", "--landmarks", "cephalometric_19", "--predictions", theirs)
    done = run("evaluate", *where, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    assert found["mre_px"] == pytest.approx(0.0, abs=1e-4)  # against what was submitted last, not an annotator
    assert {row["reader"]: row["against"] for row in found["people"]} == {
        "“<b>”": "all but “<b>”",
        "“all but labels”": "all but “all but labels”",
        "“labels”": "all but “labels”",
    }
    distances = {row["reader"]: row["mre_px"] for row in found["people"]}
    assert distances == pytest.approx({"“labels”": 3.5, "“all but labels”": 2.5, "“<b>”": 1.0}, abs=1e-3)
    assert all(row["images"] == 1 for row in found["people"])


def test_labels_on_a_dicomweb_server(tmp_path, monkeypatch):
    """Two people have read the one labelled of two films; it lies on a real Orthanc."""
    monkeypatch.setattr(settings, "MONAI_LABEL_DICOMWEB_CACHE_PATH", str(tmp_path / "cache"))
    (tmp_path / "orthanc").mkdir()
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        assert run("phantoms", "cephalometric_19", orthanc.dicomweb, "--count", 2, "--seed", 40).code == 0
        studies = open_studies(orthanc.dicomweb, {"farnet_ceph": CEPH})
        image = studies.list_images()[0]
        for name, x in (("ada", 10), ("bob", 20)):
            places = [{"name": landmark, "x": x, "y": 30 + 2 * row} for row, landmark in enumerate(CEPH.names)]
            (tmp_path / "label.json").write_text(json.dumps({"landmarks": places}))
            studies.save_label(image, str(tmp_path / "label.json"), "final", {"client_id": name})
        theirs = predictions(tmp_path / "theirs", {image: [(26, 30 + 2 * row) for row in range(19)]})
        found = ("--landmarks", "cephalometric_19", "--predictions", theirs, "--output", tmp_path / "out")
        done = run("evaluate", "--studies", orthanc.dicomweb, *found)
        assert done.code == 0, done.err
    told = content(tmp_path / "out")
    assert (told["images"], told["mre_px"], told["not_detected"]) == (1, 6.0, 0)
    assert {(row["reader"], row["mre_px"]) for row in told["people"]} == {("“ada”", 10.0), ("“bob”", 10.0)}
    done = run("evaluate", "--studies", "http://127.0.0.1:9/dicom-web", *found)
    assert refused(done).startswith("The DICOMweb server http://127.0.0.1:9/dicom-web does not answer")


def test_files_of_one_name_in_two_folders_are_told_apart_by_their_ids(tmp_path):
    """As the files of two patients are that come from one machine."""
    studies = phantom_folder(tmp_path / "studies", 2)
    first, second = sorted(studies.list_images())
    folder = tmp_path / "nested"
    labels = folder / "labels" / "final"
    labels.mkdir(parents=True)
    points = {}
    for patient, image in (("a", first), ("b", second)):
        (folder / patient).mkdir()
        shutil.copy(studies.get_image_uri(image), folder / patient / "001.png")
        found = studies.landmarks(image)
        points[f"{patient}__001"] = found.points()
    nested = StudiesFolder(folder, {"farnet_ceph": CEPH})
    for image, places in points.items():
        label = markups_document(Landmarks.from_points(CEPH.names, places), nested.header(image).geometry, title="")
        (labels / f"{image}.mrk.json").write_text(json_text(label))
    where = ("evaluate", "--studies", folder, "--landmarks", "cephalometric_19")
    theirs = predictions(tmp_path / "theirs", {"001": points["a__001"], "b__001": points["b__001"]})
    done = run(*where, "--predictions", theirs, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    found = content(tmp_path / "out")
    assert (found["images"], found["not_predicted"], found["mre_px"]) == (2, ["a__001"], 0.0)
    only = predictions(tmp_path / "only", {"001": points["a__001"]})
    done = run(*where, "--predictions", only, "--output", tmp_path / "none")
    assert refused(done) == "only has no prediction of any of the 2 radiographs."


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say what is measured: one of --model, --weights and --predictions."),
        ([*MODEL, "--predictions", "THEIRS"], "say what is measured: one of --model, --weights and --predictions."),
        (["--predictions", "nowhere"], "There is no folder nowhere with predictions."),
        (["--predictions", "THEIRS", "--part", "test7"], "Protocol 'isbi2015' has no part 'test7': choose of test1,"),
        (["--predictions", "THEIRS", "--fold", "2"], "--fold 2: protocol 'isbi2015' has 1 of them."),
        (["--predictions", "THEIRS", "--shrunk", "0"], "--shrunk 0 is not a factor between 0.01 and 100."),
        (["--predictions", "THEIRS", "--shrunk", "nan"], "--shrunk nan is not a factor between 0.01 and 100."),
        (["--predictions", "THEIRS", "--images", "x.txt"], "--images goes with --studies."),
        (["--predictions", "THEIRS", "--landmarks", "hand_37"], "--landmarks goes with --studies."),
        (["--predictions", "THEIRS", "--part", "test2"], "There is none of the films 301-400 in the folder"),
        (["--predictions", "THEIRS", "--compare", "nobody"], "'--compare nobody' is no model, model file or folder"),
        (["--predictions", "THEIRS", "--compare", "farnet_demo"], "Model 'farnet_demo' has no weights yet"),
        (["--predictions", "THEIRS", "--compare", "farnet_hand"], "model 'farnet_hand' finds 'hand_37', not"),
        (["--model", "farnet_spine"], "model 'farnet_spine' finds 'spine_68', not 'cephalometric_19'."),
        (["--weights", "nowhere.pt"], "No model file at nowhere.pt."),
        (["--weights", "THEIRS"], "No model file at "),
        (["--weights", "TABLE"], "is not a model file that torch can read"),
    ],
)
def test_what_cannot_be_measured(isbi, theirs, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    given = {"THEIRS": theirs, "TABLE": theirs / "landmarks.csv"}
    done = on_isbi(isbi, tmp_path / "out", "--model-dir", tmp_path, *(given.get(one, one) for one in arguments))
    assert sentence in refused(done)
    assert done.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--protocol", "isbi"], "--protocol needs --data, the folder of the public set."),
        (["--protocol", "isbi", "--data", "x"], "There is no protocol 'isbi': choose one of aasce,"),
        (["--protocol", "isbi2015", "--data", "x"], "No folder x: give the folder that holds the ISBI 2015 data set."),
        (["--studies", "x", "--data", "x"], "--data goes with --protocol."),
        (["--studies", "x", "--fold", "1"], "--fold goes with --protocol."),
        (["--studies", "x"], "--studies with --predictions needs --landmarks, the landmark set."),
        (["--studies", "x", "--landmarks", "feet"], "No landmark set 'feet'"),
        (["--studies", "x", "--landmarks", "cephalometric_19"], "there is no folder x: make one with 'import'"),
    ],
)
def test_what_cannot_be_true(theirs, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    done = run("evaluate", *arguments, "--predictions", theirs, "--output", "out")
    assert sentence in refused(done)
    assert not Path("out").exists()


def test_folders_of_another_set_or_without_any_of_the_images(isbi, tmp_path):
    feet = predictions(tmp_path / "feet", {"151": [(1, 2)]}, ["Big toe"])
    assert "is of another landmark set: Unknown landmark 'Big toe'" in refused(
        on_isbi(isbi, tmp_path / "o", "--predictions", feet)
    )
    strange = predictions(tmp_path / "strange", {"7": ceph_points(7)})
    sentence = "strange has no prediction of any of the 3 radiographs."
    assert refused(on_isbi(isbi, tmp_path / "o", "--predictions", strange)) == sentence
    good = predictions(tmp_path / "good", {"151": ceph_points(151)})
    done = on_isbi(isbi, tmp_path / "o", "--predictions", good, "--compare", strange)
    assert refused(done) == sentence
    apart = predictions(tmp_path / "apart", {"152": ceph_points(152)})
    done = on_isbi(isbi, tmp_path / "o", "--predictions", good, "--compare", apart)
    assert refused(done) == "Two models can only be compared on landmarks that both find, and here are none."
    assert not (tmp_path / "o").exists()


def test_what_is_read_is_not_written_over(isbi, theirs, tmp_path):
    before = {path.name: path.read_bytes() for path in theirs.iterdir()}
    sentence = f"--output {theirs} is where predictions are read from: give another folder."
    assert refused(on_isbi(isbi, theirs, "--predictions", theirs)) == sentence
    other = predictions(tmp_path / "other", {"151": ceph_points(151)})
    assert refused(on_isbi(isbi, theirs, "--predictions", other, "--compare", theirs / ".")) == sentence
    assert {path.name: path.read_bytes() for path in theirs.iterdir()} == before


def test_a_label_of_the_set_that_is_damaged_is_named(isbi, theirs, tmp_path):
    shutil.copytree(isbi, tmp_path / "set")
    (tmp_path / "set" / "AnnotationsByMD" / "400_junior" / "152.txt").write_text("1,2\n")
    done = on_isbi(tmp_path / "set", tmp_path / "out", "--predictions", theirs)
    assert "152.txt has 1 lines 'x,y'; 19 are expected." in refused(done)


def test_a_spine_label_that_is_no_file_of_matlabs(tmp_path):
    spines = make_spines(tmp_path / "set", {"a": spine_points()}, "test")
    scipy.io.savemat(spines / "labels" / "test" / "a.jpg.mat", {"p3": spine_points()}, appendmat=False)
    theirs = predictions(tmp_path / "theirs", {"a": spine_points()}, SPINE.names)
    where = ("evaluate", "--protocol", "aasce", "--data", spines, "--predictions", theirs)
    assert "has no variable 'p2'" in refused(run(*where, "--output", tmp_path / "out"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"nobody\n", "names 'nobody', which has no 'cephalometric_19' label in the studies."),
        (b"\n \n", "names no radiograph."),
        (b"M\xfcller\n", "is not a text file in UTF-8."),
    ],
)
def test_lists_of_images_that_are_none(tmp_path, theirs, text, sentence):
    phantom_folder(tmp_path / "studies", 1)
    (tmp_path / "ids.txt").write_bytes(text)
    where = ("--studies", tmp_path / "studies", "--landmarks", "cephalometric_19", "--predictions", theirs)
    done = run("evaluate", *where, "--images", tmp_path / "ids.txt", "--output", tmp_path / "out")
    assert refused(done).startswith(f"{tmp_path / 'ids.txt'} {sentence}")


def test_a_folder_without_labels_of_the_set(tmp_path):
    phantom_folder(tmp_path / "studies", 1)
    theirs = predictions(tmp_path / "theirs", {"a": spine_points()}, SPINE.names)
    where = ("--studies", tmp_path / "studies", "--landmarks", "spine_68", "--predictions", theirs)
    assert "has a 'spine_68' label: import or submit some." in refused(
        run("evaluate", *where, "--output", tmp_path / "o")
    )

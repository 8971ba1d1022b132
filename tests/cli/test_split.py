"""``split``: the table, the file out and in."""

import csv
import json

import pytest
from PIL import Image

from lib.trainers.split import SPLIT_FILE, SplitFile, gather_cases
from tests.cli.conftest import MODEL, run
from tests.tiny import phantom_folder


@pytest.fixture
def studies(tmp_path):
    return phantom_folder(tmp_path / "studies", 6)


@pytest.fixture
def decided(studies):
    """A training has met all six."""
    SplitFile(studies.folder).extend(gather_cases(studies, studies.list_images()), 0.2)
    return studies


def split(studies, *arguments):
    return run("split", "--studies", studies.folder, *arguments)


def sides(studies):
    return {image: entry.side for image, entry in SplitFile(studies.folder).read().entries.items()}


def write(tmp_path, **images):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(images))
    return path


def test_before_any_training(studies):
    done = split(studies)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["image", "side", "together", "why"]
    assert lines[1].split(maxsplit=2) == [studies.list_images()[0], "undecided", "a training decides it"]
    assert lines[-2:] == ["undecided: 6 radiographs", "decided by: automatic"]
    assert not (studies.folder / SPLIT_FILE).exists()


def test_the_table(decided, tmp_path):
    done = split(decided)
    assert done.code == 0
    for line, (image, side) in zip(done.out.splitlines()[1:7], sides(decided).items(), strict=True):
        assert line.split(maxsplit=1)[0] == image
        assert side.replace("_", " ") in line
        assert line.endswith("1         by its picture, chosen here")
    assert "train: 5 radiographs of 5 patients\nheld out: 1 radiographs of 1 patients\n" in done.out


def test_copies_and_images_left_out_are_told(decided, tmp_path):
    held_out = next(image for image, side in sides(decided).items() if side == "held_out")
    train, other = [image for image, side in sides(decided).items() if side == "train"][:2]
    with Image.open(decided.get_image_uri(train)) as picture:
        picture.save(decided.folder / "bridge.bmp")
    with Image.open(decided.get_image_uri(other)) as picture:
        picture.save(decided.folder / "copy.jpg", quality=90)
    decided.refresh()
    for image in (held_out, "bridge"):
        decided.update_image_info(image, {"patient": "P 1"})
    SplitFile(decided.folder).extend(gather_cases(decided, decided.list_images()), 0.2)
    done = split(decided)
    row = next(line for line in done.out.splitlines() if line.startswith("bridge"))
    assert row.split()[1:3] == ["left", "out"]
    assert f"It belongs with '{train}' (same picture), which trains, and with '{held_out}' (same patient)" in row
    assert "left out: 1 radiographs\n" in done.out
    assert next(line for line in done.out.splitlines() if line.startswith("copy")).split()[1:3] == ["train", "2"]


def test_out_and_in_again(decided, tmp_path):
    before = sides(decided)
    assert split(decided, "--csv", tmp_path / "split.csv").code == 0
    with (tmp_path / "split.csv").open(newline="") as file:
        assert {row["image"]: row["split"] for row in csv.DictReader(file)} == before
    (decided.folder / SPLIT_FILE).unlink()
    done = split(decided, "--use", tmp_path / "split.csv")
    assert done.code == 0, done.err
    assert sides(decided) == before
    assert "6 radiographs as " in done.out
    assert "; 0 of those decided before have moved" in done.out
    assert done.out.endswith("decided by: split.csv\n")


def test_a_users_file_moves_images(decided, tmp_path):
    before = sides(decided)
    train = [image for image, side in before.items() if side == "train"]
    held_out = [image for image, side in before.items() if side == "held_out"]
    done = split(decided, "--use", write(tmp_path, train=held_out, val=train[:2]))
    assert done.code == 0, done.err
    assert "3 radiographs as " in done.out
    assert "; 3 of those decided before have moved" in done.out
    assert "models trained before have learnt from 2 of the radiographs that are held out now" in done.out
    moved = dict.fromkeys(held_out, "train") | dict.fromkeys(train[:2], "held_out")
    assert sides(decided) == before | moved
    assert "held out: 2 radiographs" in split(decided, *MODEL).out


def test_a_user_may_decide_before_any_training(studies, tmp_path):
    images = studies.list_images()
    done = split(studies, "--use", write(tmp_path, train=images[:3], test=images[3:5]))
    assert done.code == 0, done.err
    assert sides(studies) == dict.fromkeys(images[:3], "train") | dict.fromkeys(images[3:5], "held_out")
    assert "undecided: 1 radiographs" in done.out


def test_only_radiographs_of_a_model(decided):
    assert "train: 0 radiographs" in split(decided, "--model", "farnet_hand").out
    assert "train: 5 radiographs" in split(decided, *MODEL, "--landmarks", "cephalometric_19").out


def test_a_patient_on_both_sides(decided, tmp_path):
    images = decided.list_images()
    for image in images[:2]:
        decided.update_image_info(image, {"patient": "P 1"})
    file = write(tmp_path, train=images[1:], held_out=images[:1])
    before = (decided.folder / SPLIT_FILE).read_bytes()
    done = split(decided, "--use", file)
    assert done.code == 2
    sentence = done.err.splitlines()[-1]
    assert sentence.startswith(f"farnet split: mine.json puts '{images[1]}' and '{images[0]}' on different sides")
    assert "(same patient)" in sentence
    assert (decided.folder / SPLIT_FILE).read_bytes() == before
    assert split(decided, "--use", file, "--force").code == 0
    assert sides(decided) == dict.fromkeys(images[1:], "train") | {images[0]: "held_out"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--force"], "--force needs --use."),
        (["--landmarks", "hand_37"], "--landmarks needs --model."),
        (["--model", "farnet_foot"], "Unknown model 'farnet_foot'"),
        (["--use", "gone.csv"], "No such file or directory: gone.csv"),
        (["--use", "unknown.csv"], "unknown.csv names 'nobody', which is not among the studies."),
        (["--use", "bad.csv"], "bad.csv puts 'nobody' on the side 'somewhere': say train or held_out."),
    ],
)
def test_what_cannot_be(studies, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unknown.csv").write_text("image,split\nnobody,train\n")
    (tmp_path / "bad.csv").write_text("image,split\nnobody,somewhere\n")
    done = split(studies, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"farnet split: {sentence}\n" or sentence in done.err
    assert not (studies.folder / SPLIT_FILE).exists()


def test_a_damaged_split_is_said(decided):
    (decided.folder / SPLIT_FILE).write_text("{")
    done = split(decided)
    assert done.code == 2
    assert "farnet_split.json is damaged" in done.err


def test_no_studies(tmp_path):
    done = run("split", "--studies", tmp_path / "nowhere")
    assert done.code == 2
    assert "there is no folder" in done.err

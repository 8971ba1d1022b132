"""``next``, ``preannotate`` and ``calibrate``."""

import pytest

from lib.checkpoints import load_trained, read_card
from tests.cli.conftest import MODEL, run
from tests.tiny import phantom_folder, save_untrained, tiny_config


@pytest.fixture
def models(tmp_path):
    config = tiny_config(tmp_path / "models", input_size="64x64")
    save_untrained(config.published, config.card())
    return config


def ask(command, studies, models, *more):
    return run(command, studies.folder, *MODEL, "--model-dir", models.model_dir, "--device", "cpu", *more)


def test_next_lists_what_is_left_and_why(tmp_path, models):
    studies = phantom_folder(tmp_path / "studies", 4)
    images = studies.list_images()
    done = ask("next", studies, models)
    assert (done.code, done.out) == (0, "All 4 radiographs have labels.\n")
    for image in images[:3]:
        studies.remove_label(image, "final")
    done = ask("next", studies, models)
    *listed, why = done.out.splitlines()
    assert (sorted(listed), why) == (images[:3], "At random, the same order each time.")
    done = ask("next", studies, models, "--strategy", "hybrid")
    *listed, why = done.out.splitlines()
    assert sorted(listed) == images[:3]
    assert "farnet_demo untrained-0" in why
    assert ask("next", studies, models, "--strategy", "hybrid").out == done.out
    assert ask("next", studies, models, "--strategy", "first", "--count", 2).out.splitlines()[:2] == images[:2]
    assert len(ask("next", studies, models, "--strategy", "disagreement").out.splitlines()) == 4
    models.published.unlink()
    done = ask("next", studies, models, "--strategy", "hybrid")
    assert "has no weights yet" in done.out
    assert "At random: there is no model yet" in done.out
    assert ask("next", studies, models, "--count", 0).code == 2


def test_preannotate_goes_on_where_it_was(tmp_path, models):
    studies = phantom_folder(tmp_path / "studies", 3)
    images = studies.list_images()
    for image in images[:2]:
        studies.remove_label(image, "final")
    assert ask("preannotate", studies, models).out == "2 radiographs have got a prediction of farnet_demo untrained-0\n"
    before = studies.get_label_info(images[0], "original")
    assert (before["model"], before["version"]) == ("farnet_demo", "untrained-0")
    done = ask("preannotate", studies, models, "--all")
    assert done.out == "1 radiographs have got a prediction of farnet_demo untrained-0, 2 had one already\n"
    assert studies.landmarks(images[2]).num_placed() == 19
    assert "final" in studies.get_labels_by_image_id(images[2])
    assert "3 radiographs" in ask("preannotate", studies, models, "--all", "--redo").out
    save_untrained(models.published, models.card(), seed=1)
    assert ask("preannotate", studies, models).out == "2 radiographs have got a prediction of farnet_demo untrained-1\n"


def test_preannotate_with_an_unreadable_image(tmp_path, models):
    studies = phantom_folder(tmp_path / "studies", 2)
    for image in studies.list_images():
        studies.remove_label(image, "final")
    (studies.folder / f"{studies.list_images()[0]}.png").write_bytes(b"no picture")
    done = ask("preannotate", studies, models)
    assert done.code == 2
    assert "1 radiographs have got a prediction" in done.out
    assert studies.list_images()[0] in done.err


def test_calibrate_publishes_the_same_weights_with_a_promise(tmp_path, models):
    studies = phantom_folder(tmp_path / "studies", 13)
    refused = ask("calibrate", studies, models)
    assert refused.code == 2
    assert "does not say which radiographs it has learnt from" in refused.err
    done = ask("calibrate", studies, models, "--none-learnt")
    assert done.code == 0, done.err
    assert "Calibrated on 13 radiographs of 13 patients" in done.out
    trained = load_trained(models.published)
    assert trained.trust.calibration.patients == 13
    assert read_card(models.published).version == "untrained-0_calibrated"
    again = ask("calibrate", studies, models, "--none-learnt")
    assert again.code == 0, again.err
    assert ask_rollback(models).code == 0
    assert models.infer_task().card().version.startswith("untrained-0")


def ask_rollback(models):
    return run("models", "rollback", "farnet_demo", "--model-dir", models.model_dir)


def test_calibrate_with_too_few_patients_changes_nothing(tmp_path, models):
    studies = phantom_folder(tmp_path / "studies", 4)
    before = models.published.read_bytes()
    done = ask("calibrate", studies, models, "--none-learnt")
    assert done.code == 2
    assert "labels of 12 patients" in done.err
    assert models.published.read_bytes() == before

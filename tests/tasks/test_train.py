"""The train task: what is learnt, repeated, masked and refused."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.checkpoints import load_model, read_card, read_held_out
from lib.evaluation.run_record import list_runs
from lib.landmarks import Landmark, Landmarks, State
from lib.radiographs import RadiographError
from lib.trainers import OptionsError
from lib.trainers.lock import is_training
from lib.trainers.metrics import METRICS
from lib.trainers.samples import NotEnoughLabelsError
from lib.trainers.split import SplitFile
from lib.trainers.training import DivergedError
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH, FAST, mean_error, phantom_folder, tiny_config, unseen

SHORT = {**FAST, "max_epochs": 1, "val_interval": 1}


def errors(config, studies, images, path=None):
    """Mean error of each image in pixels, with the model in use or the one at ``path``."""
    task = config.infer_task()
    if path is not None:
        task.path = [str(path)]
    return [
        mean_error(task.predict(studies.get_image_uri(image), "cpu").landmarks, studies.landmarks(image))
        for image in images
    ]


def state_of(path):
    return load_model(path)[0].state_dict()


def strict_json(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_training_finds_landmarks_on_images_it_never_saw(trained, studies):
    images = studies.list_images()
    new = unseen(studies)
    seen = sorted(set(images) - set(new))
    assert (len(seen), len(new)) == (10, 2)
    before, after = (
        {name: np.mean(errors(trained, studies, part, path)) for name, part in (("seen", seen), ("unseen", new))}
        for path in (trained.paths[0], trained.published)
    )
    assert before["unseen"] > 25  # pixels of 160 x 128: nothing is known
    assert after["seen"] < 0.12 * before["seen"]
    assert after["unseen"] < 0.2 * before["unseen"]


def test_the_card_tells_how_the_model_came_to_be(trained, studies):
    card, stats = read_card(trained.published), strict_json(trained.runs / "train_stats.json")
    assert (card.model, card.encoder, card.input_size, card.sigma) == ("farnet_demo", "lite", (128, 96), 3.0)
    assert (card.training["images"], card.training["held_out"]) == (10, 2)
    assert (len(card.data.train), len(card.data.held_out)) == (10, 2)
    assert not set(card.data.train) & set(card.data.held_out)
    assert (card.data.train_patients, card.data.held_out_patients) == (10, 2)
    assert card.parent == "untrained-0"
    assert card.code.startswith("0.")
    assert card.training["learning_rate"] == 2e-3
    assert card.training["pretrained"] is True
    assert card.training["epoch"] == stats["eval"]["best_metric_epoch"]
    assert card.metrics["val_sdr_2mm"] == stats["best_metric"] > 0.1
    assert 0 < card.metrics["val_mre_px"] < card.metrics["val_mre_mm"]  # a pixel of the phantoms has about 1.5 mm
    assert (stats["version"], stats["published"], stats["epoch"]) == (card.version, True, 30)
    assert set(stats["eval"]["metrics"]) == set(METRICS)
    assert stats["run"] == card.version
    assert stats["verdict"].startswith("Published: on 2 held-out radiographs")
    assert "total_time" in stats


def test_the_published_figures_are_those_of_the_published_model(trained, studies):
    assert np.mean(errors(trained, studies, unseen(studies))) == pytest.approx(
        read_card(trained.published).metrics["val_mre_px"], abs=0.15
    )  # float16 and fused heads round a little


def test_a_training_ends_with_an_evaluation_of_what_it_held_out(trained, studies):
    """Of the model that was published, beside the one that was in use before; the run's page leads to it."""
    run = list_runs(trained.runs)[0]
    folder = trained.runs / run.run / "evaluation"
    report = strict_json(folder / "report.json")
    new = unseen(studies)
    assert (report["images"], report["landmarks"], report["version"]) == (len(new), 19 * len(new), run.run)
    assert report["mre_px"] == pytest.approx(np.mean(errors(trained, studies, new)), abs=0.02)
    assert report["comparison"]["models"][1] == f"in use before: {read_card(trained.paths[0]).version}"
    assert report["comparison"]["mean_error"]["difference"] < -20
    assert report["pixel_spacing_sources"] == {"PixelSpacing": len(new)}  # phantoms say so
    assert "chosen on them" in (folder / "report.html").read_text()
    assert len((folder / "errors.csv").read_text().splitlines()) == 1 + 19 * len(new)
    assert 'href="evaluation/report.html"' in (folder.parent / "report.html").read_text()


def test_the_same_seed_trains_the_same_model(tmp_path, studies):
    states = []
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        config = tiny_config(tmp_path / folder, input_size="64x64")
        config.train_task()({**SHORT, "augment": True, "seed": seed}, studies)
        states.append(state_of(config.published))
    first, same, other = states
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


def test_missing_landmarks_and_unknown_millimetres(tmp_path, studies):
    """One landmark is in no label, each image lacks others, and no file says its millimetres."""
    partly = StudiesFolder(tmp_path / "partly", {"farnet_demo": CEPH})
    for number, image in enumerate(studies.list_images()[:5]):
        absent = {0, number + 1, number + 2}
        items = [
            Landmark(item.name, state=State.MISSING) if index in absent else item
            for index, item in enumerate(studies.landmarks(image))
        ]
        partly.import_study(image, studies.get_image_uri(image), Landmarks(tuple(items)), CEPH)
    config = tiny_config(tmp_path / "model", input_size="64x64")
    result = config.train_task()({**SHORT, "max_epochs": 3, "augment": True}, partly)
    assert all(torch.isfinite(value).all() for value in state_of(config.published).values())
    assert np.isfinite(result["eval"]["metrics"]["val_mre_px"])
    assert result["eval"]["metrics"]["val_mre_mm"] is None
    stats = strict_json(config.runs / "train_stats.json")
    assert stats["eval"]["metrics"]["val_mre_mm"] is None
    assert stats["eval"]["metrics"]["val_mre_px"] > 0
    assert read_card(config.published).metrics["val_mre_mm"] is None
    found = config.infer_task().predict(partly.get_image_uri(partly.list_images()[0]), "cpu")
    assert np.isfinite(found.landmarks.points()).all()


def test_early_stopping(tmp_path, studies):
    config = tiny_config(tmp_path, input_size="64x64")
    request = {**SHORT, "max_epochs": 12, "learning_rate": 1e-9, "optimizer": "adam", "early_stop_patience": 2}
    result = config.train_task()({**request, "schedule": "step"}, studies)
    assert result["epoch"] == 3


@pytest.mark.parametrize("request_", [{"val_split": 1}, {"optimizer": "sgd"}])
def test_refused_requests_leave_no_trace(tmp_path, studies, request_):
    config = tiny_config(tmp_path / "app" / "model")
    for train in (config.train_task(), config.train_task().check):
        with pytest.raises(OptionsError, match=f"Training option '{next(iter(request_))}' cannot be"):
            train({**SHORT, **request_}, studies)
    assert list(tmp_path.rglob("*")) == []


def test_too_few_labels(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 2)
    config = tiny_config(tmp_path / "model")
    for train in (config.train_task(), config.train_task().check):
        with pytest.raises(NotEnoughLabelsError, match=r"at least 3 .* there are 2: submit 1 more"):
            train(SHORT, studies)
    assert list_runs(config.runs) == []
    assert not is_training(config.runs)


def test_a_damaged_image_is_named(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 4)
    for image in studies.list_images():  # the header is whole, the pixels are not
        with Path(studies.get_image_uri(image)).open("r+b") as file:
            file.truncate(3000)
    config = tiny_config(tmp_path / "model")
    with pytest.raises(RadiographError, match=r"cephalometric_19_phantom_0\d+\.png"):
        config.train_task()(SHORT, studies)


def test_what_viewers_are_offered(tmp_path):
    task = tiny_config(tmp_path).train_task()
    info = task.info()
    assert info["labels"] == {name: index for index, name in enumerate(CEPH.names)}
    assert info["config"]["max_epochs"] == 0
    assert info["config"]["optimizer"] == ["adamw", "adam"]
    assert info["config"]["device"][-1] == "cpu"
    assert "dataset" not in info["config"]
    assert task.stats() == {"epoch": 0, "total_epochs": 1}  # a progress bar that is not full
    assert info["landmark_set"]["landmarks"][0]["name"] == "Sella"
    json.dumps(info, allow_nan=False)


def test_a_loss_that_is_no_number_ends_the_training(tmp_path, studies):
    config = tiny_config(tmp_path, input_size="64x64")
    request = {**SHORT, "max_epochs": 40, "learning_rate": 1.0, "optimizer": "adam", "schedule": "step"}
    task = config.train_task()
    with (
        patched_loss(),
        pytest.raises(DivergedError, match="The loss of epoch 2 is not a number: try a smaller"),
    ):
        task({**request, "early_stop_patience": 0}, studies)
    stats = strict_json(config.runs / "train_stats.json")
    assert (stats["status"], stats["epoch"]) == ("failed", 1)
    assert "is not a number" in stats["message"]
    assert read_card(config.published).training["epoch"] == 1  # what was best before is kept


@contextmanager
def patched_loss():
    """From the second epoch on the loss is infinite."""
    from lib.trainers.step import TrainStep

    original, epochs = TrainStep.epoch_loss, []

    def infinite(step):
        epochs.append(original(step))
        return epochs[0] if len(epochs) == 1 else float("inf")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainStep, "epoch_loss", infinite)
        yield


def test_too_little_gpu_memory_makes_the_batch_smaller(tmp_path, studies, monkeypatch):
    """The first network with room for two radiographs only; the run says so and has the same effective batch."""
    from lib.networks import FARNet

    original = FARNet.forward

    def forward(network, image):
        if network.training and len(image) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return original(network, image)

    monkeypatch.setattr(FARNet, "forward", forward)
    config = tiny_config(tmp_path, input_size="64x64")
    stats = config.train_task()({**SHORT, "train_batch_size": 8}, studies)
    assert (stats["status"], stats["published"]) == ("finished", True)
    assert stats["notes"][:2] == [
        "Too little GPU memory for batches of 8: they became 4, and the gradients of 2 are added up.",
        "Too little GPU memory for batches of 4: they became 2, and the gradients of 4 are added up.",
    ]
    training = read_card(config.published).training
    assert (training["train_batch_size"], training["accumulate"]) == (2, 4)


def test_no_gpu_memory_for_the_network(tmp_path, studies, monkeypatch):
    """Another program has all of it: found when the network is moved there."""
    from lib.networks import FARNet

    original = FARNet.to

    def move(network, *device, **more):
        if device:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(network, **more)

    monkeypatch.setattr(FARNet, "to", move)
    config = tiny_config(tmp_path, input_size="64x64")
    with pytest.raises(OptionsError, match="too little GPU memory even for one radiograph at a time: choose a smaller"):
        config.train_task()(SHORT, studies)
    (record,) = list_runs(config.runs)
    assert record.status == strict_json(config.runs / "train_stats.json")["status"] == "failed"


def test_a_model_file_names_no_image_and_no_patient(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 10)
    for image in studies.list_images():
        studies.update_image_info(image, {"patient": f"Jane Doe {image}"})
    config = tiny_config(tmp_path / "model", input_size="64x64")
    stats = config.train_task()(SHORT, studies)
    content = config.published.read_bytes()
    held_out = read_held_out(config.published)
    for image in studies.list_images():
        assert image.encode() not in content
        assert studies.identity(image).patient.encode() not in content
    assert held_out.images == tuple(
        SplitFile(studies.folder).read().fingerprint(image).exact for image in unseen(studies)
    )
    assert held_out.patients == ("1", "2")
    (record,) = list_runs(config.runs)
    assert [pair.image for pair in record.gate.images] == unseen(studies)  # the run, which stays here, does
    assert stats["published"]


def test_too_little_gpu_memory_for_anything(tmp_path, studies, monkeypatch):
    from lib.networks import FARNet

    def forward(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(FARNet, "forward", forward)
    config = tiny_config(tmp_path, input_size="64x64")
    with pytest.raises(OptionsError, match="too little GPU memory even for one radiograph at a time: choose a smaller"):
        config.train_task()({**SHORT, "train_batch_size": 2, "val_batch_size": 1}, studies)
    assert strict_json(config.runs / "train_stats.json")["status"] == "failed"
    assert config.current is None

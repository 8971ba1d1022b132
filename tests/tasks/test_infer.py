"""The infer task: from a file to landmarks in its pixels."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lib.checkpoints import ModelFileError, Trained
from lib.confidence import Trust
from lib.datasets.phantoms import make_phantom, write_dicom_dx
from lib.formats import parse_markups, parse_result
from lib.infers import InferError
from lib.landmarks import LandmarkSet
from lib.radiographs import PixelSpacing, RadiographError, SpacingSource, read_header
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH, KIND, mean_error, save_untrained, tiny_config

USER = PixelSpacing(0.31, 0.32, SpacingSource.USER)


@pytest.fixture
def task(trained):
    return trained.infer_task()


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    """A cephalogram of odd size that states its pixel spacing, and its true landmarks."""
    phantom = make_phantom(KIND, 321, (303, 257), bits=12)
    path = tmp_path_factory.mktemp("dicom") / "film.dcm"
    write_dicom_dx(path, phantom)
    return path, phantom


def test_without_weights_there_is_no_model(tmp_path, studies):
    task = tiny_config(tmp_path).infer_task()
    assert not task.is_valid()
    sentence = "Model 'farnet_demo' has no weights yet: train it first, or put a model file into model/"
    with pytest.raises(ModelFileError, match=sentence):
        task.card()
    with pytest.raises(ModelFileError, match=sentence):
        task.predict(studies.get_image_uri(studies.list_images()[0]))


def test_weights_of_other_landmarks_are_no_model(tmp_path, caplog):
    config = tiny_config(tmp_path)
    save_untrained(config.published, tiny_config(tmp_path, landmarks="hand_37").card())
    task = config.infer_task()
    with caplog.at_level(logging.WARNING):
        assert not task.is_valid()
    sentence = "was trained for the 37 landmarks of 'hand_37', not for 'cephalometric_19' as it stands now"
    assert f"Model 'farnet_demo' is not offered: {config.published} {sentence}" in caplog.text
    with pytest.raises(ModelFileError, match=sentence):
        task.card()


def test_a_broken_file_is_no_model_until_it_is_replaced(tmp_path):
    config = tiny_config(tmp_path)
    config.published.write_text("half a mod")
    task = config.infer_task()
    assert not task.is_valid()
    with pytest.raises(ModelFileError, match="is not a model file that torch can read"):
        task.card()
    save_untrained(config.published, config.card())
    assert task.is_valid()


def test_what_the_server_tells_of_a_model(task, trained):
    info = task.info()
    assert info["type"] == "detection"  # the type whose results Slicer's stock plugin loads as markups
    assert info["dimension"] == 2
    assert info["labels"] == {name: index for index, name in enumerate(CEPH.names)}
    assert info["version"] == task.card().version != "untrained-0"
    assert info["landmark_set"] == KIND
    assert info["metrics"]["val_sdr_2mm"] > 0
    json.dumps(info, allow_nan=False)


def test_landmarks_confidence_and_both_results(task, studies):
    image = studies.list_images()[0]
    header = studies.header(image)
    request = {"image": studies.get_image_uri(image), "device": "cpu", "result_extension": ".nrrd"}
    path, answer = task(request)
    result = parse_result(answer)
    assert result.landmarks.names == CEPH.names
    assert (result.width, result.height) == (128, 160)
    assert (result.model, result.version) == ("farnet_demo", task.card().version)
    result.landmarks.check_inside(160, 128)
    assert all(item.state == "defined" and 0.0 <= item.confidence <= 1.0 for item in result.landmarks)
    assert np.mean([item.confidence for item in result.landmarks]) > 0.3
    assert mean_error(result.landmarks, studies.landmarks(image)) < 6
    assert path.endswith(".mrk.json")
    written = parse_markups(Path(path).read_bytes(), CEPH, header)
    np.testing.assert_allclose(written.points(), result.landmarks.points(), atol=1e-6)
    assert [item.confidence for item in written] == [item.confidence for item in result.landmarks]
    assert answer["label_names"] == task.labels
    json.dumps(answer, allow_nan=False)
    Path(path).unlink()


def test_in_the_world_of_a_dicom_file_the_points_are_the_same(task, dicom):
    path, phantom = dicom
    header = read_header(path)
    markups, answer = task({"image": str(path), "device": "cpu"})
    result = parse_result(answer)
    written = parse_markups(Path(markups).read_bytes(), CEPH, header)
    np.testing.assert_allclose(written.points(), result.landmarks.points(), atol=1e-5)
    position = json.loads(Path(markups).read_text())["markups"][0]["controlPoints"][3]["position"]
    np.testing.assert_allclose(position, header.geometry.to_world(result.landmarks.points())[3], atol=1e-5)
    assert abs(header.geometry.spacing[0] - 1.0) > 0.1  # a geometry in which a mix-up would show
    assert mean_error(result.landmarks, phantom.landmarks) < 12  # of 303 rows, by a model for 128
    Path(markups).unlink()


def test_the_users_pixel_spacing_comes_before_the_files(task, dicom, studies):
    path, phantom = dicom
    found = task.predict(path, "cpu").pixel_spacing
    assert found.source == "PixelSpacing"
    assert found.x == pytest.approx(phantom.pixel_spacing.x, rel=1e-4)
    assert task.predict(path, "cpu", USER).pixel_spacing == USER
    image = studies.get_image_uri(studies.list_images()[0])
    assert not task.predict(image, "cpu").pixel_spacing.known
    assert task.predict(image, "cpu", USER).pixel_spacing == USER


def test_a_request_cannot_reach_into_the_task(task, studies):
    image = studies.get_image_uri(studies.list_images()[0])
    plain = task.predict(image, "cpu").landmarks
    foreign = {"label": "x", "logging": "nonsense", "header": 1, "card": 2, "pred": 3, "roi_size": [1], "score": None}
    _, data = task({"image": image, "device": "cpu", "skip_writer": True, **foreign})
    assert task.prediction(data).landmarks == plain


@pytest.mark.parametrize(
    ("more", "error", "sentence"),
    [
        ({"device": "tpu"}, InferError, "There is no device 'tpu' here: choose of cpu"),
        ({"device": {"a": 1}}, InferError, "There is no device"),
        ({"pixel_spacing": {"x": 0.1}}, InferError, r"A pixel spacing is written as \{x, y, source\}"),
        ({"pixel_spacing": {"x": -1, "y": 1, "source": "user"}}, InferError, "not between 0 and 100 mm"),
        ({"image": __file__}, RadiographError, "test_infer.py"),
        ({"image": "/nowhere/x.png"}, RadiographError, "x.png"),
    ],
)
def test_bad_requests(task, studies, more, error, sentence):
    image = studies.get_image_uri(studies.list_images()[0])
    with pytest.raises(error, match=sentence):
        task({"image": image, "device": "cpu", **more})


def test_a_newly_published_model_is_used_without_a_restart(tmp_path, studies):
    config = tiny_config(tmp_path)
    task, image = config.infer_task(), studies.get_image_uri(studies.list_images()[0])
    found = []
    for seed in (1, 2):
        save_untrained(config.published, config.card(), seed)
        prediction = task.predict(image, "cpu")
        assert prediction.card.version == task.card().version == task.info()["version"] == f"untrained-{seed}"
        found.append(prediction.landmarks.points())
    assert np.abs(found[0] - found[1]).max() > 1
    first = task.in_use("cpu")
    assert task.in_use("cpu") is first
    task.clear_cache()
    assert task.in_use("cpu") is not first
    config.published.unlink()
    assert not task.is_valid()


def test_the_model_in_use_keeps_its_own_input_size(trained, tmp_path, studies):
    """A server started with other options still serves the model as it was trained."""
    other = tiny_config(tmp_path, input_size="64x64", sigma="9")
    shutil.copy(trained.published, other.published)
    image = studies.get_image_uri(studies.list_images()[0])
    expected = trained.infer_task().predict(image, "cpu").landmarks
    assert other.infer_task().predict(image, "cpu").landmarks == expected


class ExactMaps(nn.Module):
    """A network that knows where the landmarks are: exact heat maps, whatever the image shows."""

    def __init__(self, truth, file_size, card):
        super().__init__()
        scale = np.divide(card.input_size[::-1], file_size[::-1])
        self.points = torch.as_tensor((np.asarray(truth) + 0.5) * scale - 0.5)  # centres of pixels, written once more
        self.card = card

    def details(self, image):
        assert image.shape == (1, 1, *self.card.input_size)
        codec, points, size = self.card.codec(), self.points.float()[None], self.card.input_size
        return codec.encode(points, size), codec.with_stride(2).encode(points, size), torch.zeros(1, 4)


@pytest.mark.parametrize("file_size", [(303, 257), (97, 641), (75, 51), (1200, 960)])
def test_exact_heat_maps_give_exact_landmarks(tmp_path, trained, file_size):
    height, width = file_size
    rng = np.random.default_rng(height)
    truth = rng.uniform((-0.5, -0.5), (width - 0.5, height - 0.5), (len(CEPH), 2))
    truth[:4] = [(0, 0), (width - 1, height - 1), (0, height - 1), (-0.5, height / 3)]
    path = tmp_path / "odd.png"
    Image.fromarray(rng.integers(0, 255, file_size, dtype=np.uint8)).save(path)
    task = trained.infer_task()
    card = task.card()
    exact = Trained(ExactMaps(truth, file_size, card), card, Trust())
    task._loaded["cpu"] = (task._file_key(), exact)  # instead of the trained network
    found = task.predict(path, "cpu").landmarks
    scale = np.array([width / card.input_size[1], height / card.input_size[0]])
    assert (np.abs(found.points() - truth) / scale).max() < 0.1
    assert min(item.confidence for item in found) > 0.9


@pytest.mark.parametrize("size", [(160, 128), (303, 257), (211, 180)])
def test_landmarks_on_the_border_can_be_saved_as_a_label(tmp_path, trained, size):
    """On the way to millimetres and back a position loses its last digits; it must not fall out of the image."""
    studies = StudiesFolder(tmp_path / "studies", {"farnet_demo": CEPH})
    task = trained.infer_task()
    card = task.card()
    for seed in range(4):
        path = tmp_path / f"{seed}.dcm"
        write_dicom_dx(path, make_phantom(KIND, seed, size, bits=12))
        corners = [(x, y) for x in (-9, 40, size[1] + 9) for y in (-9, 50, size[0] + 9)]
        truth = (corners * 3)[: len(CEPH)]
        task._loaded["cpu"] = (task._file_key(), Trained(ExactMaps(truth, size, card), card, Trust()))
        markups, answer = task({"image": str(path), "device": "cpu"})
        found = parse_result(answer).landmarks
        assert found.points().min() == -0.5
        assert found.points().max(axis=0).tolist() == [size[1] - 0.5, size[0] - 0.5]
        studies.add_image(str(seed), path, {})
        studies.save_label(str(seed), markups, "original", {"model": "farnet_demo"})
        saved = studies.landmarks(str(seed), "original").points()
        np.testing.assert_allclose(saved, found.points(), atol=1e-6)
        Path(markups).unlink()


def test_landmark_sets_of_any_length(tmp_path, studies):
    spine = tiny_config(tmp_path, landmarks="spine_68")
    save_untrained(spine.published, spine.card())
    found = spine.infer_task().predict(studies.get_image_uri(studies.list_images()[0]), "cpu")
    assert found.landmarks.names == LandmarkSet.load("spine_68").names


def test_boxes_for_a_slicer_without_our_module(task, dicom):
    path, _ = dicom
    assert task.info()["config"]["result_type"] == ["points", "boxes"]
    written, result = task({"image": str(path), "device": "cpu", "result_type": "boxes"})
    document = json.loads(Path(written).read_text())
    assert {markup["type"] for markup in document["markups"]} == {"ROI"}
    found = parse_markups(document, CEPH, read_header(path))
    np.testing.assert_allclose(found.points(), parse_result(result).landmarks.points(), atol=1e-6)
    with pytest.raises(InferError, match="There is no result_type 'mask': choose of points, boxes"):
        task({"image": str(path), "device": "cpu", "result_type": "mask"})


def test_a_prediction_says_which_model_put_it_where(task, dicom):
    path, _ = dicom
    written, _ = task({"image": str(path), "device": "cpu"})
    found = parse_markups(Path(written).read_text(), CEPH, read_header(path))
    assert {item.predicted.model for item in found} == {f"farnet_demo {task.card().version}"}
    for item in found:
        np.testing.assert_allclose([item.predicted.x, item.predicted.y], [item.x, item.y], atol=1e-4)

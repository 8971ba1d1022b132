"""Inference over HTTP: answers, refusals, and a server that goes on answering."""

import io
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image
from requests_toolbelt.multipart import decoder

from lib.formats import parse_markups, parse_result
from lib.radiographs import read_header
from tests.tiny import CEPH, FILE_SIZE

FILES = {"first": "first.png", "ward 7__Second": "ward 7/Second.PNG", "film": "film.dcm"}


@pytest.fixture(params=FILES)
def image(request):
    return request.param


def check(landmarks):
    assert landmarks.names == CEPH.names
    landmarks.check_inside(*FILE_SIZE)
    assert all(0.0 <= item.confidence <= 1.0 for item in landmarks)


def test_json(server, image):
    answer = server.find(image)
    result = parse_result(answer)
    check(result.landmarks)
    assert (result.height, result.width) == FILE_SIZE
    assert result.model == "farnet_demo"
    assert result.version == server.get("/info/")["models"]["farnet_demo"]["version"]
    assert result.pixel_spacing.source == ("PixelSpacing" if image == "film" else "unknown")
    assert answer["label_names"] == {name: index for index, name in enumerate(CEPH.names)}


def test_the_markups_file(server, image):
    response = server.infer(params={"image": image, "output": "image"})
    assert response.status_code == 200
    assert ".mrk.json" in response.headers["content-disposition"]
    found = parse_markups(response.content, CEPH, read_header(server.studies / FILES[image]))
    check(found)
    np.testing.assert_allclose(found.points(), parse_result(server.find(image)).landmarks.points(), atol=1e-5)


@pytest.mark.parametrize("output", [None, "all"])
def test_both_as_slicer_asks_for_them(server, image, output):
    params = json.dumps({"device": "cpu", "result_extension": ".nrrd", "result_dtype": "uint8", "client_id": "slicer"})
    response = server.infer(params={"image": image, "output": output}, data={"params": params})
    assert response.status_code == 200, response.text
    parts = {}
    for part in decoder.MultipartDecoder.from_response(response).parts:
        disposition = part.headers[b"Content-Disposition"].decode()
        parts[disposition.split('name="')[1].split('"')[0]] = (disposition, part.content)
    assert set(parts) == {"params", "image"}
    assert ".mrk.json" in parts["image"][0]
    result = parse_result(parts["params"][1])
    found = parse_markups(parts["image"][1], CEPH, read_header(server.studies / FILES[image]))
    np.testing.assert_allclose(found.points(), result.landmarks.points(), atol=1e-5)


def test_an_uploaded_file(server, image):
    content = (server.studies / FILES[image]).read_bytes()
    response = server.infer(params={"output": "json"}, files={"file": (FILES[image].rpartition("/")[2], content)})
    assert response.status_code == 200, response.text
    assert parse_result(response.json()).landmarks == parse_result(server.find(image)).landmarks
    assert list(server.scratch.glob("farnet-upload-*")) == []


def test_the_pixel_spacing_of_the_request_the_studies_and_the_file(server):
    def spacing(**params):
        response = server.infer(params={"image": "film", "output": "json"}, data={"params": json.dumps(params)})
        assert response.status_code == 200, response.text
        return response.json()["pixel_spacing"]

    stated = {"x": 0.3, "y": 0.4, "source": "user"}
    assert spacing()["source"] == "PixelSpacing"
    assert spacing(pixel_spacing=stated) == stated
    noted = {"x": 0.1, "y": 0.1, "source": "user"}
    info = {"params": {"image": "film"}, "data": {"info": json.dumps({"pixel_spacing": noted})}}
    assert server.request("PUT", "/datastore/image/info", **info).status_code == 200
    assert spacing() == noted
    assert spacing(pixel_spacing=stated) == stated
    info["data"] = {"info": '{"pixel_spacing": null}'}
    assert server.request("PUT", "/datastore/image/info", **info).status_code == 200
    assert spacing()["source"] == "PixelSpacing"


def test_saving_the_result_as_a_label(server):
    response = server.infer(
        params={"image": "first", "output": "json"}, data={"params": '{"save_label": true, "label_tag": "original"}'}
    )
    assert response.status_code == 200, response.text
    info = server.get("/datastore/label/info", params={"label": "first", "tag": "original"})
    assert (info["model"], info["version"]) == ("farnet_demo", response.json()["version"])
    label = server.request("GET", "/datastore/label", params={"label": "first", "tag": "original"}).content
    saved = parse_markups(label, CEPH, read_header(server.studies / "first.png"))
    np.testing.assert_allclose(saved.points(), parse_result(response.json()).landmarks.points(), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "image", "status", "sentence"),
    [
        ("farnet_foot", "first", 404, "There is no model 'farnet_foot': this server has farnet_demo, farnet_hand."),
        ("farnet_hand", "first", 404, "Model 'farnet_hand' has no weights yet: train it first"),
        ("farnet_demo", "third", 404, "There is no image 'third' in the studies."),
        ("farnet_demo", "first.png", 404, "There is no image 'first.png'"),
        ("farnet_demo", "/etc/hostname", 404, "There is no image '/etc/hostname'"),
        ("farnet_demo", "../the app/main.py", 404, "There is no image '../the app/main.py'"),
        ("farnet_demo", ".", 404, "There is no image '.'"),
        ("farnet_demo", "", 422, "Say which radiograph: image=ID of the studies, or upload a file."),
        ("farnet_demo", "broken", 422, "broken.png"),
    ],
)
def test_unknown_models_and_images(server, model, image, status, sentence):
    response = server.infer(model, params={"image": image, "output": "json"})
    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_an_absolute_path_of_a_radiograph_is_no_image(server):
    response = server.infer(params={"image": str(server.studies / "first.png"), "output": "json"})
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("{broken", "The parameters are not valid JSON"),
        ("[1, 2]", "The parameters are not a JSON object of names and values."),
        ('{"image": "/etc/hostname"}', "'image' belongs into the request itself, not into its parameters."),
        ('{"model": "farnet_hand"}', "'model' belongs into the request itself"),
        ('{"upload": "/etc/hostname"}', "'upload' belongs into the request itself"),
        ('{"device": "tpu"}', "There is no device 'tpu' here: choose of cpu."),
        ('{"pixel_spacing": {"x": 1}}', "A pixel spacing is written as {x, y, source}."),
        ('{"save_label": true, "label_tag": "../../../x"}', "A label cannot have the tag '../../../x'"),
        ('{"save_label": true, "label_tag": "final"}', "A prediction can be stored as 'original' only"),
        ('{"result_type": "mask"}', "There is no result_type 'mask': choose of points, boxes."),
    ],
)
def test_bad_parameters(server, params, sentence):
    response = server.infer(params={"image": "first", "output": "json"}, data={"params": params})
    assert response.status_code == 422, response.text
    assert sentence in response.json()["detail"]


@pytest.mark.parametrize("params", ['{"logging": "nonsense"}', '{"skip_writer": true, "label": "x", "header": 1}'])
def test_parameters_that_mean_nothing_here(server, params):
    response = server.infer(params={"image": "first", "output": "json"}, data={"params": params})
    assert response.status_code == 200, response.text
    assert parse_result(response.json()).landmarks == parse_result(server.find("first")).landmarks


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"no picture"),
        ("x.png", b"no picture"),
        ("x.dcm", b"no picture"),
        ("x.nii.gz", b"no picture"),
        ("../../x.png", b"\x89PNG\r\n\x1a\n"),
        ("x.jpg", b"\xff\xd8\xff\xe0"),
        ("x", b""),
    ],
)
def test_uploads_that_are_no_radiographs(server, name, content):
    response = server.infer(params={"output": "json"}, files={"file": (name, content)})
    assert response.status_code == 422, response.text
    sentence = response.json()["detail"]
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    assert list(server.scratch.glob("farnet-upload-*")) == []


def test_a_segmentation_is_not_to_be_had(server):
    response = server.infer(params={"image": "first", "output": "dicom_seg"})
    assert response.status_code == 422
    assert response.json()["detail"] == "Landmarks are no segmentation: ask for output=json or output=image."


def test_the_server_answers_others_during_an_inference(server):
    large = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 2**16, (3000, 3000), dtype=np.uint16)
    Image.fromarray(noise).save(large, "PNG", compress_level=0)
    span = []

    def infer():
        response = server.infer(params={"output": "json"}, files={"file": ("large.png", large.getvalue())})
        span.append((response.status_code, response.json()["latencies"]["total"], time.monotonic()))

    worker = threading.Thread(target=infer)
    worker.start()
    answered = []
    while worker.is_alive():
        server.get("/info/")
        answered.append(time.monotonic())
    worker.join()
    status, seconds, end = span[0]
    assert status == 200
    assert sum(end - seconds < moment < end for moment in answered) >= 3

"""What the other tests here stand on: Orthanc and Chromium themselves do what is believed of them."""

import io

import pydicom
import pytest
import requests

from tests.viewers.dicoms import save_radiograph
from tests.viewers.ohif import browser
from tests.viewers.orthanc import running_orthanc
from tests.viewers.tls import make_certificate, tls_in_front

MODALITIES = ("CR", "DX", "RG", "PX", "IO", "OT", "CT")
WEBGL = """<!doctype html><canvas width="40" height="30"></canvas><script>
const gl = document.querySelector('canvas').getContext('webgl2', { preserveDrawingBuffer: true });
gl.clearColor(0, 1, 0, 1);
gl.clear(gl.COLOR_BUFFER_BIT);
const pixel = new Uint8Array(4);
gl.readPixels(20, 15, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
document.title = [...pixel].join(' ');
</script>"""


@pytest.fixture
def one(tmp_path, film):
    """A radiograph's file."""
    save_radiograph(tmp_path / "one", film)
    return tmp_path / "one"


def test_an_instance_comes_back_as_it_was_stored(orthanc, one):
    [identifier] = orthanc.store(one)
    stored, sent = pydicom.dcmread(io.BytesIO(orthanc.file(identifier))), pydicom.dcmread(one)
    assert (stored.SOPInstanceUID, stored.PixelData) == (sent.SOPInstanceUID, sent.PixelData)
    assert orthanc.store(one) == [identifier]  # a second time changes nothing
    assert len(orthanc.instances()) == 1


def test_stow_stores_several_and_each_modality_is_found(orthanc, tmp_path, film):
    for modality in MODALITIES:
        save_radiograph(tmp_path / modality, film, modality=modality)
    answer = orthanc.stow(*(tmp_path / modality for modality in MODALITIES))
    assert answer.status_code == 200, answer.text
    for modality in MODALITIES:
        [found] = orthanc.instances(modality)
        orthanc.delete(found["SOPInstanceUID"])
        assert orthanc.instances(modality) == []


def test_what_was_stored_outlives_a_power_cut(orthanc, one):
    [identifier] = orthanc.store(one)
    orthanc.kill()
    with pytest.raises(requests.ConnectionError):
        orthanc.get("/system")
    orthanc.start()
    assert orthanc.get("/instances") == [identifier]


def test_a_login_is_needed_where_there_is_one(tmp_path, one):
    with running_orthanc(tmp_path / "locked", login=("reader", "secret")) as locked:
        assert requests.get(f"{locked.dicomweb}/studies", timeout=20).status_code == 401
        assert requests.get(f"{locked.dicomweb}/studies", auth=("reader", "x"), timeout=20).status_code == 401
        locked.store(one)
        assert len(requests.get(f"{locked.dicomweb}/studies", auth=("reader", "secret"), timeout=20).json()) == 1


def test_https_in_front_of_it(orthanc, tmp_path, monkeypatch):
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    certificate, key = make_certificate(tmp_path)
    with tls_in_front(orthanc.port, certificate, key) as port:
        address = f"https://127.0.0.1:{port}/dicom-web/studies"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(address, timeout=20)
        assert requests.get(address, verify=str(certificate), timeout=20).json() == []


def test_it_ends_with_its_block_however_that_ends(tmp_path):
    with pytest.raises(ZeroDivisionError), running_orthanc(tmp_path / "orthanc") as running:
        raise ZeroDivisionError
    with pytest.raises(requests.ConnectionError):
        running.get("/system")


def test_chromium_draws_with_webgl(tmp_path):
    (tmp_path / "page.html").write_text(WEBGL)
    with browser() as chromium:
        page = chromium.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        assert page.title() == "0 255 0 255"

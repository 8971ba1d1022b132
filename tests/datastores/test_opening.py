"""What a user calls the studies: a folder or an address, and what is wrong with one."""

import pytest
from monailabel.config import settings

from lib.configs import ConfigError
from monailabel_app.datastores.dicomweb import cache_folder
from monailabel_app.datastores.opening import check_studies, is_address, open_studies


@pytest.mark.parametrize("studies", ["http://pacs:8042/dicom-web", "https://pacs.example.org/dicomweb/", "a folder"])
def test_folders_and_addresses_are_taken(studies):
    check_studies(studies, {"dicomweb_cache_gb": "0.5"})
    assert is_address(studies) == studies.startswith("http")


@pytest.mark.parametrize(
    ("studies", "conf", "sentence"),
    [
        ("http://", {}, "'http://' is no address of a DICOMweb server, such as http://localhost:8042/dicom-web."),
        ("http://pacs:port/x", {}, "is no address of a DICOMweb server"),
        ("http://pacs:0/x", {}, "is no address of a DICOMweb server"),
        ("http://pacs/x?key=1", {}, "is no address of a DICOMweb server"),
        ("http://me:secret@pacs/x", {}, "A login does not belong into the address"),
        ("folder", {"dicomweb_cache_gb": "much"}, "dicomweb_cache_gb 'much' is not a number of gigabytes above 0."),
        ("folder", {"dicomweb_cache_gb": "0"}, "dicomweb_cache_gb '0' is not a number of gigabytes above 0."),
    ],
)
def test_what_cannot_be_opened_is_refused_with_a_sentence(studies, conf, sentence):
    with pytest.raises(ConfigError) as caught:
        check_studies(studies, conf)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_same_server_has_the_same_cache_and_another_has_another(tmp_path):
    one = cache_folder("http://pacs/dicom-web/", str(tmp_path))
    assert one == cache_folder("http://pacs/dicom-web", str(tmp_path))
    assert one != cache_folder("http://pacs2/dicom-web", str(tmp_path))
    assert one.parent == tmp_path


def test_studies_on_a_server_that_is_away_open_empty_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "MONAI_LABEL_DICOMWEB_CACHE_PATH", str(tmp_path))
    studies = open_studies("http://127.0.0.1:1/dicom-web", {})
    assert studies.list_images() == []
    assert studies.status()["dicomweb"] == {
        "url": "http://127.0.0.1:1/dicom-web",
        "fault": "The DICOMweb server http://127.0.0.1:1/dicom-web does not answer: try again when it is back.",
    }

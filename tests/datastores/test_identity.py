"""Whose image it is, for the split: as noted, else as the file says, never the id that Slicer is given for it."""

import pytest

from lib.radiographs import Identity, RadiographError
from monailabel_app.errors import NotFoundError
from tests.datastores.conftest import write_image
from tests.radiographs.files import GREY, write_dicom


@pytest.fixture
def filled(store, studies, tmp_path):
    write_image(studies / "plain.png")
    write_dicom(studies / "full.dcm", GREY, PatientID="4711", IssuerOfPatientID="north", StudyInstanceUID="1.2.3")
    write_dicom(studies / "nameless.dcm", GREY, PatientID="ANONYMOUS", StudyInstanceUID="1.2.4")
    store.refresh()
    return store


def test_what_files_say(filled):
    assert filled.identity("full") == Identity.of("4711", "north", "1.2.3")
    assert filled.identity("nameless") == Identity.of(study="1.2.4")
    assert filled.get_image_info("plain")["PatientID"] == "plain"
    assert filled.identity("plain") == Identity()


def test_what_a_user_notes_wins(filled):
    for image in ("plain", "full"):
        filled.update_image_info(image, {"patient": "Nobody 7"})
    assert filled.identity("plain") == Identity.of("Nobody 7")
    assert filled.identity("full") == Identity.of("Nobody 7", study="1.2.3")
    filled.update_image_info("full", {"patient": "unknown"})
    assert filled.identity("full") == Identity.of("4711", "north", "1.2.3")


def test_a_client_cannot_note_a_study_or_a_patient_id(filled):
    filled.update_image_info("plain", {"StudyInstanceUID": "1.2.3", "PatientID": "4711"})
    assert filled.identity("plain") == Identity()


def test_errors(filled, studies):
    with pytest.raises(NotFoundError, match="no image 'gone'"):
        filled.identity("gone")
    (studies / "full.dcm").write_bytes(b"damaged since")
    with pytest.raises(RadiographError, match=r"full\.dcm is no radiograph"):
        filled.identity("full")

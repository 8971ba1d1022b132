"""Whose radiograph it is, as far as the file says."""

import pytest

from lib.radiographs import Identity, RadiographError, read_identity
from tests.radiographs.files import GREY, write_dicom, write_raster


def test_ids_become_hashes_that_stay_the_same():
    identity = Identity.of("4711", study="1.2.3")
    assert identity == Identity("patient:23f6152085ab388e", "study:d00b29bc9add9ad1")
    assert identity == Identity.of(" 4711 ", "", "1.2.3\0")
    assert Identity.of(4711) == Identity.of("4711")
    assert "4711" not in repr(Identity.of("4711", "hospital", "4711"))


def test_the_same_number_of_two_issuers_is_two_patients():
    assert Identity.of("4711", "north").patient != Identity.of("4711", "south").patient
    assert Identity.of("4711", "north").patient != Identity.of("4711").patient


def test_the_number_alone_is_known_where_there_is_an_issuer():
    assert Identity.of("4711", "north").number == Identity.of("4711", "south").number == Identity.of("4711").patient
    assert Identity.of("4711").number is None
    assert Identity.of("", "north") == Identity()
    north = Identity.of("4711", "north")
    assert Identity().or_else(north) == north
    assert Identity.of("12").or_else(north) == Identity.of("12")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "0",
            "0000",
            "ANONYMOUS",
            "Anonymous^Patient",
            "anonymized",
            "UNKNOWN",
            "N/A",
            "none",
            "xxx",
            "-",
            "--",
        ),
        *("No ID", "De-Identified", None, True, 1.5, ["4711"], {}),
    ],
)
def test_placeholders_are_no_patients(text):
    assert Identity.of(text) == Identity()


@pytest.mark.parametrize("text", ["1", "ANON001", "anonymous-17", "Pat 3", "x1", "Ünal", "患者"])
def test_pseudonyms_are_patients(text):
    assert Identity.of(text).patient is not None


def test_what_is_not_known_is_taken_from_another():
    assert Identity("patient:a").or_else(Identity("patient:b", "study:b")) == Identity("patient:a", "study:b")
    assert Identity().or_else(Identity("patient:b")) == Identity("patient:b")


def test_dicom(tmp_path):
    full = {"PatientID": "4711", "IssuerOfPatientID": "north", "StudyInstanceUID": "1.2.3"}
    assert read_identity(write_dicom(tmp_path / "a.dcm", GREY, **full)) == Identity.of("4711", "north", "1.2.3")
    empty = write_dicom(tmp_path / "b.dcm", GREY, PatientID="", StudyInstanceUID="1.2.3")
    assert read_identity(empty) == Identity.of(study="1.2.3")
    assert read_identity(write_dicom(tmp_path / "c.dcm", GREY)) == Identity()


def test_other_files_say_nothing(tmp_path):
    assert read_identity(write_raster(tmp_path / "a.png", GREY)) == Identity()


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(RadiographError, match=r"gone\.dcm does not exist"):
        read_identity(tmp_path / "gone.dcm")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(RadiographError, match=r"bad\.png is no radiograph"):
        read_identity(tmp_path / "bad.png")

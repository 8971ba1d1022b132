"""``phantoms`` to a DICOMweb server: DICOM images without labels, each once."""

from lib.datasets.phantoms import phantom_patient
from tests.cli.conftest import run
from tests.viewers.orthanc import running_orthanc


def test_films_are_sent_once_and_without_labels(tmp_path):
    with running_orthanc(tmp_path / "orthanc") as pacs:
        for count, sent, there in ((2, 2, 0), (3, 1, 2)):
            done = run("phantoms", "cephalometric_19", pacs.dicomweb, "--count", count, "--seed", 40)
            sentence = f"{sent} synthetic radiographs sent to {pacs.dicomweb}, {there} were there\n"
            assert (done.code, done.out) == (0, sentence)
        films = pacs.instances()
        patients = {phantom_patient("cephalometric_19", seed) for seed in (40, 41, 42)}
        assert {(film["PatientID"], film["Modality"]) for film in films} == {(patient, "DX") for patient in patients}
        assert len(films) == 3


def test_an_address_where_no_server_is_costs_a_sentence():
    done = run("phantoms", "cephalometric_19", "http://127.0.0.1:9/dicom-web", "--count", 1)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("farnet phantoms: The DICOMweb server http://127.0.0.1:9/dicom-web does not answer")


def test_an_address_that_is_none():
    done = run("phantoms", "cephalometric_19", "http:///dicom-web", "--count", 1)
    assert done.code == 2
    assert "is no address of a DICOMweb server" in done.err

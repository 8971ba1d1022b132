"""Labels per annotator on a real Orthanc: every report stays there, and each person's label can be told apart."""

import pytest

from monailabel_app.datastores.pacs import PacsAwayError
from tests.tiny import CEPH
from tests.viewers.dicoms import save_radiograph

FINAL = "final"


@pytest.fixture
def image(orthanc, tmp_path, film):
    dataset = save_radiograph(tmp_path / "one", film)
    orthanc.store(tmp_path / "one")
    return str(dataset.SOPInstanceUID)


def told(studies, image):
    return [(one.annotator, one.number, one.landmarks[0].x) for one in studies.annotations(image)]


def test_each_annotator_keeps_a_label(orthanc, opened, image, label):
    studies = opened(orthanc)
    studies.save_label(image, label(11.0), FINAL, {"annotator": "Dr. Müller", "client_id": "pc7"})
    studies.save_label(image, label(12.0), FINAL, {"client_id": "Doe^Jane"})
    studies.save_label(image, label(13.0), FINAL, {"client_id": "Doe^Jane", "reading": 2})
    expected = [("Doe^Jane", 1, 12.0), ("Doe^Jane", 2, 13.0), ("Dr. Müller", 1, 11.0)]
    assert told(studies, image) == expected
    assert studies.landmarks(image)[0].x == 13.0
    assert studies.annotated() == {image: [(name, number) for name, number, _ in expected]}
    reading = studies.annotation(image, "dr. müller")
    assert (reading.landmark_set, reading.info["client_id"]) == (CEPH.name, "pc7")
    assert len(orthanc.reports()) == 3
    again = opened(orthanc)  # the same machine, another process
    assert told(again, image) == expected


def test_nothing_is_fetched_to_tell_readings(orthanc, opened, image, label, monkeypatch):
    studies = opened(orthanc)
    studies.save_label(image, label(11.0), FINAL, {"client_id": "ada"})
    monkeypatch.setattr(type(studies), "header", lambda *_: pytest.fail("the image is not needed"))
    assert told(studies, image) == [("ada", 1, 11.0)]


def test_reports_of_others_are_their_readings(orthanc, opened, image, label):
    here, there = opened(orthanc), opened(orthanc, "another machine")
    there.save_label(image, label(11.0), FINAL, {"client_id": "ada"})
    here.refresh()
    assert told(here, image) == [("ada", 1, 11.0)]
    there.save_label(image, label(12.0), FINAL, {"client_id": "bob"})
    here.refresh()
    assert told(here, image) == [("ada", 1, 11.0), ("bob", 1, 12.0)]
    there.save_label(image, label(15.0), FINAL, {"client_id": "ada"})  # she has corrected hers
    here.refresh()
    assert told(here, image) == [("ada", 1, 15.0), ("bob", 1, 12.0)]
    here.save_label(image, label(14.0), FINAL, {"client_id": "cy"})
    assert told(here, image) == [("ada", 1, 15.0), ("bob", 1, 12.0), ("cy", 1, 14.0)]


def test_a_reading_is_a_report(orthanc, opened, image, label):
    studies = opened(orthanc)
    studies.save_label(image, label(11.0), FINAL, {"client_id": "ada"})
    studies.save_reading(image, label(12.0), {"annotator": "bob"})
    assert len(orthanc.reports()) == 2
    assert told(studies, image) == [("ada", 1, 11.0), ("bob", 1, 12.0)]
    assert studies.landmarks(image)[0].x == 12.0


def test_a_reading_that_was_put_there_by_hand_waits_for_the_server(orthanc, opened, image, label):
    """Regression: one in pixels was a KeyError, and one of an image that could not be fetched counted as damaged."""
    studies = opened(orthanc)
    folder = studies.folder / "labels" / "annotators" / "ada" / "1"
    folder.mkdir(parents=True)
    label(11.0).rename(folder / f"{image}.json")
    orthanc.kill()
    with pytest.raises(PacsAwayError, match="does not answer"):
        studies.annotations(image)
    orthanc.start()
    assert told(studies, image) == [("ada", 1, 11.0)]

"""Studies on a real Orthanc: what is listed and fetched, where labels go, and what happens while it is away."""

import logging
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, XRayRadiationDoseSRStorage, generate_uid

from lib.formats.structured_report import report_dataset
from lib.landmarks import Landmark, Landmarks, LandmarkSet, State
from lib.radiographs import SpacingSource, read_radiograph
from lib.trainers.samples import check_labels, labelled_samples
from monailabel_app.datastores import pacs
from monailabel_app.datastores.dicomweb import DicomwebStudies
from monailabel_app.datastores.pacs import PacsAwayError, PacsRefusedError
from monailabel_app.datastores.pacs_reports import ReportReader
from monailabel_app.errors import ConflictError, NotFoundError, StudiesError
from tests.tiny import CEPH
from tests.viewers.dicoms import save_radiograph
from tests.viewers.orthanc import running_orthanc
from tests.viewers.tls import make_certificate, tls_in_front

FINAL = "final"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Two attempts are enough here."""
    monkeypatch.setattr(pacs, "ATTEMPTS", 2)


def uid(dataset) -> str:
    return str(dataset.SOPInstanceUID)


def no_image(path: Path, **more) -> Path:
    """A report of radiation dose, which has modality SR too."""
    dataset = save_radiograph(path, np.zeros((16, 16), np.uint8), **more)
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = XRayRadiationDoseSRStorage
    dataset.Modality = "SR"
    dataset.save_as(path, write_like_original=False)
    return path


class TestListing:
    def test_radiographs_of_every_kind_are_listed_and_nothing_else(self, orthanc, opened, tmp_path, film):
        wanted = [
            save_radiograph(tmp_path / kind, film, modality=kind) for kind in ("CR", "DX", "RG", "PX", "IO", "OT")
        ]
        save_radiograph(tmp_path / "CT", film, modality="CT")
        no_image(tmp_path / "dose", study=wanted[0].StudyInstanceUID)
        orthanc.store(*(tmp_path / name for name in ("CR", "DX", "RG", "PX", "IO", "OT", "CT", "dose")))
        studies = opened(orthanc)
        assert studies.list_images() == sorted(uid(dataset) for dataset in wanted)
        assert studies.get_labeled_images() == []

    def test_a_series_of_several_images_becomes_several(self, orthanc, opened, tmp_path, film):
        series = {"study": generate_uid(), "series": generate_uid(), "patient": "one"}
        first = save_radiograph(tmp_path / "1", film, number=1, **series)
        orthanc.store(tmp_path / "1")
        studies = opened(orthanc)
        assert studies.header(series["series"]).width == film.shape[1]  # viewers name a radiograph by its series
        second = save_radiograph(tmp_path / "2", film, number=2, **series)
        orthanc.store(tmp_path / "2")
        assert studies.list_images() == sorted([uid(first), uid(second)])  # the first has kept its id
        with pytest.raises(StudiesError, match="has 2 radiographs: name one by its SOP instance UID"):
            studies.header(series["series"])

    def test_what_comes_and_goes_on_the_server_is_seen_at_once(self, orthanc, opened, tmp_path, film, label):
        studies = opened(orthanc)
        assert studies.list_images() == []
        dataset = save_radiograph(tmp_path / "new", film)
        orthanc.store(tmp_path / "new")
        assert studies.list_images() == [uid(dataset)]
        orthanc.delete(uid(dataset))
        assert studies.list_images() == []
        with pytest.raises(NotFoundError, match="There is no image"):
            studies.save_label(uid(dataset), label(), FINAL, {})

    def test_an_image_that_has_just_come_is_looked_for(self, orthanc, tmp_path, film):
        studies = DicomwebStudies(orthanc.dicomweb, tmp_path / "cache", {})  # in no hurry to look again
        time.sleep(1.0)
        dataset = save_radiograph(tmp_path / "new", film)
        orthanc.store(tmp_path / "new")
        assert studies.header(uid(dataset)).width == film.shape[1]
        assert not studies.has_image("1.2.3")

    def test_an_image_in_the_place_of_another_is_found(self, orthanc, opened, tmp_path, film):
        series = {"study": generate_uid(), "series": generate_uid(), "patient": "one"}
        first = save_radiograph(tmp_path / "1", film, **series)
        orthanc.store(tmp_path / "1")
        studies = opened(orthanc)
        assert studies.list_images() == [uid(first)]
        second = save_radiograph(tmp_path / "2", film, **series)
        orthanc.store(tmp_path / "2")
        orthanc.delete(uid(first))
        assert studies.header(uid(second)).width == film.shape[1]
        assert studies.list_images() == [uid(second)]

    def test_an_image_that_has_gone_stays_gone_after_a_restart(self, orthanc, opened, tmp_path, film):
        series = {"study": generate_uid(), "series": generate_uid(), "patient": "one"}
        kept, gone = (save_radiograph(tmp_path / str(number), film, number=number, **series) for number in (1, 2))
        orthanc.store(tmp_path / "1", tmp_path / "2")
        assert len(opened(orthanc).list_images()) == 2
        orthanc.delete(uid(gone))
        assert opened(orthanc).list_images() == [uid(kept)]
        assert opened(orthanc).list_images() == [uid(kept)]

    def test_filters_of_the_user(self, orthanc, opened, tmp_path, film):
        old = save_radiograph(tmp_path / "old", film)
        save_radiograph(tmp_path / "new", film, StudyDate="20250101")
        orthanc.store(tmp_path / "old", tmp_path / "new")
        assert opened(orthanc, filters={"StudyDate": "-20241231"}).list_images() == [uid(old)]
        assert opened(orthanc, "other cache", filters={"Modality": "CR"}).list_images() == []

    def test_an_image_tells_a_viewer_where_it_is(self, orthanc, opened, tmp_path, film):
        dataset = save_radiograph(tmp_path / "one", film)
        orthanc.store(tmp_path / "one")
        info = opened(orthanc).get_image_info(uid(dataset))
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality"):
            assert info[keyword] == str(dataset[keyword].value)
        assert info["name"].startswith(uid(dataset))
        assert info["name"].endswith(".dcm")


class TestImages:
    @pytest.mark.parametrize("kind", [{}, {"inverted": True}, {"jpeg2000": True}, {"jpeg2000": True, "inverted": True}])
    @pytest.mark.parametrize("depth", [np.uint8, np.uint16])
    def test_pixels_are_those_that_were_stored(self, orthanc, opened, tmp_path, film, kind, depth):
        pixels = film.astype(depth) * (np.iinfo(depth).max // 255)
        dataset = save_radiograph(tmp_path / "one", pixels, **kind)
        orthanc.store(tmp_path / "one")
        path = opened(orthanc).get_image_uri(uid(dataset))
        fetched = pydicom.dcmread(path)
        assert fetched.PixelData == dataset.PixelData  # as it is stored, compressed as it is
        assert (fetched.file_meta.TransferSyntaxUID == JPEG2000Lossless) == ("jpeg2000" in kind)
        read = read_radiograph(path).pixels
        if "inverted" in kind:  # bright = dense, whatever the level
            assert np.corrcoef(read.ravel(), pixels.ravel())[0, 1] > 0.9999
        else:
            np.testing.assert_array_equal(read, pixels)

    @pytest.mark.parametrize(
        ("spacing", "more", "source"),
        [
            ((0.2, 0.1), {}, SpacingSource.PIXEL_SPACING),
            (None, {"ImagerPixelSpacing": [0.2, 0.1]}, SpacingSource.IMAGER_PIXEL_SPACING),
            (None, {}, SpacingSource.UNKNOWN),
        ],
    )
    def test_pixel_spacing_with_its_source(self, orthanc, opened, tmp_path, film, spacing, more, source):
        dataset = save_radiograph(tmp_path / "one", film, spacing=spacing, **more)
        orthanc.store(tmp_path / "one")
        found = opened(orthanc).pixel_spacing(uid(dataset))
        assert found.source is source
        assert (found.x, found.y) == ((None, None) if source is SpacingSource.UNKNOWN else (0.1, 0.2))

    def test_files_of_unlabelled_images_stay_within_the_limit(
        self, orthanc, opened, tmp_path, film, label, monkeypatch
    ):
        monkeypatch.setattr("monailabel_app.datastores.pacs_images.IN_USE_S", -1.0)
        datasets = [save_radiograph(tmp_path / str(number), film) for number in range(5)]
        orthanc.store(*(tmp_path / str(number) for number in range(5)))
        studies = opened(orthanc, max_bytes=2 * film.size + 5000)
        studies.save_label(uid(datasets[0]), label(), FINAL, {})
        for dataset in datasets:
            studies.get_image_uri(uid(dataset))
        there = {path.stem for path in (tmp_path / "cache" / "images").iterdir()}
        assert there == {uid(datasets[number]) for number in (0, 3, 4)}  # the labelled one, and the last two
        assert studies.header(uid(datasets[1])).width == film.shape[1]  # fetched again

    def test_a_dicom_file_is_stored_on_the_server_once(self, orthanc, opened, tmp_path, film):
        studies = opened(orthanc)
        dataset = save_radiograph(tmp_path / "one.dcm", film)
        assert studies.add_image("any name", tmp_path / "one.dcm", {"ward": 7}) == uid(dataset)
        assert studies.add_image(None, tmp_path / "one.dcm", None) == uid(dataset)
        assert studies.notes(uid(dataset))["ward"] == 7
        dataset.PatientID = "another"
        dataset.save_as(tmp_path / "other.dcm", write_like_original=False)
        with pytest.raises(ConflictError, match="The server has another image"):
            studies.add_image(None, tmp_path / "other.dcm", None)

    def test_what_dicomweb_cannot_do_is_refused(self, orthanc, opened, tmp_path, film, label):
        dataset = save_radiograph(tmp_path / "one", film)
        orthanc.store(tmp_path / "one")
        studies = opened(orthanc)
        studies.save_label(uid(dataset), label(), FINAL, {})
        for removing in (lambda: studies.remove_image(uid(dataset)), lambda: studies.remove_label(uid(dataset), FINAL)):
            with pytest.raises(StudiesError, match="DICOMweb has no way to remove anything"):
                removing()
        assert studies.status()["completed"] == 1


class TestLabels:
    @pytest.fixture
    def image(self, orthanc, tmp_path, film):
        dataset = save_radiograph(tmp_path / "one", film)
        orthanc.store(tmp_path / "one")
        return dataset

    def test_a_label_is_a_report_that_everybody_finds(self, orthanc, opened, image, label):
        studies = opened(orthanc)
        studies.save_label(uid(image), label(12.25), FINAL, {"client_id": "Doe^Jane"})
        [report] = orthanc.reports()
        assert report.StudyInstanceUID == image.StudyInstanceUID
        elsewhere = opened(orthanc, "another machine")
        assert elsewhere.get_labeled_images() == [uid(image)]
        assert elsewhere.get_unlabeled_images() == []
        assert elsewhere.landmarks(uid(image))[0].x == 12.25
        info = elsewhere.get_label_info(uid(image), FINAL)
        assert (info["client_id"], info["landmark_set"]) == ("Doe^Jane", CEPH.name)
        assert info["provenance"]["Sella"] == {"origin": "placed"}
        for place in (studies, elsewhere):  # Slicer gets a markups file of it
            assert b'"markups"' in place.get_label(uid(image), FINAL).getvalue()

    def test_the_newest_wins_and_the_older_is_kept(self, orthanc, opened, image, label):
        studies = opened(orthanc)
        for x in (11.0, 12.0, 13.0):
            studies.save_label(uid(image), label(x), FINAL, {})
        assert studies.landmarks(uid(image))[0].x == 13.0
        reports = sorted(orthanc.reports(), key=lambda report: report.ContentDate + report.ContentTime)
        assert len(reports) == 3
        [predecessor] = reports[-1].PredecessorDocumentsSequence
        [series] = predecessor.ReferencedSeriesSequence
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == uid(reports[1])
        orthanc.delete(uid(reports[-1]))
        assert studies.landmarks(uid(image))[0].x == 12.0
        for report in reports[:-1]:
            orthanc.delete(uid(report))
        assert studies.get_labeled_images() == []

    def test_a_report_of_another_tool_counts_and_one_of_a_machine_does_not(
        self, orthanc, opened, image, label, tmp_path, caplog
    ):
        landmarks = Landmarks((Landmark("Sella", 30.5, 40.25), Landmark("Nasion", state=State.MISSING)))
        report = report_dataset(landmarks.ordered(CEPH.names), CEPH, image, person="Roe^Jo")
        report.Manufacturer = "Somebody else"
        report.save_as(tmp_path / "foreign", write_like_original=False)
        orthanc.store(tmp_path / "foreign")
        studies = opened(orthanc)
        assert studies.landmarks(uid(image))["Sella"].x == 30.5
        machine = report_dataset(landmarks.ordered(CEPH.names), CEPH, image, person="Nobody")
        machine.ContentSequence = [
            item
            for item in machine.ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue != "121008"
            and "121006" not in [code.CodeValue for code in item.get("ConceptCodeSequence", [])]
        ]
        machine.save_as(tmp_path / "machine", write_like_original=False)
        orthanc.store(tmp_path / "machine")
        with caplog.at_level(logging.WARNING):
            assert studies.get_label_info(uid(image), FINAL)["client_id"] == "Roe^Jo"
        assert "no person is named as its observer" in caplog.text

    def test_a_report_that_cannot_be_used_is_told_once_and_hides_no_older_one(
        self, orthanc, opened, image, label, tmp_path, caplog
    ):
        studies = opened(orthanc)
        studies.save_label(uid(image), label(15.0), FINAL, {})
        report = report_dataset(
            Landmarks((Landmark("Sella", 9.0, 40.0),)).ordered(CEPH.names), CEPH, image, person="Roe"
        )
        next(item for item in report.iterall() if item.keyword == "GraphicData").value = [9000.0, 40.0]
        report.save_as(tmp_path / "bad", write_like_original=False)
        orthanc.store(tmp_path / "bad")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert studies.landmarks(uid(image))[0].x == 15.0
        assert caplog.text.count("lies outside the image") == 1

    def test_a_process_with_other_models_takes_nothing_away(self, orthanc, opened, image, label, tmp_path):
        studies = opened(orthanc)
        studies.save_label(uid(image), label(11.0), FINAL, {})
        other = DicomwebStudies(orthanc.dicomweb, tmp_path / "cache", {"farnet_hand": LandmarkSet.load("hand_37")})
        other.refresh()
        assert studies.landmarks(uid(image))[0].x == 11.0
        first = DicomwebStudies(orthanc.dicomweb, tmp_path / "new", {"farnet_hand": LandmarkSet.load("hand_37")})
        assert first.get_labeled_images() == []
        assert opened(orthanc, "new").get_labeled_images() == [uid(image)]  # the same cache, with the right models

    def test_the_newest_wins_against_a_clock_that_is_ahead(self, orthanc, opened, image, label, tmp_path):
        landmarks = Landmarks((Landmark("Sella", 30.5, 40.25),)).ordered(CEPH.names)
        ahead = datetime.now() + timedelta(hours=1)
        report = report_dataset(landmarks, CEPH, image, person="Roe^Jo", when=ahead)
        report.save_as(tmp_path / "ahead", write_like_original=False)
        orthanc.store(tmp_path / "ahead")
        studies = opened(orthanc)
        assert studies.landmarks(uid(image))[0].x == 30.5
        studies.save_label(uid(image), label(11.0), FINAL, {})
        assert studies.landmarks(uid(image))[0].x == 11.0

    def test_a_report_that_is_refused_once_is_asked_for_again(self, orthanc, opened, image, label, monkeypatch):
        opened(orthanc, "another machine").save_label(uid(image), label(11.0), FINAL, {})
        retrieve, refusals = pacs.Pacs.retrieve, iter([True])

        def once(self, place):
            if next(refusals, False):
                raise PacsRefusedError("The DICOMweb server refuses the request (status 500).")
            return retrieve(self, place)

        monkeypatch.setattr(pacs.Pacs, "retrieve", once)
        studies = opened(orthanc)
        assert studies.get_labeled_images() == [uid(image)]
        assert studies.status()["dicomweb"]["fault"] == ""

    def test_a_label_that_is_submitted_during_a_look_is_kept(self, orthanc, opened, image, label, monkeypatch):
        studies = opened(orthanc)
        studies.save_label(uid(image), label(10.0), FINAL, {})
        newest, once = ReportReader.newest, iter([True])

        def meanwhile(self, *given):
            found = newest(self, *given)
            if next(once, False):
                submitting = threading.Thread(target=studies.save_label, args=(uid(image), label(11.0), FINAL, {}))
                submitting.start()
                submitting.join()
            return found

        monkeypatch.setattr(ReportReader, "newest", meanwhile)
        studies.refresh()
        assert studies.landmarks(uid(image))[0].x == 11.0

    def test_predictions_stay_here_and_leave_the_label_alone(self, orthanc, opened, image, label):
        studies = opened(orthanc)
        studies.save_label(uid(image), label(), "original", {"model": "farnet_demo"})
        assert studies.status()["label_tags"] == {"original": 1}
        assert orthanc.reports() == []
        assert studies.get_unlabeled_images() == [uid(image)]
        again = opened(orthanc)
        assert again.get_labels_by_image_id(uid(image)) == {"original": uid(image)}

    def test_a_label_by_the_series_is_that_of_its_image(self, orthanc, opened, image, label):
        studies = opened(orthanc)
        series = str(image.SeriesInstanceUID)
        studies.save_label(series, label(), FINAL, {})
        studies.update_image_info(series, {"note": "seen"})
        assert studies.get_labeled_images() == [uid(image)]
        assert studies.notes(uid(image))["note"] == "seen"
        assert sorted(studies.json()["objects"]) == [uid(image)]


class TestAway:
    def test_a_server_that_is_away_costs_a_sentence_and_nothing_else(self, orthanc, opened, tmp_path, film, label):
        seen, unseen = (save_radiograph(tmp_path / name, film) for name in ("seen", "unseen"))
        orthanc.store(tmp_path / "seen", tmp_path / "unseen")
        studies = opened(orthanc)
        studies.save_label(uid(seen), label(), FINAL, {})
        orthanc.kill()
        assert len(studies.list_images()) == 2  # as it was
        assert "does not answer" in studies.status()["dicomweb"]["fault"]
        assert studies.header(uid(seen)).width == film.shape[1]  # its file is here
        with pytest.raises(PacsAwayError, match="does not answer: try again when it is back"):
            studies.get_image_uri(uid(unseen))
        with pytest.raises(PacsAwayError, match="keep it and submit it again"):
            studies.save_label(uid(seen), label(33.0), FINAL, {})
        assert studies.landmarks(uid(seen))[0].x == 10.0
        restarted = opened(orthanc)  # our server, started without the other one
        assert len(restarted.list_images()) == 2
        assert restarted.landmarks(uid(seen))[0].x == 10.0
        orthanc.start()
        for place in (studies, restarted):
            assert place.status()["dicomweb"]["fault"] == ""
            assert place.header(uid(unseen)).width == film.shape[1]
        studies.save_label(uid(seen), label(34.0), FINAL, {})
        assert restarted.landmarks(uid(seen))[0].x == 34.0

    def test_a_training_asks_for_no_image_before_it_begins_and_does_without_none(
        self, orthanc, opened, tmp_path, film, label
    ):
        for number in range(3):
            dataset = save_radiograph(tmp_path / str(number), film)
            orthanc.store(tmp_path / str(number))
            opened(orthanc).save_label(uid(dataset), label(), FINAL, {})
        elsewhere = opened(orthanc, "another machine")
        check_labels(elsewhere, CEPH)
        assert list((tmp_path / "another machine" / "images").iterdir()) == []
        orthanc.kill()
        check_labels(elsewhere, CEPH)
        with pytest.raises(PacsAwayError):
            labelled_samples(elsewhere, CEPH)
        orthanc.start()
        assert len(labelled_samples(elsewhere, CEPH)) == 3

    def test_a_server_that_comes_back_in_time_is_waited_for(self, orthanc, opened, tmp_path, film, label, monkeypatch):
        monkeypatch.setattr(pacs, "ATTEMPTS", 6)
        dataset = save_radiograph(tmp_path / "one", film)
        orthanc.store(tmp_path / "one")
        studies = opened(orthanc)
        studies.get_image_uri(uid(dataset))
        orthanc.kill()
        back = threading.Timer(1.0, orthanc.start)
        back.start()
        try:
            studies.save_label(uid(dataset), label(21.0), FINAL, {})
        finally:
            back.join()
        assert len(orthanc.reports()) == 1

    def test_the_login_is_sent_and_a_wrong_one_told(self, opened, tmp_path, film, monkeypatch):
        dataset = save_radiograph(tmp_path / "one", film)
        folder = tmp_path / "locked"
        folder.mkdir()
        with running_orthanc(folder, login=("reader", "secret")) as locked:
            locked.store(tmp_path / "one")
            refused = opened(locked, "without")
            assert "refuses the login" in refused.status()["dicomweb"]["fault"]
            monkeypatch.setattr(pacs.settings, "MONAI_LABEL_DICOMWEB_USERNAME", "reader")
            monkeypatch.setattr(pacs.settings, "MONAI_LABEL_DICOMWEB_PASSWORD", "secret")
            assert opened(locked, "with").list_images() == [uid(dataset)]

    def test_tls_needs_a_trusted_certificate(self, orthanc, opened, tmp_path, film, monkeypatch):
        dataset = save_radiograph(tmp_path / "one", film)
        orthanc.store(tmp_path / "one")
        certificate, key = make_certificate(tmp_path)
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        with tls_in_front(orthanc.port, certificate, key) as port:
            address = f"https://localhost:{port}/dicom-web"
            assert "is not trusted: set REQUESTS_CA_BUNDLE" in opened(address, "without").status()["dicomweb"]["fault"]
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
            assert opened(address, "with").list_images() == [uid(dataset)]

    def test_what_is_no_dicomweb_server_is_told(self, orthanc, tmp_path):
        with pytest.raises((PacsRefusedError, NotFoundError)):
            pacs.Pacs(f"{orthanc.url}/app").series("DX")

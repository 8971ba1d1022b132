"""Faults planted into labels of phantoms are found, are the worst there are, and good labels are left in peace."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lib.datasets.phantoms import phantom_studies
from lib.evaluation.key import SUSPECT
from lib.evaluation.label_check import (
    CheckedLabel,
    Finding,
    Kind,
    check_labels,
    check_page,
    draw_findings,
    waiting_page,
)
from lib.evaluation.label_check.finding import listed
from lib.evaluation.label_check.relations import Relations, culprits
from lib.evaluation.overlay import draw_overlay
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, Region, State
from lib.landmarks.consensus import Reading
from lib.radiographs import Fingerprint, PixelSpacing, SpacingSource

SIZE = (300, 240)
SPACING = PixelSpacing(0.8, 0.8, SpacingSource.USER)
CEPH = LandmarkSet.load("cephalometric_19")
SPINE = LandmarkSet.load("spine_68")


def labels_of(kind: str, count: int) -> list[CheckedLabel]:
    studies = phantom_studies(kind, count, 500, SIZE)
    return [CheckedLabel(study.name, study.landmarks, *SIZE, SPACING) for study in studies]


@pytest.fixture(scope="module")
def cephalograms() -> list[CheckedLabel]:
    return labels_of("cephalometric_19", 30)


@pytest.fixture(scope="module")
def spines() -> list[CheckedLabel]:
    return labels_of("spine_68", 24)


def with_points(label: CheckedLabel, points: np.ndarray) -> CheckedLabel:
    return replace(label, landmarks=Landmarks.from_points(label.landmarks.names, points))


def changed(labels: list[CheckedLabel], row: int, points: np.ndarray) -> list[CheckedLabel]:
    return [*labels[:row], with_points(labels[row], points), *labels[row + 1 :]]


def worst_of(labels: list[CheckedLabel], landmark_set: LandmarkSet = CEPH, **more) -> Finding:
    return check_labels(labels, landmark_set, **more).findings[0]


def vertebra(name: str) -> slice:
    start = SPINE.index(f"{name} top left")
    return slice(start, start + 4)


@pytest.mark.parametrize(("kind", "landmark_set"), [("cephalograms", CEPH), ("spines", SPINE)])
def test_good_labels_are_left_in_peace(request, kind, landmark_set):
    report = check_labels(request.getfixturevalue(kind), landmark_set)
    assert len(report.suspicious()) <= 2
    assert report.notes == ()


def test_two_vertebrae_exchanged(spines):
    points = spines[3].landmarks.points()
    points[vertebra("T9")], points[vertebra("T10")] = points[vertebra("T10")], points[vertebra("T9")].copy()
    found = worst_of(changed(spines, 3, points), SPINE)
    assert (found.image, found.kind) == (spines[3].image, Kind.EXCHANGED)
    assert set(found.landmarks) == {*SPINE.names[vertebra("T9")], *SPINE.names[vertebra("T10")]}
    assert "'T9 top left' and 'T10 top left'" in found.sentence
    right = spines[3].landmarks.points()[[SPINE.index(name) for name in found.landmarks]]
    assert found.expected == pytest.approx(right)


def test_last_vertebra_labelled_above_the_first(spines):
    points = spines[8].landmarks.points()
    height = np.ptp(points[vertebra("T1")][:, 1])
    points[vertebra("L5")] = points[vertebra("T1")] - [0, 1.2 * height]
    found = worst_of(changed(spines, 8, points), SPINE)
    assert (found.image, found.kind) == (spines[8].image, Kind.ORDER)
    assert set(found.landmarks) == set(SPINE.names[vertebra("L5")])
    assert "lies below 'L5" in found.sentence
    assert "of 24 labels" in found.sentence
    places = np.array(found.expected)
    truth = spines[8].landmarks.points()[[SPINE.index(name) for name in found.landmarks]]
    assert np.linalg.norm(places - truth, axis=1).max() < 3 * height


def test_left_and_right_of_a_vertebra_exchanged(spines):
    points = spines[5].landmarks.points()
    start = vertebra("L2").start
    points[[start, start + 1, start + 2, start + 3]] = points[[start + 1, start, start + 3, start + 2]]
    found = worst_of(changed(spines, 5, points), SPINE)
    assert (found.image, found.kind) == (spines[5].image, Kind.EXCHANGED)
    assert set(found.landmarks) == set(SPINE.names[vertebra("L2")])


def test_mirrored(cephalograms):
    points = cephalograms[2].landmarks.points() * [-1, 1] + [SIZE[1] - 1, 0]
    found = worst_of(changed(cephalograms, 2, points))
    assert (found.image, found.kind) == (cephalograms[2].image, Kind.MIRRORED)


def test_one_landmark_somewhere_else(cephalograms):
    points = cephalograms[6].landmarks.points()
    index = CEPH.index("Menton")
    points[index] -= [0, 50]
    found = worst_of(changed(cephalograms, 6, points))
    assert found.image == cephalograms[6].image
    assert found.kind in (Kind.SHAPE, Kind.ORDER)
    assert "Menton" in found.landmarks
    place = found.expected[found.landmarks.index("Menton")]
    assert place is not None
    assert np.hypot(*(place - cephalograms[6].landmarks.points()[index])) < 15


def test_few_labels_are_said_to_be_few(cephalograms):
    report = check_labels(cephalograms[:6], CEPH)
    assert report.findings == ()
    assert report.notes == (
        "Order and sides were not learned: that takes 20 labels.",
        "Shapes were not compared. There are 6 labels to learn the shape from; 8 are needed.",
    )
    assert check_labels([], CEPH).findings == ()


def test_points_on_the_edge(cephalograms):
    points = cephalograms[4].landmarks.points()
    points[[2, 5]] = [[-0.5, 100], [SIZE[1] - 1, 80]]
    report = check_labels(changed(cephalograms[:6], 4, points), CEPH)
    assert [(one.image, one.kind) for one in report.findings] == [(cephalograms[4].image, Kind.EDGE)]
    first, second = CEPH.names[2], CEPH.names[5]
    assert report.findings[0].sentence == f"'{first}' and '{second}' lie on the edge of the image or beyond."


def test_labels_that_cannot_be_read_come_first(cephalograms):
    found = worst_of(cephalograms[:3], unreadable={"film": "It is no label."})
    assert (found.image, found.kind, found.sentence) == ("film", Kind.UNREADABLE, "It is no label.")


def noisy_prediction(label: CheckedLabel, seed: int, region: Region | None = None) -> Landmarks:
    points = label.landmarks.points() + np.random.default_rng(seed).normal(0, 1.5, (len(label.landmarks), 2))
    items = (
        Landmark(name, x, y, predicted=Predicted(x, y, "model 1", region))
        for name, (x, y) in zip(label.landmarks.names, points.tolist(), strict=True)
    )
    return Landmarks(tuple(items))


@pytest.mark.parametrize("region", [None, Region(3.0, (3.0, 3.0, 0.0))])
def test_far_from_the_model(cephalograms, region):
    labels = [replace(one, prediction=noisy_prediction(one, row, region)) for row, one in enumerate(cephalograms[:7])]
    assert check_labels(labels, CEPH, model="model 1").findings == ()
    points = labels[1].landmarks.points()
    points[4] += 40
    moved = changed(labels, 1, points)
    found = worst_of(moved, model="model 1")
    assert (found.image, found.kind, found.landmarks) == (labels[1].image, Kind.MODEL, (CEPH.names[4],))
    assert f"'{CEPH.names[4]}' lies 4" in found.sentence
    assert "mm from where model 1 predicts it, " in found.sentence
    assert np.hypot(*(np.array(found.expected[0]) - points[4])) == pytest.approx(40 * np.sqrt(2), abs=6)
    learnt = [*moved[:1], replace(moved[1], learnt=True), *moved[2:]]
    if region is not None:
        assert "although it has learnt from this label" in worst_of(learnt, model="model 1").sentence
    assert not [one for one in check_labels(moved, CEPH).findings if one.kind is Kind.MODEL]  # without its name


def test_a_wide_region_excuses_a_wide_miss(cephalograms):
    wide = Region(30.0, (30.0, 30.0, 0.0))
    labels = [replace(one, prediction=noisy_prediction(one, row, wide)) for row, one in enumerate(cephalograms[:7])]
    points = labels[1].landmarks.points()
    points[4] += 40
    assert check_labels(changed(labels, 1, points), CEPH, model="model 1").findings == ()


def test_readers_who_disagree(cephalograms):
    labels = []
    for row, label in enumerate(cephalograms[:7]):
        readings = (Reading(f"Dr {name}", noisy_prediction(label, 10 * row + name)) for name in range(3))
        labels.append(replace(label, readings=tuple(readings)))
    assert check_labels(labels, CEPH).findings == ()
    points = labels[2].landmarks.points()
    points[7] += [30, 0]
    other = replace(labels[2].readings[1], landmarks=Landmarks.from_points(CEPH.names, points))
    labels[2] = replace(labels[2], readings=(labels[2].readings[0], other, labels[2].readings[2]))
    found = worst_of(labels)
    assert (found.image, found.kind, found.landmarks) == (labels[2].image, Kind.READERS, (CEPH.names[7],))
    assert found.sentence.startswith(f"'Dr 0', 'Dr 1' and 'Dr 2' disagree on '{CEPH.names[7]}': up to ")


def test_second_readings_by_the_same_person_are_no_disagreement(cephalograms):
    far = Landmarks.from_points(CEPH.names, cephalograms[0].landmarks.points() + 60)
    readings = (Reading("Dr A", cephalograms[0].landmarks), Reading("Dr A", far, number=2))
    assert check_labels([replace(cephalograms[0], readings=readings)], CEPH).findings == ()


def test_the_same_picture_twice_and_how_far_apart_its_labels_are(cephalograms):
    pixels = next(iter(phantom_studies("cephalometric_19", 1, 500, SIZE))).image
    print_ = Fingerprint.of(pixels)
    one = replace(cephalograms[0], fingerprint=print_)
    report = check_labels([one, replace(one, image="copy")], CEPH)
    assert [(found.image, found.kind, found.severity) for found in report.findings] == [("copy", Kind.COPIES, 0.5)]
    assert report.suspicious() == {}
    points = one.landmarks.points() + np.array([15, 0])
    points[3] += [20, 0]
    found = worst_of([one, replace(with_points(one, points), image="copy")])
    assert found.sentence == (
        f"The same picture as {one.image}; the labels differ by {(15 + 20 / 19) * 0.8:.1f} mm on average, most in "
        f"'{CEPH.names[3]}'."
    )
    assert found.severity > 1
    assert found.expected == (tuple(one.landmarks.points()[3]),)


def test_landmarks_that_are_not_there_are_no_fault(cephalograms):
    def without(label: CheckedLabel, row: int) -> CheckedLabel:
        state = State.MISSING if row % 2 else State.UNDEFINED
        items = list(label.landmarks)
        items[row % 19] = Landmark(items[row % 19].name, state=state)
        return replace(label, landmarks=Landmarks(tuple(items)))

    report = check_labels([without(label, row) for row, label in enumerate(cephalograms)], CEPH)
    assert len(report.suspicious()) <= 2


def test_a_relation_needs_more_than_a_majority():
    """Which of two lies left must not depend on the patient."""
    random = np.random.default_rng(0)
    shapes = 100 * np.array([[0, 0], [1, 0], [1, 2], [0, 2]]) + 3 * random.normal(size=(60, 4, 2))
    swaying = np.concatenate([shapes, shapes[:, :1] + random.normal([30, 0], 25, (60, 1, 2))], axis=1)
    learned = Relations.learn(swaying)
    columns = zip(learned.first, learned.second, learned.axis, strict=True)
    told = {(int(one), int(other), int(axis)) for one, other, axis in columns}
    assert (0, 1, 0) in told
    assert (1, 2, 1) in told
    assert not any(0 in (one, other) and 4 in (one, other) for one, other, _ in told)
    turned = swaying[0].copy()
    turned[[0, 1]] = turned[[1, 0]]
    broken = learned.broken(turned)
    assert {(one.first, one.second, one.axis) for one in broken} >= {(0, 1, 0)}
    assert {0, 1} <= set(culprits(broken)) <= {0, 1, 3}
    assert not any(learned.broken(shape) for shape in swaying)


def test_names_in_a_sentence():
    assert listed(["a"]) == "'a'"
    assert listed(["a", "b", "c"]) == "'a', 'b' and 'c'"
    assert listed(["a", "b", "c"], most=2) == "'a', 'b' and 1 more"


@pytest.fixture(scope="module")
def report(cephalograms):
    points = cephalograms[2].landmarks.points()
    points[3] += 45
    labels = changed(cephalograms, 2, points)
    return labels, check_labels(labels, CEPH, unreadable={"<script>": "It is <b>no</b> label."})


def test_as_json_and_csv(report):
    labels, found = report
    told = found.as_dict()
    assert (told["labels"], told["landmark_set"], told["model"]) == (30, "cephalometric_19", None)
    assert told["counts"]["unreadable"] == 1
    severities = [one["severity"] for one in told["findings"]]
    assert severities == sorted(severities, reverse=True)
    assert told["findings"][1]["image"] == labels[2].image
    lines = found.as_csv().splitlines()
    assert lines[0] == "severity,image,kind,landmarks,sentence"
    assert lines[1].startswith("100.000,<script>,unreadable,,")
    assert len(lines) == 1 + len(found.findings)


def test_the_page_shows_pictures_and_escapes_what_people_wrote(report):
    labels, found = report
    image = labels[2].image
    pixels = np.random.default_rng(0).integers(0, 255, SIZE).astype(np.uint8)
    picture = draw_findings(pixels, labels[2], found.images()[image], CEPH)
    assert len(picture) < 300_000
    assert max(Image.open(io.BytesIO(picture)).size) == 1200
    page = check_page(found, {image: picture})
    assert page.count("data:image/jpeg;base64,") == 1
    assert f"<h3>{image}</h3>" in page
    assert "<script>" not in page
    assert "It is &lt;b&gt;no&lt;/b&gt; label." in page
    assert "http-equiv" not in page
    again = check_page(found, {}, notice="Labels <have> changed.", reload=True)
    assert "Labels &lt;have&gt; changed." in again
    assert '<meta http-equiv="refresh" content="3">' in again


def test_the_page_of_a_check_that_runs_loads_itself_again_and_that_of_a_failed_one_does_not():
    running = waiting_page("Labels of <x>", "predicting, 3 of 40")
    assert "Labels of &lt;x&gt;" in running
    assert "predicting, 3 of 40" in running
    assert "http-equiv" in running
    failed = waiting_page("Labels", "", fault="The split is damaged.")
    assert "The split is damaged." in failed
    assert "http-equiv" not in failed


def test_what_is_suspicious_is_ringed_and_joined_to_where_it_was_expected(cephalograms):
    label = cephalograms[0]
    dark = np.zeros(SIZE)
    name = label.landmarks.names[0]
    x, y = label.landmarks.points()[0]
    plain = draw_overlay(dark, label.landmarks, CEPH).astype(int)
    ringed = draw_overlay(dark, label.landmarks, CEPH, suspects={name: (x + 20, y)}).astype(int)
    row, column = (round((value + 0.5) * 4 - 0.5) for value in (y, x + 10))
    patch = ringed[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
    assert np.abs(patch - np.array(SUSPECT[:3])).sum(axis=1).min() < 60
    assert np.abs(plain[row - 2 : row + 3, column - 2 : column + 3] - np.array(SUSPECT[:3])).sum(axis=2).min() > 60

"""The figures of the observer report against numbers worked out by hand."""

import csv
import json
import math

import numpy as np
import pytest

from lib.evaluation.observer_definitions import find_shifts
from lib.evaluation.observer_report import CSV_HEADER, write_observer_report
from lib.evaluation.observers import Agreement, Observers, ReadImage
from lib.landmarks import Landmark, Landmarks, State
from lib.landmarks.consensus import Reading
from lib.radiographs import PixelSpacing, SpacingSource

NAMES = ("a", "b")
MM = PixelSpacing(0.5, 0.25, SpacingSource.USER)
ONE_MM = PixelSpacing(1, 1, SpacingSource.USER)
UNKNOWN = PixelSpacing.unknown()


def reading(annotator, *points, number=1):
    """Landmarks a and b; None is not annotated."""
    items = [
        Landmark(name, state=State.UNDEFINED) if point is None else Landmark(name, *point)
        for name, point in zip(NAMES, points, strict=True)
    ]
    return Reading(annotator, Landmarks(tuple(items)), "tiny", number)


def image(name, *readings, spacing=UNKNOWN):
    return ReadImage(name, readings, spacing)


@pytest.fixture
def three():
    """Ada, Bob and Cy on two images; b is read by Ada and Bob alone, and Cy has not read the second image."""
    return Observers.of(
        [
            image(
                "one", reading("Cy", (6, 8), None), reading("Ada", (0, 0), (10, 10)), reading("Bob", (3, 4), (10, 12))
            ),
            image("two", reading("Ada", (1, 1), (20, 20)), reading("Bob", (4, 5), (20, 24))),
        ],
        NAMES,
    )


def test_who_has_read_what(three):
    assert (three.annotators, three.images, three.landmarks, three.unit) == (
        ("Ada", "Bob", "Cy"),
        ("one", "two"),
        NAMES,
        "px",
    )
    assert [three.images_read(person) for person in range(3)] == [2, 2, 1]


def test_each_two_annotators(three):
    distances, counts = three.pairs()
    # Ada-Bob: a 5 and 5, b 2 and 4; Ada-Cy: a 10; Bob-Cy: a 5
    np.testing.assert_allclose(distances, [[np.nan, 4, 10], [4, np.nan, 5], [10, 5, np.nan]])
    assert counts.tolist() == [[0, 4, 1], [4, 0, 1], [1, 1, 0]]
    assert three.between().radial == pytest.approx((5 + 5 + 2 + 4 + 10 + 5) / 6)
    assert three.between(1).radial == pytest.approx(3)


def test_each_against_the_mean_of_the_others(three):
    differences = three.from_others()
    # only a of the first image has two others for everybody
    np.testing.assert_allclose(differences[:, 0, 0], [(-4.5, -6), (0, 0), (4.5, 6)])
    assert np.isnan(differences[:, 1]).all()
    assert np.isnan(differences[:, 0, 1]).all()


def test_two_annotators_are_compared_with_each_other():
    two = Observers.of([image("one", reading("Ada", (0, 0), None), reading("Bob", (3, 4), None))], NAMES)
    np.testing.assert_allclose(two.from_others()[:, 0, 0], [(-3, -4), (3, 4)])
    assert two.landmarks == ("a",)  # b is nobody's


def test_one_annotator_is_compared_with_nobody():
    one = Observers.of([image("one", reading("Ada", (0, 0), None))], NAMES)
    assert Agreement.of(one.from_others()).count == 0
    assert one.between().count == 0


def test_bland_altman_by_hand():
    # x: -1, 1, 3 have mean 1, standard deviation 2; y: 0, 0, 3 have mean 1, standard deviation sqrt(3)
    agreement = Agreement.of(np.array([(-1.0, 0.0), (1.0, 0.0), (np.nan, 5.0), (3.0, 3.0)]))
    assert agreement.count == 3
    assert agreement.radial == pytest.approx((1 + 1 + math.sqrt(18)) / 3)
    assert agreement.bias == pytest.approx((1, 1))
    assert agreement.sd == pytest.approx((2, math.sqrt(3)))
    assert agreement.limits is not None
    assert agreement.limits[0] == pytest.approx((1 - 1.96 * 2, 1 + 1.96 * 2))
    assert agreement.limits[1] == pytest.approx((1 - 1.96 * math.sqrt(3), 1 + 1.96 * math.sqrt(3)))
    # Dahlberg: sqrt(sum of squares / 2n)
    assert agreement.dahlberg == pytest.approx((math.sqrt(11 / 6), math.sqrt(9 / 6)))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_for_limits(count):
    agreement = Agreement.of(np.ones((count, 2)))
    assert agreement.limits is None
    assert (agreement.radial is None) == (count == 0)
    json.dumps(agreement.as_dict(), allow_nan=False)


def test_millimetres_only_if_known_for_all():
    one = image("one", reading("Ada", (0, 0), None), reading("Bob", (2, 4), None), spacing=MM)
    other = image("two", reading("Ada", (0, 0), None), reading("Bob", (2, 4), None))
    known = Observers.of([one], NAMES)
    assert (known.unit, known.between().radial) == ("mm", pytest.approx(math.sqrt(2)))
    mixed = Observers.of([one, other], NAMES)
    assert (mixed.unit, mixed.between().radial) == ("px", pytest.approx(math.sqrt(20)))


def test_second_readings():
    images = [
        image("one", reading("Ada", (0, 0), (5, 5), number=2), reading("Ada", (3, 4), (5, 5), number=4)),
        image("two", reading("Ada", (0, 0), None), reading("Bob", (9, 9), None)),
    ]
    observers = Observers.of(images, NAMES)
    repeated = Agreement.of(observers.repeated())
    assert (repeated.count, repeated.radial) == (2, pytest.approx(2.5))
    assert repeated.dahlberg == pytest.approx((1.5, 2.0))
    assert Agreement.of(observers.repeated()[1]).count == 0


def made(shift=(0.0, 0.0), people=5, images=20, scatter=0.5, spacing=ONE_MM):
    """People who scatter around the same points, but for the first one's b."""
    random = np.random.default_rng(0)
    found = []
    for number in range(images):
        points = random.uniform(50, 100, (2, 2))
        readings = []
        for person in range(people):
            own = points + random.normal(0, scatter, (2, 2))
            own[1] += shift if person == 0 else 0
            readings.append(reading(f"p{person}", *own.tolist()))
        found.append(image(f"i{number}", *readings, spacing=spacing))
    return Observers.of(found, NAMES)


@pytest.mark.parametrize("people", [3, 4, 5, 11])
def test_one_who_means_another_point_is_named_alone(people):
    [found] = find_shifts(made(shift=(3.0, 4.0), people=people))
    assert (found.annotator, found.landmark, found.images, found.other) == ("p0", "b", 20, "")
    assert (found.dx, found.dy) == (pytest.approx(3, abs=0.4), pytest.approx(4, abs=0.4))
    assert found.words.startswith("p0 places b ")
    assert "mm lower and further to the right than the others, on average of 20 radiographs" in found.words


@pytest.mark.parametrize(
    ("shift", "direction"),
    [
        ((0, 5), "lower"),
        ((0, -5), "higher"),
        ((5, 0), "further to the right"),
        ((-5, -5), "higher and further to the left"),
    ],
)
def test_directions_are_those_of_the_image(shift, direction):
    assert find_shifts(made(shift=shift))[0].direction == direction


@pytest.mark.parametrize(
    "observers",
    [
        made(),
        made(shift=(0.9, 0.0), scatter=0.1),  # regular, and too small to matter
        made(shift=(3.0, 0.0), scatter=5.0),  # lost in the scatter
        made(shift=(9.0, 0.0), images=9),  # too few to tell
    ],
)
def test_no_false_alarms(observers):
    assert find_shifts(observers) == []


def test_of_two_nobody_can_say_who():
    [found] = find_shifts(made(shift=(6.0, 0.0), people=2))
    assert {found.annotator, found.other} == {"p0", "p1"}
    assert f"than {found.other}, on average" in found.words


def test_pixels_have_no_size_that_does_not_matter():
    [found] = find_shifts(made(shift=(0.9, 0.0), scatter=0.1, spacing=UNKNOWN))
    assert "px further to the right" in found.words


class TestReport:
    def test_files(self, tmp_path):
        observers = made(shift=(3.0, 4.0))
        content = write_observer_report(tmp_path / "out", observers, "<Tiny> set")
        assert json.loads((tmp_path / "out" / "report.json").read_text()) == content
        assert content["other_definitions"][0]["annotator"] == "p0"
        page = (tmp_path / "out" / "report.html").read_text()
        assert "&lt;Tiny&gt; set" in page
        assert "nobody has read twice" in page
        assert page.count("<figure") == 2 + 5
        assert "http://www.w3.org" in page  # of SVG; there is no other address
        assert not [part for part in page.split('="')[1:] if part.startswith(("http://localhost", "/", "file:"))]
        with (tmp_path / "out" / "differences.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert tuple(header) == CSV_HEADER
        assert len(rows) == 5 * 20 * 2
        mean = np.mean([float(row[6]) for row in rows])
        assert mean == pytest.approx(content["from_others"]["mean_radial"], abs=1e-3)

    def test_names_are_text_and_no_markup(self, tmp_path):
        bad = "<script>alert(1)</script>"
        observers = Observers.of(
            [image(f"i{n}", reading(bad, (n, 0), None), reading("Bob", (n, 1 + n), None)) for n in range(3)], NAMES
        )
        write_observer_report(tmp_path, observers, "Tiny")
        page = (tmp_path / "report.html").read_text()
        assert bad not in page
        assert "&lt;script&gt;" in page

    def test_second_readings_alone(self, tmp_path):
        images = [
            image(f"i{n}", reading("Ada", (n, 0), None), reading("Ada", (n + n % 2, 1), None, number=2))
            for n in range(4)
        ]
        content = write_observer_report(tmp_path, Observers.of(images, NAMES), "Tiny")
        assert content["repeated"]["count"] == 4
        assert content["repeated"]["dahlberg"] == [0.5, pytest.approx(math.sqrt(0.5), abs=1e-4)]
        page = (tmp_path / "report.html").read_text()
        assert "Second readings" in page
        assert "Each two annotators" not in page

"""The same predictions in several views: worked by hand, and human readers as the literature has them."""

import math

import numpy as np
import pytest

from lib.datasets import Protocol
from lib.evaluation import Case, Evaluation, LeftOut, Yardstick
from lib.evaluation.views import landmark_groups
from lib.landmarks import LandmarkSet
from lib.radiographs import PixelSpacing, SpacingSource
from tests.evaluation.conftest import make_set
from tests.evaluation.made_cases import TENTH, looking, made_case

DUPLICATES = LeftOut("without duplicates", "They are in the training part too.")
LAST = LeftOut("without c", "It has two definitions.", ("c",))


def errors(view):
    return {image.image: image.px.tolist() for image in view.report.images}


def test_each_reader_with_everything_and_without_what_misleads(tiny_set):
    cases = [
        made_case(tiny_set, "one", (3, 4, 5), readers={"mean": 0, "senior": 4}),
        made_case(
            tiny_set, "two", (6, 8, 9), readers={"mean": 0, "senior": 8}, left_out_by=frozenset({DUPLICATES.name})
        ),
    ]
    views = looking(tiny_set, "mean", "senior", left_out=[DUPLICATES, LAST]).views(cases)
    assert [view.name for view in views] == [
        "mean",
        "mean, without duplicates",
        "mean, without c",
        "senior",
        "senior, without duplicates",
        "senior, without c",
    ]
    assert errors(views[0]) == {"one": [3, 4, 5], "two": [6, 8, 9]}
    assert errors(views[1]) == {"one": [3, 4, 5]}
    assert views[1].cases == (cases[0],)
    np.testing.assert_array_equal(views[2].report.px, [[3, 4, math.nan], [6, 8, math.nan]])
    assert errors(views[3])["one"] == pytest.approx([5, math.hypot(4, 4), math.hypot(5, 4)])
    assert errors(views[3])["two"][0] == 10
    counted = [view.report.as_dict() for view in views[:3]]
    assert [(told["images"], told["landmarks"], told["mre_px"]) for told in counted] == [
        (2, 6, 5.8333),
        (1, 3, 4.0),
        (2, 4, 5.25),
    ]


def test_a_way_that_leaves_nothing_out_or_nothing_over_is_no_view(tiny_set):
    looked = looking(tiny_set, left_out=[DUPLICATES])
    nobody = [made_case(tiny_set, "one", (1, 1, 1))]
    everybody = [made_case(tiny_set, "one", (1, 1, 1), left_out_by=frozenset({DUPLICATES.name}))]
    assert [view.name for cases in (nobody, everybody) for view in looked.views(cases)] == ["labels", "labels"]


def test_a_landmark_left_out_still_gives_the_millimetres():
    rule = {"rule": "reference_length", "between": ["a", "b"], "length_mm": 50}
    wrist = make_set(["a", "b", "c"], millimetres=rule)
    case = made_case(wrist, "one", (1, 2, 3), truth=[(0, 0), (100, 0), (7, 7)])
    (_, without) = looking(wrist, left_out=[LeftOut("without a", "It is hard to see.", ("a",))]).views([case])
    assert without.report.images[0].pixel_spacing.as_dict() == {"x": 0.5, "y": 0.5, "source": "landmark set rule"}
    np.testing.assert_array_equal(without.report.mm, [[math.nan, 1.0, 1.5]])


def test_what_the_file_says_goes_before_the_rule_and_unknown_stays_unknown(tiny_set, wrist_set):
    case = made_case(wrist_set, "one", (1, 2, 3), truth=[(0, 0), (100, 0), (7, 7)], pixel_spacing=TENTH)
    assert looking(wrist_set).report([case], "labels").images[0].pixel_spacing is TENTH
    plain = looking(tiny_set).report([made_case(tiny_set, "one", (1, 2, 3))], "labels")
    assert not plain.in_mm
    assert np.isnan(plain.mm).all()


def test_millimetres_of_some_images_are_no_millimetres_of_all(tiny_set):
    cases = [made_case(tiny_set, "one", (1, 2, 3)), made_case(tiny_set, "two", (1, 2, 3), pixel_spacing=TENTH)]
    report = looking(tiny_set).report(cases, "labels")
    assert not report.in_mm
    assert report.as_dict()["images_with_mm"] == 1


def test_groups_are_the_sites_that_several_landmarks_share():
    hand = landmark_groups(LandmarkSet.load("hand_37"))
    assert all(len(members) > 1 for members in hand.values())
    assert {name for members in hand.values() for name in members} <= set(LandmarkSet.load("hand_37").names)
    assert landmark_groups(make_set(["a", "b"])) == {}


@pytest.fixture(scope="module")
def test1(real_data):
    """The readers of Test1 at half size, as the protocol reads them; what is found is the senior's."""
    source, protocol = real_data / "isbi2015_ceph_half", Protocol.load("isbi2015")
    test = protocol.test("test1")
    read = {
        reader: {study.name: study for study in protocol.test_studies(source, test, reader, 2.0)}
        for reader in ("mean", "senior", "junior")
    }
    return tuple(
        Case(
            name,
            study.landmarks,
            {reader: studies[name].landmarks for reader, studies in read.items()},
            study.pixel_spacing,
            (1200, 968),
            left_out_by=frozenset(item.name for item in test.exclusions if item.drops(study)),
        )
        for name, study in read["senior"].items()
    )


def test_human_readers_on_test1(test1):
    """Junior against senior: 2.36 mm and 55.5 % within 2 mm, counted in whole pixels of the published films."""
    ceph = LandmarkSet.load("cephalometric_19")
    yardsticks = (Yardstick("junior", "senior"), Yardstick("senior", "mean"), Yardstick("junior", "mean"))
    told = Evaluation("", "", "", looking(ceph, "senior", "mean"), test1, yardsticks=yardsticks).content
    junior, *halves = told["people"]
    assert (junior["images"], junior["landmarks"], junior["images_with_mm"]) == (150, 2850, 150)
    assert junior["mre_mm"] == pytest.approx(2.3631, abs=1e-4)
    assert junior["sdr"]["2.0"] == pytest.approx(0.5554, abs=1e-4)
    for half in halves:  # each is half of the mean
        assert half["mre_mm"] == pytest.approx(junior["mre_mm"] / 2, abs=1e-4)
        assert half["sdr"]["2.0"] == pytest.approx(junior["sdr"]["4.0"], abs=1e-4)
    assert told["mre_mm"] == 0.0
    assert told["pixel_spacing_sources"] == {"user": 150}


def test_test1_without_its_duplicates_and_without_its_landmark(test1):
    ceph, exclusions = LandmarkSet.load("cephalometric_19"), Protocol.load("isbi2015").test("test1").exclusions
    left_out = [LeftOut(item.name, item.reason, item.landmarks) for item in exclusions]
    views = looking(ceph, "mean", left_out=left_out).views(test1)
    counted = {view.name: (len(view.report.images), view.report.as_dict()["landmarks"]) for view in views}
    assert counted == {
        "mean": (150, 150 * 19),
        "mean, without duplicates": (130, 130 * 19),
        "mean, without landmark 16": (150, 150 * 18),
    }
    assert views[0].report.images[0].pixel_spacing == PixelSpacing(0.2, 0.2, SpacingSource.USER)

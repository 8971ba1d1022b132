"""One model against another in a report: the figures of the comparison itself, and the sentence."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from lib.evaluation import Evaluation
from lib.evaluation.paired import ErrorTable, PairingError, compare
from lib.formats import json_text
from lib.landmarks import Landmarks
from tests.evaluation.made_cases import TENTH, looking, made_case

NAN = math.nan


def evaluation(landmark_set, cases, against="other", **more):
    return Evaluation("title", "ours", "1", looking(landmark_set), tuple(cases), against=against, **more)


def made(landmark_set, gain=0.0, count=12, patients=6, **more):
    """Images of several patients under two models; the second is worse by ``gain`` pixels in each landmark."""
    random = np.random.default_rng(3)
    return [
        made_case(
            landmark_set,
            f"{number}",
            misses := random.gamma(3, 4, 3),
            other=misses + random.normal(gain, 1.5, 3),
            group=f"{number % patients}",
            **more,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("spacing", [{}, {"pixel_spacing": TENTH}])
def test_it_is_the_paired_comparison_of_the_two(tiny_set, spacing):
    cases = made(tiny_set, 1.0, **spacing)
    versus = evaluation(tiny_set, cases).versus
    truth = np.stack([case.truths["labels"].points() for case in cases])
    size = 0.1 if spacing else 1.0
    tables = [
        ErrorTable(
            tuple(case.image for case in cases),
            tiny_set.names,
            size * np.linalg.norm(np.stack([getattr(case, whose).points() for case in cases]) - truth, axis=-1),
        )
        for whose in ("predicted", "other")
    ]
    radii = (2.0, 2.5, 3.0, 4.0) if spacing else ()
    expected = compare(*tables, {case.image: case.group for case in cases}, radii)
    assert versus.unit == ("mm" if spacing else "px")
    assert versus.comparison.mean_error.difference == pytest.approx(expected.mean_error.difference)
    assert versus.comparison.mean_error.interval == pytest.approx(expected.mean_error.interval)
    assert versus.comparison.mean_error.p_value == expected.mean_error.p_value
    assert (versus.comparison.patients, versus.comparison.nearer) == (6, expected.nearer)
    assert versus.comparison.wilcoxon_p == pytest.approx(expected.wilcoxon_p)
    assert versus.comparison.success_rates.keys() == set(radii)
    assert all(versus.comparison.success_rates[radius] == expected.success_rates[radius] for radius in radii)


def test_each_landmark_by_itself(tiny_set):
    cases = made(tiny_set, 1.0)
    versus = evaluation(tiny_set, cases).versus
    ours, theirs = (
        np.stack([(getattr(case, whose).points() - case.truths["labels"].points())[:, 0] for case in cases])
        for whose in ("predicted", "other")
    )
    expected = (np.abs(ours) - np.abs(theirs)).mean(axis=0)
    found = versus.landmarks
    np.testing.assert_allclose([found[name]["difference"] for name in "abc"], expected, atol=1e-4)
    for name in "abc":
        low, high = found[name]["interval"]
        assert low < found[name]["difference"] < high


def test_one_patient_and_none_of_a_landmark(tiny_set):
    cases = [
        made_case(tiny_set, "one", (1, 2, NAN), other=(2, 3, 4)),
        made_case(tiny_set, "two", (1, 2, NAN), other=(2, 2, 4)),
    ]
    versus = evaluation(tiny_set, cases).versus
    assert set(versus.landmarks) == {"a", "b"}
    alone = evaluation(tiny_set, cases[:1]).versus
    assert alone.landmarks["a"] == {"difference": -1.0, "interval": None}
    assert alone.sentence == (
        "ours and other differ by 1.000 px on one patient, which says nothing of others. This is without 1 landmark "
        "that only one of them found."
    )
    np.testing.assert_array_equal(alone.images, [[1.5], [2.5]])


@pytest.mark.parametrize(
    ("gain", "sentence"),
    [
        (0.0, r"^ours and other differ by 0\.\d{3} px, which may be chance\.$"),
        (5.0, r"^ours is nearer than other by \d\.\d{3} px on average, which is more than chance\.$"),
        (-5.0, r"^ours is farther off than other by \d\.\d{3} px on average, which is more than chance\.$"),
    ],
)
def test_the_sentence(tiny_set, gain, sentence):
    cases = made(tiny_set, gain)
    assert re.match(sentence, evaluation(tiny_set, cases).versus.sentence)


def test_against_itself_it_is_chance(tiny_set):
    cases = [made_case(tiny_set, f"{number}", (number, 2, 3), other=(number, 2, 3)) for number in range(5)]
    content = json.loads(json_text(evaluation(tiny_set, cases).content))["comparison"]
    assert content["sentence"] == "ours and other differ by 0.000 px, which may be chance."
    assert content["mean_error"] == {
        "one": 2.3333,
        "other": 2.3333,
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "p_value": 1.0,
    }
    assert (content["wilcoxon_p"], content["nearer"]) == (1.0, 0.5)


def test_images_that_the_other_has_not_predicted_are_no_part_of_it(tiny_set):
    cases = [*made(tiny_set, 5.0), made_case(tiny_set, "alone", (900, 900, 900))]
    both = evaluation(tiny_set, cases)
    assert both.versus.comparison.images == both.compared["images"] == 12
    assert both.content["images"] == 13
    assert both.versus.comparison == evaluation(tiny_set, cases[:-1]).versus.comparison


@pytest.mark.parametrize("whose", ["predicted", "other"])
def test_images_in_which_one_has_found_nothing_are_no_part_of_it(tiny_set, whose):
    """Above all, what the other has not found must not be taken from the first."""
    cases = made(tiny_set)
    cases[0] = replace(cases[0], **{whose: Landmarks(())})
    found = evaluation(tiny_set, cases)
    assert (found.compared["images"], found.compared["not_detected"]) == (11, 0)
    assert found.versus.comparison == evaluation(tiny_set, cases[1:]).versus.comparison
    assert found.content["images"] == 12


def test_two_that_have_nothing_in_common_cannot_be_compared(tiny_set):
    cases = [made_case(tiny_set, "one", (1, NAN, NAN), other=(NAN, 2, 3))]
    with pytest.raises(PairingError, match="only be compared on landmarks that both find, and here are none"):
        _ = evaluation(tiny_set, cases).content


def test_without_another_model_there_is_nothing(tiny_set):
    alone = evaluation(tiny_set, made(tiny_set), against=None)
    assert alone.versus is alone.compared is alone.content["comparison"] is None


@pytest.mark.parametrize("patients", [2, 3, 5])
def test_on_few_patients_nothing_is_more_than_chance(tiny_set, patients):
    """All draws are on one side where all patients are, and of so few all are by chance often enough."""
    cases = [
        made_case(tiny_set, f"{number}", (1.0 + number, 2, 3), other=(2.0 + number, 4, 5)) for number in range(patients)
    ]
    versus = evaluation(tiny_set, cases).versus
    assert versus.comparison.mean_error.interval[1] < 0
    assert versus.comparison.mean_error.p_value == 2.0 ** (1 - patients)
    assert versus.sentence == "ours and other differ by 1.667 px, which may be chance."


def test_landmarks_that_only_one_has_found_are_told(tiny_set):
    cases = made(tiny_set)
    cases[0] = made_case(tiny_set, "0", (1, NAN, NAN), other=(1, 2, 3), group="0")
    assert evaluation(tiny_set, cases).versus.sentence.endswith(
        " px, which may be chance. This is without 2 landmarks that only one of them found."
    )


def test_what_rests_on_one_patient_has_neither_interval_nor_p(tiny_set):
    """Though there are others, in whom the two have found nothing in common."""
    cases = [
        made_case(tiny_set, "both", (1, 2, 3), other=(2, 3, 4)),
        made_case(tiny_set, "apart", (1, NAN, 3), other=(NAN, 2, NAN)),
    ]
    found = json.loads(json_text(evaluation(tiny_set, cases).content["comparison"]))
    assert found["patients"] == 1
    assert (found["mean_error"]["interval"], found["mean_error"]["p_value"]) == (None, None)
    assert [told["interval"] for told in found["per_landmark"].values()] == [None] * 3
    assert found["sentence"].startswith(
        "ours and other differ by 1.000 px on one patient, which says nothing of others."
    )

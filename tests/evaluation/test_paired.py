"""Two models on the same images: against tables worked by hand, and against how often luck is taken for a gain."""

import math

import numpy as np
import pytest
import scipy.stats

from lib.evaluation.paired import ErrorTable, PairingError, compare

NAN, INF = math.nan, math.inf


def table(errors, images=None, landmarks=None):
    errors = np.array(errors, dtype=np.float64)
    images = images or [f"{number:02d}" for number in range(errors.shape[0])]
    return ErrorTable(tuple(images), tuple(landmarks or "abcdefgh"[: errors.shape[1]]), errors)


def made(seed, images=30, landmarks=8, gain=0.0):
    """Two models that are better and worse on whole images, at random; the second is worse by ``gain``, a factor."""
    random = np.random.default_rng(seed)
    sides = random.gamma(4.0, 0.45, size=(2, images, landmarks)) * random.lognormal(0, 0.3, size=(2, images, 1))
    sides[1] *= 1.0 + gain
    return table(sides[0]), table(sides[1])


def test_a_comparison_worked_by_hand():
    one = table([[1.0, 3.0], [2.0, INF], [1.0, NAN], [4.0, 2.0]])
    other = table([[2.0, 3.0], [2.0, 5.0], [2.5, NAN], [3.0, INF]])
    found = compare(one, other, radii=(2.0,))
    assert (found.images, found.patients, found.landmarks) == (4, 4, 5)
    # both found: 1 3 | 2 | 1 | 4 against 2 3 | 2 | 2.5 | 3
    assert found.mean_error.one == pytest.approx(11 / 5)
    assert found.mean_error.other == pytest.approx(12.5 / 5)
    assert found.mean_error.difference == pytest.approx(-1.5 / 5)
    # annotated are 7; within 2: 1, 2, 1, 2 against 2, 2
    assert (found.success_rates[2.0].one, found.success_rates[2.0].other) == pytest.approx((4 / 7, 2 / 7))
    assert found.success_rates[2.0].difference == pytest.approx(2 / 7)
    # nearer on the first and third image, equal on the second, farther on the last
    assert found.nearer == 2.5 / 4


def test_images_and_landmarks_are_matched_by_name():
    one, other = made(3)
    rows, columns = np.random.default_rng(0).permutation(30), np.random.default_rng(1).permutation(8)
    shuffled = ErrorTable(
        tuple(other.images[row] for row in rows),
        tuple(other.landmarks[column] for column in columns),
        other.errors[np.ix_(rows, columns)],
    )
    assert compare(one, shuffled) == compare(one, other)


def test_the_other_way_round_all_signs_change():
    one, other = made(1, gain=0.1)
    there, back = compare(one, other), compare(other, one)
    assert there.mean_error.difference == -back.mean_error.difference != 0
    assert there.mean_error.interval == pytest.approx(tuple(-end for end in reversed(back.mean_error.interval)))
    assert there.mean_error.p_value == back.mean_error.p_value
    assert there.nearer == pytest.approx(1 - back.nearer)
    assert there.wilcoxon_p == pytest.approx(back.wilcoxon_p)
    assert there.success_rates[2.0].difference == -back.success_rates[2.0].difference


def test_a_model_does_not_differ_from_itself():
    one, _ = made(0)
    found = compare(one, one)
    assert found.mean_error.difference == 0
    assert found.mean_error.interval == (0, 0)
    assert (found.mean_error.p_value, found.success_rates[2.0].p_value, found.wilcoxon_p) == (1, 1, 1)
    assert found.nearer == 0.5


def test_what_is_nearer_everywhere_is_nearer_beyond_doubt():
    one, _ = made(0)
    found = compare(one, table(one.errors + 0.1))
    assert found.mean_error.interval == pytest.approx((-0.1, -0.1))
    assert found.nearer == 1.0
    assert found.mean_error.p_value == pytest.approx(2 / 10_001)
    assert found.wilcoxon_p < 1e-5


def test_wilcoxon_is_scipys_on_the_means_of_patients():
    one, other = made(5)
    patients = {image: str(int(image) // 3) for image in one.images}
    means = (one.errors - other.errors).mean(axis=1).reshape(10, 3).mean(axis=1)
    found = compare(one, other, patients)
    assert found.patients == 10
    assert found.wilcoxon_p == pytest.approx(scipy.stats.wilcoxon(means).pvalue)


def test_images_of_one_patient_say_nothing_about_others():
    one, other = made(2)
    found = compare(one, other, dict.fromkeys(one.images, "a"))
    assert found.mean_error.difference != 0
    assert (found.mean_error.interval, found.mean_error.p_value, found.wilcoxon_p) == (None, None, None)


def test_more_images_of_the_same_patients_are_no_more_evidence():
    one, other = made(4)
    twice = [
        ErrorTable(t.images + tuple(f"{i} again" for i in t.images), t.landmarks, np.tile(t.errors, (2, 1)))
        for t in (one, other)
    ]
    patients = {image: image[:2] for image in twice[0].images}
    single, double = compare(one, other), compare(*twice, patients)
    assert double.mean_error.interval == pytest.approx(single.mean_error.interval)
    assert double.wilcoxon_p == pytest.approx(single.wilcoxon_p)


def test_luck_is_seldom_taken_for_a_gain_where_mcnemar_often_does():
    """100 pairs of equally good models: at 5 % about five may look different. Landmarks as observations: far more."""
    wrong = {"bootstrap": 0, "mcnemar": 0}
    for seed in range(100):
        one, other = made(seed)
        wrong["bootstrap"] += compare(one, other, radii=(2.0,)).success_rates[2.0].p_value < 0.05
        first, second = one.errors <= 2.0, other.errors <= 2.0
        lost, won = int((first & ~second).sum()), int((~first & second).sum())
        wrong["mcnemar"] += scipy.stats.binomtest(lost, lost + won).pvalue < 0.05
    assert wrong["bootstrap"] <= 12
    assert wrong["mcnemar"] >= 18


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            table([[1.0, 2.0]] * 2, images=["00", "77"]),
            "Two models can only be compared on the same images; 2 were measured with one of them only, such as '01'.",
        ),
        (
            table([[1.0, 2.0]] * 2, landmarks=["a", "c"]),
            "Two models can only be compared on the same landmarks; "
            "2 were measured with one of them only, such as 'b'.",
        ),
        (
            table([[1.0, NAN]] * 2),
            "Two models can only be compared on the same annotations; these were measured on different ones.",
        ),
        (
            table([[INF, INF]] * 2),
            "Two models can only be compared on landmarks that both find, and here are none.",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(other, sentence):
    with pytest.raises(PairingError) as error:
        compare(table([[1.0, 2.0]] * 2), other)
    assert str(error.value) == sentence


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 2\) are not those of 2 images with 2 landmarks"):
        table([[1.0, 2.0]], images=["a", "b"])

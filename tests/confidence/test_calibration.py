"""From evidence to errors, on made-up models whose true errors are known."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from lib.confidence import COVERAGE, FEATURES, Calibration, HeldOutCase, NoPromiseError
from lib.confidence.ellipse import axes, mean_shapes, normalised, shape_norm
from lib.confidence.error_model import ErrorModel

N, F = 7, len(FEATURES)
SCALES = np.geomspace(0.001, 0.01, N)


def cases(count, seed=0, informative=True, along=1.0, missing=0.1):
    """Errors that the first feature foretells, of landmarks that differ; ``along`` times longer in x than in y."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        features = rng.normal(size=(N, F))
        scale = SCALES * np.exp(0.5 * features[:, 0] if informative else 0.0)
        errors = rng.normal(size=(N, 2)) * scale[:, None] * [along, 1.0]
        errors[rng.uniform(size=N) < missing] = np.nan
        made.append(HeldOutCase(f"patient {number}", features, np.tile(np.eye(2), (N, 1, 1)), errors))
    return made


def radial(some):
    return np.array([np.linalg.norm(case.errors, axis=1) for case in some])


def covered(calibration, some):
    inside, round_, number = 0, 0, 0
    for case in some:
        told = calibration.expect(case.features, case.shapes)
        length = np.linalg.norm(case.errors, axis=1)
        known = ~np.isnan(length)
        quadratic = (case.errors * np.linalg.solve(told.shapes, case.errors[..., None])[..., 0]).sum(axis=1)
        inside += (length[known] <= told.radius[known]).sum()
        round_ += (quadratic[known] <= 1).sum()
        number += known.sum()
    return inside / number, round_ / number


@pytest.mark.parametrize("informative", [True, False])
def test_radius_and_ellipse_cover_new_patients(informative):
    circle, ellipse = zip(
        *(
            covered(Calibration.fit(cases(30, seed, informative)), cases(60, 1000 + seed, informative))
            for seed in range(20)
        ),
        strict=True,
    )
    assert 0.89 < np.mean(circle) < 0.96
    assert 0.89 < np.mean(ellipse) < 0.96


def test_what_evidence_foretells_is_used():
    calibration = Calibration.fit(cases(60))
    assert calibration.errors.slopes[0] > 0.3
    assert max(map(abs, calibration.errors.slopes[1:])) < 0.15
    new = cases(200, 1)
    expected = np.array([calibration.expect(case.features, case.shapes).error for case in new])
    known = ~np.isnan(radial(new))
    assert np.nanmean(radial(new)) == pytest.approx(expected[known].mean(), rel=0.1)
    ranks = [np.argsort(np.argsort(table[known])) for table in (expected, radial(new))]
    assert np.corrcoef(*ranks)[0, 1] > 0.6


def test_the_chance_to_be_within_a_distance_is_met():
    calibration = Calibration.fit(cases(300))
    new = cases(300, 1, missing=0.0)
    limit = np.full(N, 0.005)
    chance = np.concatenate([calibration.chance_within(case.features, limit) for case in new])
    within = np.concatenate([np.linalg.norm(case.errors, axis=1) <= limit for case in new])
    assert chance.min() >= 0
    assert chance.max() <= 1
    for low in np.arange(0, 1, 0.2):
        part = (chance >= low) & (chance < low + 0.2)
        assert part.sum() > 50
        assert within[part].mean() == pytest.approx(chance[part].mean(), abs=0.08)


def test_the_flag_is_for_a_fifth_and_finds_most_of_the_worst():
    calibration = Calibration.fit(cases(60))
    new = cases(200, 1, missing=0.0)
    flags = np.array([calibration.expect(case.features, case.shapes).check for case in new])
    worst = radial(new) >= np.quantile(radial(new), 0.9)
    assert flags.mean() == pytest.approx(0.2, abs=0.05)
    assert flags[worst].mean() > 0.7


def test_errors_that_go_along_an_edge_make_long_ellipses():
    calibration = Calibration.fit(cases(60, along=3.0))
    told = calibration.expect(np.zeros((N, F)), np.tile(np.eye(2), (N, 1, 1)))
    for shape in told.shapes:
        length, width, angle = axes(shape)
        assert length > 1.2 * width
        assert abs(angle) < 25


def test_too_few_patients_make_no_promise():
    with pytest.raises(NoPromiseError, match=r"takes labels of 12 patients .* there are 11"):
        Calibration.fit(cases(11))
    one = [HeldOutCase("same", case.features, case.shapes, case.errors) for case in cases(50)]
    with pytest.raises(NoPromiseError, match="there is 1"):
        Calibration.fit(one)
    with pytest.raises(NoPromiseError, match="there are 0"):
        Calibration.fit([])
    assert Calibration.fit(cases(12)).patients == 12


def test_images_without_any_label_do_not_count():
    some = cases(12)
    empty = HeldOutCase("other", some[0].features, some[0].shapes, np.full((N, 2), np.nan))
    assert Calibration.fit([*some, empty]) == Calibration.fit(some)


def test_a_landmark_that_nobody_has_labelled_is_like_the_others():
    some = cases(30, missing=0.0)
    for case in some:
        case.errors[2] = np.nan
    calibration = Calibration.fit(some)
    assert calibration.errors.offsets[2] == 0
    assert np.isfinite(calibration.expect(some[0].features, some[0].shapes).radius).all()


def test_round_trip_and_refusals():
    calibration = Calibration.fit(cases(20))
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration
    content = calibration.model_dump()
    for change in (
        {"radius": (math.inf,) * N},
        {"radius": content["radius"][1:]},
        {"mean": (0.0,) * N},
        {"ratios": ((0.0, 1.0),) * N},
        {"ratios": (content["ratios"][0][::-1],) * N},
        {"shapes": ()},
        {"more": 1},
    ):
        with pytest.raises(ValidationError):
            Calibration.model_validate({**content, **change})
    assert COVERAGE == 0.9


def test_evidence_of_another_world_makes_no_wild_guess():
    model = ErrorModel.fit(np.stack([case.features for case in cases(30)]), radial(cases(30)))
    assert np.isfinite(model(np.full((N, F), 1e6))).all()
    assert model(np.full((N, F), 1e6)).max() < 1


def test_forms():
    shape = np.array([[4.0, 0.0], [0.0, 1.0]])
    assert axes(shape) == pytest.approx((2.0, 1.0, 0.0))
    turned = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    assert axes(turned @ shape @ turned.T)[2] == pytest.approx(np.degrees(0.5))
    round_ = normalised(np.eye(2), np.eye(2)[None] * 7)
    np.testing.assert_allclose(round_[0], np.eye(2), atol=1e-9)
    errors = np.array([[3.0, 4.0], [np.nan, 0.0]])
    assert shape_norm(errors, np.tile(np.eye(2), (2, 1, 1)))[0] == pytest.approx(5)
    assert math.isnan(shape_norm(errors, np.tile(np.eye(2), (2, 1, 1)))[1])
    only_x = np.zeros((50, 1, 2))
    only_x[..., 0] = 1.0
    (xx, xy, yy) = mean_shapes(only_x)[0]
    assert xx * yy - xy**2 == pytest.approx(1)
    assert xx > 4 * yy


def test_the_radius_covers_whether_it_is_small_or_large():
    """Regression: where errors do not grow as the line says, small radii covered 76 % and middling ones 99 %."""
    rng = np.random.default_rng(3)

    def some(count):
        made = []
        for number in range(count):
            features = rng.normal(size=(N, F))
            scale = 0.001 + 0.002 * np.exp(2.0 * features[:, 0])  # no landmark is found better than that
            errors = rng.normal(size=(N, 2)) * scale[:, None]
            made.append(HeldOutCase(str(number), features, np.tile(np.eye(2), (N, 1, 1)), errors))
        return made

    calibration, new = Calibration.fit(some(300)), some(600)
    radius = np.concatenate([calibration.expect(case.features, case.shapes).radius for case in new])
    inside = radial(new).ravel() <= radius
    for part in np.array_split(np.argsort(radius), 5):
        assert 0.83 < inside[part].mean() < 0.96


def test_the_bend_never_turns_the_order_round():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(400, N, F))
    model = ErrorModel.fit(features, np.abs(rng.normal(size=(400, N))) * 0.01)  # nothing is foretold
    line, bent = model._line(features).ravel(), model(features).ravel()
    assert len(model.knots) > 1
    order = np.argsort(line)
    assert np.diff(bent[order]).min() >= 0
    with pytest.raises(ValidationError, match="bend does not rise"):
        ErrorModel.model_validate({**model.model_dump(), "knots": model.knots[::-1]})


@pytest.mark.parametrize("seed", range(5))
def test_an_odd_image_gets_no_radius_of_nothing(seed):
    """Regression: below the bend's first knot the expected error fell to a hundred-millionth."""
    rng = np.random.default_rng(seed)
    features = np.repeat(rng.normal(size=(1, 1, F)), 400, axis=0)  # hardly anything tells images apart
    features = features + 1e-3 * rng.normal(size=(400, 1, F))
    model = ErrorModel.fit(features, np.abs(rng.normal(size=(400, 1))) * 0.01)
    usual = np.median(model(features))
    odd = model(features[0] + rng.normal(size=(1000, 1, F)) * 0.02)
    assert odd.min() > 1e-3 * usual
    assert odd.max() < 1e3 * usual


@pytest.mark.parametrize("patients", [14, 17, 20])
def test_the_whole_is_bent_as_the_parts_are(patients):
    """Regression: with 16 to 19 patients only the model of all was bent, and got the factors of straight ones."""
    some = [HeldOutCase(str(n), *made) for n, made in enumerate(_nineteen(patients))]
    calibration = Calibration.fit(some)
    told = np.concatenate([calibration.expect(case.features, case.shapes).error for case in some])
    assert told.mean() == pytest.approx(radial(some).mean(), rel=0.12)


def _nineteen(count):
    rng = np.random.default_rng(count)
    for _ in range(count):
        features = rng.normal(size=(19, F))
        errors = rng.normal(size=(19, 2)) * 0.002 * np.where(rng.uniform(size=(19, 1)) < 0.1, 10.0, 1.0)
        yield features, np.tile(np.eye(2), (19, 1, 1)), errors


def test_labels_that_are_the_predictions_are_still_a_calibration():
    some = cases(60, missing=0.0)
    for case in some:
        case.errors[0] = 0.0
    told = Calibration.fit(some).expect(some[0].features, some[0].shapes)
    assert (told.radius > 0).all()

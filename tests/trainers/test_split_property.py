"""Whatever arrives in whatever order: sides are stable, patients and copies are on one side, the share is kept."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.trainers.split import Split, SplitError, extended
from tests.trainers.split_cases import case, cases, on

names = st.one_of(st.none(), st.sampled_from("ABCDEFGH"))
arrivals = st.lists(st.tuples(names, names, names), min_size=1, max_size=30)


def together(one, other):
    same = one.identity.patient is not None and one.identity.patient == other.identity.patient
    study = one.identity.study is not None and one.identity.study == other.identity.study
    return same or study or one.fingerprint.exact == other.fingerprint.exact


def family(image, images):
    """All that belongs together with an image, through others too."""
    found, waiting = {image.image: image}, [image]
    while waiting:
        one = waiting.pop()
        for other in images:
            if other.image not in found and together(one, other):
                found[other.image] = other
                waiting.append(other)
    return found


@settings(max_examples=60, deadline=None)
@given(arrivals, st.lists(st.integers(1, 6), min_size=1), st.floats(0.05, 0.6))
def test_random_arrivals(arriving, steps, share):
    images = [
        case(f"{number:02d}", patient, picture, study) for number, (patient, picture, study) in enumerate(arriving)
    ]
    split, count, step = Split(), 0, 0
    while count < len(images):
        count += steps[step % len(steps)]
        step += 1
        present = images[:count]
        try:
            longer = extended(split, present, share)
        except SplitError:
            continue  # nothing was decided
        assert {image: longer.side(image) for image in split.entries} == {i: split.side(i) for i in split.entries}
        split = longer
        assert split.entries.keys() == {each.image for each in present}
        assert len(on(split, "train")) >= 2
        assert on(split, "held_out")
        for one, other in combinations(present, 2):
            if together(one, other):
                assert {split.side(one.image), split.side(other.image)} != {"train", "held_out"}
        for each in present:
            if split.side(each.image) == "left_out":
                sides = {split.side(image) for image in family(each, present)}
                assert sides >= {"train", "held_out"}
        assert extended(split, present, share) == split


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(names, names, st.booleans()), min_size=6, max_size=24), st.randoms(use_true_random=False))
def test_patients_that_become_known_late(arriving, chance):
    """An image may leave a side then, but never goes over to the other."""
    split, known = Split(), [False] * len(arriving)
    for count in range(6, len(arriving) + 6, 2):
        known = [
            before or not late or chance.random() < 0.3 for before, (_, _, late) in zip(known, arriving, strict=True)
        ]
        present = [
            case(f"{number:02d}", patient if known[number] else None, picture)
            for number, (patient, picture, _) in enumerate(arriving[:count])
        ]
        try:
            longer = extended(split, present, 0.3)
        except SplitError:
            continue
        for image in split.entries:
            assert longer.side(image) in (split.side(image), "left_out")
        for one, other in combinations(present, 2):
            if together(one, other):
                assert {longer.side(one.image), longer.side(other.image)} != {"train", "held_out"}
        split = longer


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(40)), st.floats(0.05, 0.6), st.integers(2, 7))
def test_the_share_is_kept_however_labels_arrive(order, share, step):
    images = cases(40)
    split = Split()
    for count in range(3, 41, step):
        split = extended(split, [images[number] for number in order[:count]], share)
        wanted = share * count
        assert abs(len(on(split, "held_out")) - wanted) <= max(0.5, 1 - wanted) + 1e-6 or len(on(split, "train")) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=8, max_size=30), st.floats(0.1, 0.5))
def test_the_share_of_whole_patients(sizes, share):
    images = [
        case(f"{patient}-{number}", f"P{patient}") for patient, size in enumerate(sizes) for number in range(size)
    ]
    split = extended(Split(), images, share)
    smallest = min(sizes)
    assert abs(len(on(split, "held_out")) - share * len(images)) <= max(sizes) / 2 + smallest / 2


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_those_held_out_are_spread(share):
    """No pattern of ids or arrival: about as many of each tenth."""
    images = cases(300)
    split = extended(Split(), images, share)
    tenths = [sum(split.side(each.image) == "held_out" for each in images[i : i + 30]) for i in range(0, 300, 30)]
    assert sum(tenths) == round(300 * share)
    assert min(tenths) > 30 * share - 4 * (30 * share * (1 - share)) ** 0.5

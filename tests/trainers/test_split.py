"""The held-out images stay held out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.trainers.split import MIN_LABELS, held_out

ids = st.sets(st.text(min_size=1, max_size=12), min_size=MIN_LABELS, max_size=40)
shares = st.floats(0.05, 0.9)


def forced(images, share):
    """Whether counts, not hashes, decided: none or nearly all would be held out."""
    natural = {image for image in images if held_out_alone(image, share)}
    return not natural or len(natural) > len(images) - 2


def held_out_alone(image, share):
    """Whether an image's hash holds it out, seen in a crowd that is large enough for hashes to decide."""
    crowd = {f"crowd {number}" for number in range(60)}
    return image in held_out(crowd | {image}, share)


@given(ids, shares)
def test_one_is_held_out_and_two_are_left_to_train_on(images, share):
    chosen = held_out(images, share)
    assert chosen <= images
    assert 1 <= len(chosen) <= len(images) - 2


@given(ids, ids, shares)
def test_new_labels_move_no_image(images, more, share):
    before, after = held_out(images, share), held_out(images | more, share)
    if not forced(images, share) and not forced(images | more, share):
        assert after & images == before


@given(ids, shares)
def test_the_order_does_not_matter(images, share):
    assert held_out(sorted(images), share) == held_out(sorted(images, reverse=True), share)


@given(ids, shares, shares)
def test_a_larger_share_holds_out_more(images, one, other):
    assert held_out(images, min(one, other)) <= held_out(images, max(one, other))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_about_the_share_is_held_out(share):
    images = [f"patient_{number:05d}" for number in range(4000)]
    assert len(held_out(images, share)) / len(images) == pytest.approx(share, abs=0.025)


def test_growing_from_three_images_only_forced_moves_happen():
    images, moved = [f"{number:03d}" for number in range(200)], 0
    previous = held_out(images[:3], 0.2)
    for count in range(4, 201):
        current = held_out(images[:count], 0.2)
        moved += len((current & set(images[: count - 1])) ^ previous)
        previous = current
    assert moved <= 4  # while nobody's hash is low, the lowest stands in


def test_the_same_on_every_machine():
    assert held_out(map(str, range(12)), 0.2) == {"8", "9"}

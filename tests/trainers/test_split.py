"""Who is held out: once decided, never moved; patients, studies and copies stay together."""

import random

import pytest

from lib.radiographs import Identity
from lib.trainers.split import MIN_LABELS, Case, Split, SplitError, extended
from tests.trainers.split_cases import case, cases, fingerprint, on


def split_of(*images, share=0.2):
    return extended(Split(), images, share)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        *(
            (3, 0.2, 1),
            (4, 0.2, 1),
            (5, 0.2, 1),
            (7, 0.2, 1),
            (8, 0.2, 2),
            (10, 0.2, 2),
            (50, 0.2, 10),
            (200, 0.13, 26),
        ),
        *((3, 0.01, 1), (3, 0.9, 1), (10, 0.9, 8), (40, 0.5, 20)),
    ],
)
def test_the_share(count, share, expected):
    split = split_of(*cases(count), share=share)
    assert len(on(split, "held_out")) == expected
    assert len(on(split, "train")) == count - expected


def test_neither_the_order_nor_the_names_decide():
    images = cases(30)
    shuffled = random.Random(0).sample(images, len(images))
    assert split_of(*shuffled) == split_of(*images)
    renamed = [case(f"z{99 - number}", picture=f"of {each.image}") for number, each in enumerate(images)]
    other = split_of(*renamed)
    assert [other.side(each.image) for each in renamed] == [split_of(*images).side(each.image) for each in images]


def test_the_same_on_every_machine():
    assert on(split_of(*cases(12)), "held_out") == {"image_002", "image_009"}


def test_not_those_at_the_end():
    """Upstream holds out the tail of the list."""
    assert on(split_of(*cases(60)), "held_out") != {each.image for each in cases(60)[-12:]}


@pytest.mark.parametrize("kind", ["patient", "study", "picture"])
def test_what_belongs_together_stays_together(kind):
    images = [case(f"{number}", **{kind: f"one {number % 7}"}) for number in range(28)]
    split = split_of(*images)
    for number in range(7):
        of_one = [f"{other}" for other in range(number, 28, 7)]
        assert len({split.side(image) for image in of_one}) == 1
        assert len({split.group(image) for image in of_one}) == 1
    assert len(on(split, "held_out")) == 4  # 5.6 are wanted: one of seven groups is nearer than two


def test_links_of_different_kinds_make_one_group():
    split = split_of(case("a", "P", "x"), case("b", None, "x", "S"), case("c", None, "y", "S"), *cases(4))
    assert split.group("a") == split.group("b") == split.group("c")


def test_a_newcomer_joins_its_patient_and_its_copy():
    split = split_of(*(case(f"{number}", f"P{number}") for number in range(10)))
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    more = [case("new", f"P{held_out}"), case("copy", picture=f"of {train}")]
    longer = extended(split, more + cases(5), 0.2)
    assert longer.side("new") == "held_out"
    assert longer.group("new") == split.group(held_out)
    assert longer.side("copy") == "train"
    assert longer.group("copy") == split.group(train)


def test_a_newcomer_between_the_sides_is_left_out_and_nobody_moves():
    split = split_of(*(case(f"{number}", f"P{number}") for number in range(10)))
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    bridge = case("bridge", f"P{held_out}", f"of {train}")
    longer = extended(split, [bridge, *cases(5)], 0.2)
    assert longer.side("bridge") == "left_out"
    reason = f"It belongs with '{train}' (same picture), which trains, and with '{held_out}' (same patient), which is "
    assert longer.entries["bridge"].reason == reason + "held out."
    assert {image: longer.entries[image] for image in split.entries} == split.entries
    # what comes later goes where it can: no two images that belong together are on two sides
    later = [case("of patient", f"P{held_out}"), case("copy", picture=f"of {train}"), case("both", f"P{held_out}", "?")]
    sides = extended(longer, [*later, *cases(5)], 0.2)
    assert [sides.side(each.image) for each in later] == ["held_out", "train", "held_out"]
    assert extended(longer, [bridge, *cases(5)], 0.2) == longer  # nor is it asked again


def test_what_belongs_only_with_an_image_that_is_left_out_is_left_out():
    split = split_of(*(case(f"{number}", f"P{number}") for number in range(10)))
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    longer = extended(split, [case("bridge", f"P{held_out}", f"of {train}", "S"), *cases(5)], 0.2)
    again = extended(longer, [case("follower", study="S"), *cases(5)], 0.2)
    assert again.side("follower") == "left_out"
    assert again.entries["follower"].reason == "It belongs with 'bridge' (same study), which is left out."


def test_newcomers_that_join_groups_of_one_side_make_them_one():
    split = split_of(*(case(f"{number}", f"P{number}") for number in range(10)))
    one, other = sorted(on(split, "train"))[:2]
    longer = extended(split, [case("new", f"P{one}", f"of {other}"), *cases(5)], 0.2)
    assert longer.side("new") == "train"
    assert longer.group("new") == longer.group(one) == longer.group(other)
    assert on(longer, "held_out") >= on(split, "held_out")


def test_a_patient_that_becomes_known_later():
    images = cases(10)
    split = split_of(*images)
    held_out, train = min(on(split, "held_out")), sorted(on(split, "train"))[:2]
    noted = [case(image, "one patient") for image in train]
    longer = extended(split, [each for each in images if each.image not in train] + noted, 0.2)
    assert {longer.side(image) for image in train} == {"train"}
    assert longer.group(train[0]) == longer.group(train[1])
    assert longer.entries[train[0]].patient is not None
    # the third picture of that patient has been held out: models have learnt from the others, so it is that one
    latest = extended(longer, [case(held_out, "one patient"), *(e for e in images if e.image != held_out)], 0.2)
    assert latest.side(held_out) == "left_out"
    assert latest.entries[held_out].reason.startswith("It was held out, and belongs with 'image_00")
    assert latest.entries[held_out].reason.endswith("(same patient), which trains.")
    assert {latest.side(image) for image in train} == {"train"}


def test_a_newcomer_moves_nobody_even_if_a_patient_becomes_known_with_it():
    images = cases(10)
    split = split_of(*images)
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    noted = [case(held_out, "P"), *(each for each in images if each.image != held_out)]
    longer = extended(split, [*noted, case("bridge", "P", f"of {train}")], 0.2)
    assert {image: longer.side(image) for image in split.entries} == {
        image: split.side(image) for image in split.entries
    }
    assert longer.side("bridge") == "left_out"


def test_what_was_known_of_an_image_stays_known():
    split = split_of(case("a", "P"), *cases(4))
    later = extended(split, [case("a"), *cases(4)], 0.2)
    assert later == split


def test_the_file_of_an_image_is_replaced():
    images = cases(10)
    split = split_of(*images)
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    rest = [each for each in images if each.image not in (held_out, train)]
    other = extended(split, [case(train, picture="another"), *rest, case(held_out)], 0.2)
    assert other.side(train) == "train"
    assert other.fingerprint(train) == case("x", picture="another").fingerprint
    copied = extended(split, [case(train, picture=f"of {held_out}"), *rest, case(held_out)], 0.2)
    assert (copied.side(train), copied.side(held_out)) == ("left_out", "held_out")


def test_two_landmark_sets_share_the_split():
    heads, both, hands = cases(20, "head"), cases(10, "both"), cases(20, "hand")
    first = extended(Split(), heads + both, 0.2)
    second = extended(first, both + hands, 0.2)
    assert {image: second.entries[image] for image in first.entries} == first.entries
    held_out = [each.image for each in both + hands if second.side(each.image) == "held_out"]
    assert len(held_out) == 6  # of the second set's own images
    assert on(second, "held_out") > on(first, "held_out")


def test_labels_that_go_change_nothing():
    images = cases(20)
    split = split_of(*images)
    assert (
        extended(split, images[:7] + images[12:], 0.5).entries == extended(split, images, 0.2).entries == split.entries
    )


@pytest.mark.parametrize("count", range(MIN_LABELS))
def test_too_few(count):
    verb = "is 1" if count == 1 else f"are {count}"
    with pytest.raises(
        SplitError, match=f"at least 3 radiographs, two to learn from and one to hold out; there {verb}"
    ):
        split_of(*cases(count))


@pytest.mark.parametrize("kind", ["patient", "study", "picture"])
def test_all_of_one_patient(kind):
    with pytest.raises(
        SplitError, match="None of the 6 labelled radiographs can be held out, because all are of one pati"
    ):
        split_of(*(case(f"{number}", **{kind: "one"}) for number in range(6)))


def test_nothing_is_left_to_hold_out():
    split = split_of(*cases(10))
    trained = [each for each in cases(10) if split.side(each.image) == "train"]
    sentence = "Of the 8 labelled radiographs 8 train, 0 are held out and 0 left out, .* so that some can be held out"
    with pytest.raises(SplitError, match=sentence):
        extended(split, trained, 0.2)
    assert extended(split, [*trained, case("new")], 0.2).side("new") == "held_out"
    held_out = [each for each in cases(10) if split.side(each.image) == "held_out"]
    with pytest.raises(SplitError, match=r"1 train, 2 are held out and 0 left out, .* so that two can train"):
        extended(split, [trained[0], *held_out], 0.2)
    longer = extended(split, [*held_out, *cases(2, "new")], 0.2)
    assert {longer.side("new_000"), longer.side("new_001")} == {"train"}


def test_two_patients_of_whom_one_has_a_single_image():
    split = split_of(case("a", "P"), case("b", "P"), case("c", "Q"))
    assert (on(split, "train"), on(split, "held_out")) == ({"a", "b"}, {"c"})


def test_summary():
    split = split_of(*(case(f"{number}", f"P{number // 2}") for number in range(20)))
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    images = [*split.entries, "bridge", "unknown"]
    split = extended(split, [case("bridge", f"P{int(held_out) // 2}", f"of {train}"), *cases(5)], 0.2)
    summary = split.summary(images)
    assert summary["source"] == "automatic"
    assert summary["train"] == {"images": 16, "patients": 8}
    assert summary["held_out"] == {"images": 4, "patients": 2}
    assert summary["left_out"] == [{"image": "bridge", "reason": split.entries["bridge"].reason}]
    assert summary["undecided"] == ["unknown"]
    assert split.summary([])["train"] == {"images": 0, "patients": 0}


def test_an_id_without_issuer_is_that_of_any():
    """A device leaves the issuer out, or a person has noted the id of a picture; two issuers stay two patients."""
    named = {"north": Identity.of("4711", "north"), "south": Identity.of("4711", "south"), "bare": Identity.of("4711")}
    images = [Case(image, identity, fingerprint(image)) for image, identity in named.items()]
    others = cases(6)
    apart = extended(Split(), [*images[:2], *others], 0.2)
    assert apart.group("north") != apart.group("south")
    for first, last in ((images[0], images[2]), (images[2], images[0])):
        later = extended(extended(Split(), [first, *others], 0.2), [first, *others, last], 0.2)
        assert later.group(first.image) == later.group(last.image)
        assert later.side(first.image) == later.side(last.image)

"""A user's own split wins."""

import json

import pytest

from lib.trainers.split import Split, SplitError, extended, read_given, with_given
from tests.trainers.split_cases import case, cases, on


def write(tmp_path, text, name="split.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


class TestReading:
    def test_csv(self, tmp_path):
        text = (
            '\ufeffimage,other,split\na,1,train\nÜ 1 , 2, held_out\n"c,d",3,Held-Out\ne,,val\nf,,validation\ng,,TEST\n'
            "h,,held out\ni,,left_out\nj,,training\n"
        )
        held_out = dict.fromkeys(("Ü 1", "c,d", "e", "f", "g", "h"), "held_out")
        assert read_given(write(tmp_path, text)) == {"a": "train", **held_out, "i": "left_out", "j": "train"}
        assert read_given(write(tmp_path, "image;split\r\na;train\r\n")) == {"a": "train"}

    def test_json(self, tmp_path):
        document = {"train": ["a", "b"], "test": ["c"], "val": ["d"], "left_out": ["e"]}
        sides = read_given(write(tmp_path, json.dumps(document), "split.json"))
        assert sides == {"a": "train", "b": "train", "c": "held_out", "d": "held_out", "e": "left_out"}

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "names no image"),
            ("image,split\n", "names no image"),
            ("a,train\nb,val\n", "is not a CSV file with the columns image and split"),
            ("image,split\na\n", "is not a CSV file with the columns"),
            ("split,image\ntrain\n", "is not a CSV file with the columns"),
            (b"\xff\xfe\x00a", "is not a CSV file with the columns"),
            ("image,split\na,left\n", r"split\.csv puts 'a' on the side 'left': say train or held_out\."),
            ("image,split\na,train\na,val\n", r"split\.csv puts 'a' on two sides\."),
        ],
    )
    def test_bad_csv(self, tmp_path, text, sentence):
        with pytest.raises(SplitError, match=sentence):
            read_given(write(tmp_path, text))

    @pytest.mark.parametrize("text", ["[1]", "{", '{"train": "a"}', '{"train": [1]}', '{"train": {"a": 1}}'])
    def test_bad_json(self, tmp_path, text):
        with pytest.raises(SplitError, match=r"is not a CSV file .* or JSON"):
            read_given(write(tmp_path, text, "split.json"))

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_given(tmp_path / "gone.csv")


def use(split, sides, images, **options):
    return with_given(split, sides, "mine.csv", [each for each in images if each.image in sides], **options)


def test_it_wins_over_what_was_decided():
    images = cases(10)
    split = extended(Split(), images, 0.2)
    swapped = {image: "train" if entry.side == "held_out" else "held_out" for image, entry in split.entries.items()}
    mine = use(split, swapped, images)
    assert {image: entry.side for image, entry in mine.entries.items()} == swapped
    assert mine.summary(swapped)["source"] == "mine.csv"
    assert {entry.by for entry in mine.entries.values()} == {"file"}


def test_it_holds_when_more_labels_come():
    images = cases(10)
    sides = {each.image: "held_out" if number < 5 else "train" for number, each in enumerate(images)}
    mine = use(Split(), sides, images)
    more = extended(mine, cases(30), 0.2)
    assert {image: more.side(image) for image in sides} == sides
    assert len(on(more, "held_out")) == 6  # 0.2 of all, those given among them
    assert more.summary(more.entries)["source"] == "mine.csv, the others automatic"


def test_those_not_named_stay_unless_they_belong_with_one_that_is():
    images = [case(f"{number}", f"P{number // 2}") for number in range(20)]
    split = extended(Split(), images, 0.2)
    held_out = min(on(split, "held_out"), key=int)
    partner = str(int(held_out) ^ 1)
    mine = use(split, {held_out: "train"}, images)
    assert mine.side(held_out) == mine.side(partner) == "train"
    others = split.entries.keys() - {held_out, partner}
    assert {image: mine.entries[image] for image in others} == {image: split.entries[image] for image in others}
    assert mine.group(held_out) == mine.group(partner) == split.group(held_out)


@pytest.mark.parametrize("kind", ["patient", "study", "picture"])
def test_what_belongs_together_is_refused_on_two_sides(kind):
    images = [case("a", **{kind: "one"}), *cases(4), case("b", **{kind: "one"})]
    sides = {each.image: "train" for each in images} | {"b": "held_out"}
    with pytest.raises(SplitError) as caught:
        use(Split(), sides, images)
    assert str(caught.value) == (
        f"mine.csv puts 'b' and 'a' on different sides, but they belong together (same {kind}): put them on one side, "
        "or insist with --force."
    )


def test_also_through_an_image_that_is_not_named():
    images = [case("a", "P"), case("between", "P", "x"), case("b", None, "x"), *cases(7)]
    split = extended(Split(), images, 0.2)
    sides = {"a": "train", "b": "held_out"}
    with pytest.raises(SplitError, match=r"mine\.csv puts 'a' and 'b' on different sides, but they belong together"):
        use(split, sides, images)


def test_force():
    images = [case("a", "P"), case("b", "P"), case("c", "P"), *cases(7)]
    split = extended(Split(), images, 0.2)
    before = split.side("c")
    mine = use(split, {"a": "train", "b": "held_out"}, images, force=True)
    assert (mine.side("a"), mine.side("b"), mine.side("c")) == ("train", "held_out", before)
    later = extended(mine, [*images, case("d", "P")], 0.2)
    assert (later.side("a"), later.side("b"), later.side("c")) == ("train", "held_out", before)
    assert later.side("d") == "left_out"


def test_an_image_between_the_sides_is_placed_by_the_user_or_left_out():
    images = [case(f"{number}", f"P{number}") for number in range(10)]
    split = extended(Split(), images, 0.2)
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    bridge = case("bridge", f"P{held_out}", f"of {train}")
    split = extended(split, [*images, bridge], 0.2)
    as_it_is = {image: entry.side for image, entry in split.entries.items()}
    same = use(split, as_it_is, [*images, bridge])
    assert {image: entry.side for image, entry in same.entries.items()} == as_it_is
    with pytest.raises(SplitError, match="belong together"):
        use(split, {**as_it_is, "bridge": "train"}, [*images, bridge])
    moved = use(split, {"bridge": "train"}, [bridge])
    assert moved.side("bridge") == moved.side(held_out) == moved.side(train) == "train"
    assert moved.entries["bridge"].reason == ""


def test_a_user_may_leave_images_out():
    images = cases(6)
    mine = use(Split(), {each.image: "train" for each in images} | {"image_003": "left_out"}, images)
    assert on(mine, "left_out") == {"image_003"}
    later = extended(mine, [*images, case("new")], 0.2)
    assert later.side("image_003") == "left_out"
    assert later.entries["image_003"].reason == "By mine.csv."
    assert later.side("new") == "held_out"


def test_a_second_file_wins_over_the_first():
    images = cases(6)
    first = use(Split(), {each.image: "train" for each in images}, images)
    second = with_given(first, {"image_000": "held_out"}, "other.csv", images[:1])
    assert on(second, "held_out") == {"image_000"}
    assert second.given == "other.csv"

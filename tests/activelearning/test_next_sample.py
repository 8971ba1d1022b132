"""What is handed out: not what others work on, not what was set aside, and a clean end."""

import time

import numpy as np
import pytest

from lib.activelearning import DESCRIPTIONS, NEED_SCORES, Decision, DecisionError, Known, NextSample, Score, Worklist
from lib.activelearning.worklist import WORKING_S
from lib.landmarks import LandmarkSet
from monailabel_app.datastores import StudiesFolder
from monailabel_app.routes.activelearning import hand_out, handed_to_others
from tests.tiny import phantom_folder


@pytest.fixture
def studies(tmp_path):
    studies = phantom_folder(tmp_path, 6)
    for image in studies.list_images()[:4]:
        studies.remove_label(image, "final")
    return studies


def strategy(name, studies, scored=()):
    rng = np.random.default_rng(0)
    scores = {image: Score(rng.uniform(), rng.normal(size=3).astype(np.float32)) for image in scored}
    return NextSample(name, lambda _: Known(scores, "m 1" if scores else ""))


def note(studies, image, seconds_ago=0, **more):
    handed = {"strategy": {"random": {"ts": int(time.time()) - seconds_ago, "client_id": "somebody"}}}
    studies.note(image, **handed, **more)


def set_aside(studies, image, verdict, reason="blurred"):
    studies.note(image, decision=Decision.asked(verdict, reason, "ann").as_dict())


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_until_all_are_labelled_each_is_handed_out_once(name, studies):
    images = studies.list_images()
    chosen = strategy(name, studies, scored=images)
    handed = []
    for _ in range(4):
        answer = chosen({}, studies)
        assert answer["why"].endswith(".")
        handed.append(answer["id"])
        note(studies, answer["id"])
    assert sorted(handed) == images[:4]
    assert chosen({}, studies)["id"] == handed[0] or chosen({}, studies)["id"] in handed  # nobody finished any
    for image in handed:
        studies.save_label(image, studies.get_label_uri(images[4], "final"), "final", {})
    assert chosen({}, studies) is None
    assert Worklist.of(studies).end() == "All 6 radiographs have labels."


def test_who_went_home_frees_a_radiograph(studies):
    images = studies.list_images()
    for image, ago in zip(images[:4], (10, WORKING_S + 60, 20, 30), strict=True):
        note(studies, image, ago)
    assert strategy("first", studies)({}, studies)["id"] == images[1]
    note(studies, images[1], 5)
    assert strategy("first", studies)({}, studies)["id"] == images[3]  # handed out longest ago
    assert "handed out" in strategy("first", studies)({}, studies)["why"]


def test_put_off_comes_last_and_rejected_never(studies):
    images = studies.list_images()
    set_aside(studies, images[0], "reject")
    set_aside(studies, images[1], "defer", "")
    chosen = strategy("first", studies)
    assert chosen({}, studies)["id"] == images[2]
    note(studies, images[2])
    assert chosen({}, studies)["id"] == images[3]
    note(studies, images[3])
    assert chosen({}, studies) == {"id": images[1], "why": "It was put off, and nothing else is left."}
    for image in images[1:4]:
        studies.save_label(image, studies.get_label_uri(images[4], "final"), "final", {})
    assert chosen({}, studies) is None
    assert Worklist.of(studies).end() == "Nothing is left: 5 of 6 radiographs have labels, 1 were rejected."
    set_aside(studies, images[0], "none", "")
    assert chosen({}, studies)["id"] == images[0]


@pytest.mark.parametrize("name", NEED_SCORES)
def test_without_scores_it_is_random_and_says_so(name, studies):
    answer = strategy(name, studies)({}, studies)
    assert answer["id"] == strategy("random", studies)({}, studies)["id"]
    assert "no model yet" in answer["why"]


def test_of_those_with_a_score_the_unsure_one(studies):
    images = studies.list_images()
    scores = {images[index]: Score(float(index), np.zeros(2, np.float32)) for index in (0, 2, 5)}
    answer = NextSample("uncertainty", lambda _: Known(scores, "farnet_demo 7"))({}, studies)
    assert answer["id"] == images[2]
    assert "farnet_demo 7" in answer["why"]
    assert "2 of 4" in answer["why"]


def test_seeds_draw_differently(studies):
    chosen = strategy("random", studies)
    assert len({chosen({"seed": seed}, studies)["id"] for seed in range(20)}) > 1
    assert chosen({"seed": "x"}, studies) == chosen({"seed": 0}, studies) == chosen({}, studies)


def test_a_queue_hands_nothing_out(studies):
    chosen, images = strategy("first", studies), studies.list_images()
    queue = chosen.queue({}, Worklist.of(studies), 3)
    assert [item["id"] for item in queue] == images[:3]
    assert chosen({}, studies)["id"] == images[0]


@pytest.mark.parametrize(
    ("verdict", "reason", "sentence"),
    [
        ("skip", "", "'decision' is one of defer, reject, none."),
        (None, "", "'decision' is one of"),
        (["defer"], "", "'decision' is one of"),
        ("defer", 7, "'reason' is a text"),
        ("defer", "x" * 501, "at most 500"),
        ("reject", "  ", "Say why"),
    ],
)
def test_verdicts_that_cannot_be_noted(verdict, reason, sentence):
    with pytest.raises(DecisionError, match=sentence):
        Decision.asked(verdict, reason, "")


@pytest.mark.parametrize("noted", [None, 7, [], {"decision": 3}, {"decision": "skip"}, {"decision": {"decision": []}}])
def test_notes_that_somebody_has_edited_are_no_decision(noted):
    assert Decision.noted({"decision": noted}) is None


def test_no_radiographs_at_all(tmp_path):
    studies = phantom_folder(tmp_path, 1)
    studies.remove_image(studies.list_images()[0])
    assert strategy("hybrid", studies)({}, studies) is None
    assert Worklist.of(studies).end() == "There are no radiographs yet."


@pytest.mark.parametrize("name", NEED_SCORES)
def test_it_says_why_the_order_is_random(name, studies):
    left = studies.list_images()[:4]

    def why(**known):
        return NextSample(name, lambda _: Known({}, **known))({}, studies)["why"]

    assert why() == "At random: there is no model yet that could say more."
    assert why(model="m 1", unreadable=left[:3]) == "At random: m 1 is still looking at the radiographs."
    assert (
        why(model="m 1", unreadable=left)
        == "At random: m 1 cannot read those that are left; the server's log says why."
    )


def test_two_servers_of_one_folder_hand_out_two_radiographs(studies):
    other = StudiesFolder(studies.folder, {"farnet_demo": LandmarkSet.load("cephalometric_19")})
    chooses = strategy("first", studies)
    image = chooses({}, studies)["id"]
    before = studies.notes(image)
    assert hand_out(other, chooses({}, other)["id"], other.notes(image), "first", "quicker")
    assert not hand_out(studies, image, before, "first", "slower")
    again = chooses({}, studies)["id"]
    assert again != image
    assert hand_out(studies, again, studies.notes(again), "first", "slower")
    assert studies.notes(image)["strategy"]["first"]["client_id"] == "quicker"
    assert hand_out(other, again, other.notes(again), "random", "both strategies stay")
    assert set(studies.notes(again)["strategy"]) == {"first", "random"}


@pytest.mark.parametrize("what", ["rejected", "labelled", "removed"])
def test_what_has_changed_meanwhile_is_not_handed_out(studies, what):
    image, other = studies.list_images()[0], studies.list_images()[-1]
    before = studies.notes(image)
    if what == "rejected":
        set_aside(studies, image, "reject")
    elif what == "labelled":
        studies.save_label(image, studies.get_label_uri(other, "final"), "final", {})
    else:
        studies.remove_image(image)
    assert not hand_out(studies, image, before, "first", "ann")


def test_who_takes_a_decision_back_is_no_longer_at_work_on_it():
    handed = {"first": {"ts": 1, "client_id": "ann"}, "random": {"ts": 2, "client_id": "bob"}, "odd": 3}
    assert handed_to_others({"strategy": handed}, "ann") == {"random": handed["random"], "odd": 3}
    assert handed_to_others({}, "ann") == {}

"""What is kept up to date image by image is what would be made anew."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.activelearning import NEED_SCORES, Score, order, standing
from lib.activelearning.order import ORDERS, Candidates
from lib.activelearning.ranking import Ranking
from lib.activelearning.scores import Scores
from lib.activelearning.standing import SEEN, Standing
from lib.activelearning.worklist import WORKING_S, Part, Worklist
from lib.changes import ChangeLog

NOW = 1_700_000_000.0


class Studies:
    """A datastore as far as a worklist knows it: images with whether they are labelled and what is noted."""

    def __init__(self, count=0, kept=10_000):
        self.told = {f"image {number:03d}": (False, {}) for number in range(count)}
        self.log = ChangeLog(kept)

    def put(self, image, labelled, notes):
        self.told[image] = (labelled, notes)
        self.log.add([image])

    def remove(self, image):
        self.told.pop(image, None)
        self.log.add([image])

    def hand_out(self, image, when=NOW):
        self.put(image, self.told[image][0], {**self.told[image][1], "strategy": {"random": {"ts": when}}})

    def labelling(self, mark):
        now, changed = self.log.since(mark)
        images = self.told.keys() if changed is None else changed
        return now, changed is None, {image: self.told.get(image) for image in images}


def parts(worklist):
    return {image: worklist.part(image) for image in worklist.images()}


def state(worklist):
    return (
        *(parts(worklist), worklist.total, worklist.free, worklist.busy, worklist.deferred, worklist.rejected),
        *(worklist.end(), [worklist.count(part) for part in Part]),
    )


def anew(studies, now):
    worklist = Worklist()
    fresh = Studies()
    fresh.told = studies.told
    worklist.update(fresh, now)
    return worklist


IMAGES = st.sampled_from([f"image {number:03d}" for number in range(6)])
TIMES = st.sampled_from([0, -10, -WORKING_S - 5, 1000, 3700, 10_000, "x", None])
NOTES = st.one_of(
    st.just({}),
    TIMES.map(lambda ago: {"strategy": {"random": {"ts": NOW + ago if isinstance(ago, int) else ago}}}),
    st.sampled_from(["defer", "reject", "none", 3]).map(lambda verdict: {"decision": {"decision": verdict, "ts": 5}}),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), IMAGES, st.booleans(), NOTES),
        st.tuples(st.just("remove"), IMAGES, st.none(), st.none()),
        st.tuples(st.just("wait"), st.none(), st.none(), st.sampled_from([1, 60, WORKING_S, 10_000])),
    ),
    max_size=30,
)


@given(steps=STEPS, kept=st.sampled_from([3, 1000]))
def test_a_worklist_is_as_made_anew(steps, kept):
    studies, now = Studies(3, kept), NOW
    worklist = Worklist.of(studies, now)
    for step, image, labelled, value in steps:
        if step == "put":
            studies.put(image, labelled, value)
        elif step == "remove":
            studies.remove(image)
        else:
            now += value
        assert Worklist.of(studies, now) is worklist
        assert state(worklist) == state(anew(studies, now))


def test_a_worklist_looks_at_what_has_changed_alone(monkeypatch):
    studies = Studies(500)
    worklist = Worklist.of(studies, NOW)
    placed = []
    place = Worklist._place
    monkeypatch.setattr(
        Worklist, "_place", lambda self, image, *more: (placed.append(image), place(self, image, *more))
    )
    for number in range(3):
        studies.hand_out(f"image {number:03d}")
        Worklist.of(studies, NOW + number)
    assert placed == ["image 000", "image 001", "image 002"]
    Worklist.of(studies, NOW + WORKING_S + 10)
    assert worklist.count(Part.FREE) == 500
    assert sorted(placed[3:]) == placed[:3]


# --- standing --------------------------------------------------------------------------------------------------------


def made_scores(images, seed=0):
    rng, scores = np.random.default_rng(seed), Scores("m 1")
    for image in images:
        scores.put(image, Score(float(rng.uniform()), rng.normal(size=3).astype(np.float32), float(rng.uniform())))
    return scores


def expected(strategy, worklist, scores, seed, count):
    """Oracle: the order of all candidates, made anew."""
    free = [image for image, part in parts(worklist).items() if part is Part.FREE]
    if strategy in NEED_SCORES:
        free = [image for image in free if image in scores]
    seen = sorted(image for image, part in parts(worklist).items() if part in SEEN and image in scores)
    known = [scores.get(image, Score(0.0, np.zeros(3, np.float32))) for image in free]
    disputed = np.array([np.nan if score.disagreement is None else score.disagreement for score in known])
    candidates = Candidates(
        free,
        unsureness=np.array([score.unsureness for score in known]),
        features=np.array([score.features for score in known], dtype=np.float64).reshape(len(free), 3),
        labelled=np.array([scores[image].features for image in seen], dtype=np.float64),
        disagreement=disputed if np.isfinite(disputed).any() else None,
    )
    return [free[index] for index in ORDERS[strategy](candidates, seed, count)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["next", "next", "next", "label", "free", "reject", "score", "forget", "remove"]),
        st.integers(0, 29),
        st.sampled_from(list(ORDERS)),
    ),
    max_size=12,
)


@pytest.mark.parametrize("most", [2000, 8])
@given(events=EVENTS, seed=st.integers(0, 2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_handed_out_is_what_all_anew_would_say(most, events, seed, monkeypatch):
    """A covering is planned ahead, and the plan is given up when anything else has happened."""
    monkeypatch.setattr(order, "MOST", most)
    monkeypatch.setattr(standing, "MOST", most)
    studies = Studies(30)
    images = list(studies.told)
    scores = made_scores(images[:25])
    rng = np.random.default_rng(1)
    for image in images[:4]:
        studies.put(image, True, {})
    for event, number, strategy in events:
        image = images[number]
        worklist = Worklist.of(studies, NOW)
        if event == "next":
            used = scores if strategy in NEED_SCORES else None
            chosen = Standing.of(worklist, seed, used).first(strategy, 3)
            if most == 2000 or strategy not in ("hybrid", "diversity"):
                assert chosen == expected(strategy, worklist, scores, seed, 3)
            if chosen:
                studies.hand_out(chosen[0])
        elif image not in studies.told:
            continue
        elif event == "score":
            scores.put(image, Score(float(rng.uniform()), rng.normal(size=3).astype(np.float32)))
        elif event == "forget":
            scores.put(image, None)
        elif event == "remove":
            studies.remove(image)
        else:
            notes = {"reject": {"decision": {"decision": "reject"}}}.get(event, {})
            studies.put(image, event == "label", notes)


@pytest.mark.parametrize("strategy", ["hybrid", "diversity"])
def test_a_plan_saves_the_work_and_changes_nothing(strategy, monkeypatch):
    studies = Studies(60)
    scores, made = made_scores(studies.told), []
    original = ORDERS[strategy]
    monkeypatch.setitem(ORDERS, strategy, lambda *arguments: (made.append(1), original(*arguments))[1])
    for _ in range(20):
        worklist = Worklist.of(studies, NOW)
        (image,) = Standing.of(worklist, 0, scores).first(strategy, 1)
        assert image == expected(strategy, worklist, scores, 0, 1)[0]
        studies.hand_out(image)
    assert len(made) == 1 + 20  # one plan, and the oracle each time


@pytest.mark.parametrize("strategy", ["hybrid", "diversity"])
def test_of_many_candidates_a_part_stands_for_all(strategy, monkeypatch):
    monkeypatch.setattr(order, "MOST", 12)
    monkeypatch.setattr(standing, "MOST", 12)
    studies = Studies(60)
    scores = made_scores(studies.told)
    for image in list(studies.told)[:5]:
        studies.put(image, True, {})
    worklist = Worklist.of(studies, NOW)
    whole = expected(strategy, worklist, scores, 1, 55)
    assert Standing.of(worklist, 1, scores).first(strategy, 55) == whole
    shuffled = expected("random", worklist, scores, 1, 55)
    assert set(whole[:12]) == set(shuffled[:12])
    assert whole[:12] != shuffled[:12]
    assert whole[12:] == shuffled[12:]
    assert Standing.of(worklist, 2, scores).first(strategy, 12) != whole[:12]


@pytest.mark.parametrize("strategy", ["hybrid", "diversity"])
def test_when_the_part_is_handed_out_another_one_stands_for_all(strategy, monkeypatch):
    monkeypatch.setattr(order, "MOST", 5)
    monkeypatch.setattr(standing, "MOST", 5)
    studies = Studies(12)
    scores, handed = made_scores(studies.told), []
    for number in range(12):
        worklist = Worklist.of(studies, NOW)
        if number == 5:
            assert Standing.of(worklist, 0, scores).first(strategy, 4) == _of_part(strategy, worklist, scores, 4)
        (image,) = Standing.of(worklist, 0, scores).first(strategy, 1)
        studies.hand_out(image)
        handed.append(image)
    assert sorted(handed) == list(studies.told)


def _of_part(strategy, worklist, scores, count):
    """As :func:`expected`, of so many drawn as seen as stand for all."""
    drawn = Standing(worklist, 0, scores)._ranking("seen").first(5)
    kept = {image: scores[image] for image in scores if worklist.part(image) is Part.FREE or image in drawn}
    return expected(strategy, worklist, kept, 0, count)


def test_what_changes_costs_its_own_place_alone(monkeypatch):
    studies = Studies(800)
    scores, strategies = made_scores(studies.told), [name for name in ORDERS if name in NEED_SCORES]
    for name in strategies:
        Standing.of(Worklist.of(studies, NOW), 0, scores).first(name, 1)
    placed = []
    put = Ranking.put
    monkeypatch.setattr(Ranking, "put", lambda self, image, key: (placed.append(image), put(self, image, key)))
    monkeypatch.setattr(standing, "drawn", None)
    handed = []
    for name in strategies:
        (image,) = Standing.of(Worklist.of(studies, NOW), 0, scores).first(name, 1)
        studies.hand_out(image)
        handed.append(image)
    Standing.of(Worklist.of(studies, NOW), 0, scores)
    assert set(placed) == set(handed)
    assert len(placed) <= len(handed) * 10


def test_a_few_standings_are_kept():
    studies = Studies(5)
    for seed in range(30):
        Standing.of(Worklist.of(studies, NOW), seed)
    assert len(Worklist.of(studies, NOW).kept) == standing.MANY


def test_worklists_go_with_their_datastore():
    studies = Studies(2)
    worklist = Worklist.of(studies, time.time())
    assert Worklist.of(studies) is worklist
    assert Worklist.of(Studies(2)) is not worklist


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 3)))))
def test_a_ranking_is_sorted(puts):
    ranking, plain = Ranking(), {}
    for image, key in puts:
        ranking.put(image, key)
        plain[image] = key
    known = sorted((key, image) for image, key in plain.items() if key is not None)
    assert ranking.first() == [image for _, image in known]
    assert ranking.first(2) == ranking.first()[:2]
    assert ranking.below(2) == [image for key, image in known if key < 2]
    assert len(ranking) == len(known)
    again = Ranking()
    again.fill({image: key for key, image in known})
    assert again.first() == ranking.first()

"""Scores on disk: they survive a kill, and die with the version that they are of."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fastapi import HTTPException

from lib.activelearning import Score, ScoreFile
from lib.checkpoints import ModelFileError, with_trust
from lib.confidence import Trust
from tests.tiny import phantom_folder, save_untrained, tiny_config


@pytest.fixture
def studies(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 4)
    for image in studies.list_images()[:3]:
        studies.remove_label(image, "final")
    return studies


def made(tmp_path, studies):
    config = tiny_config(tmp_path / "model", input_size="64x64")
    save_untrained(config.published, config.card())
    task = config.infer_task()
    return config, config.scoring(task, studies.folder)


def test_round_trip(tmp_path):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    features = np.linspace(-1, 1, 7, dtype=np.float32)
    file.add(card, "Bild ö", Score(0.25, features))
    file.add(card, "other", Score(1.5, features, 0.01))
    found = ScoreFile(tmp_path, "m").scores(card)
    assert list(found) == ["Bild ö", "other"]
    assert (found["Bild ö"].unsureness, found["Bild ö"].disagreement) == (0.25, None)
    assert found["other"].disagreement == 0.01
    np.testing.assert_allclose(found["other"].features, features, atol=1e-3)


def test_an_infinite_feature_is_a_large_one(tmp_path):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    file.add(card, "a", Score(1.0, np.array([np.inf, -1e9, np.nan, 2.0], np.float32)))
    np.testing.assert_allclose(file.scores(card)["a"].features[[2, 3]], [0.0, 2.0])
    assert np.isfinite(ScoreFile(tmp_path, "m").scores(card)["a"].features).all()


def test_a_score_that_is_added_again_keeps_the_second_opinion(tmp_path):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    file.add(card, "a", Score(1.0, np.zeros(2, np.float32), 0.5))
    file.add(card, "a", Score(2.0, np.zeros(2, np.float32)))
    assert (file.scores(card)["a"].unsureness, file.scores(card)["a"].disagreement) == (2.0, 0.5)


def test_scores_die_with_their_version(tmp_path):
    card = tiny_config(tmp_path).card()
    other = card.model_copy(update={"version": "later"})
    file = ScoreFile(tmp_path, "m")
    file.add(card, "a", Score(1.0, np.zeros(2, np.float32)))
    assert file.scores(other) == {}
    file.add(other, "b", Score(2.0, np.zeros(2, np.float32)))
    assert list(file.scores(other)) == ["b"]
    assert list(file.scores(card)) == ["a"]  # another server may serve it
    assert (file.has_others(card), file.has_others(other)) == (True, True)


def test_scores_of_old_versions_go(tmp_path, monkeypatch):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    file.add(card, "a", Score(1.0, np.zeros(2, np.float32)))
    ScoreFile(tmp_path, "m.x").add(card, "a", Score(1.0, np.zeros(2, np.float32)))
    monkeypatch.setattr("lib.activelearning.scores.KEEP_S", -1)
    file.add(card.model_copy(update={"version": "later"}), "b", Score(2.0, np.zeros(2, np.float32)))
    assert file.scores(card) == {}
    assert not file.has_others(card.model_copy(update={"version": "later"}))
    assert list(ScoreFile(tmp_path, "m.x").scores(card)) == ["a"]  # another model's


def test_a_second_opinion_of_the_image_before_is_not_kept(tmp_path):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    file.add(card, "a", Score(1.0, np.zeros(2, np.float32), 0.5, "before"))
    file.add(card, "a", Score(2.0, np.zeros(2, np.float32), stamp="now"))
    assert (file.scores(card)["a"].disagreement, file.scores(card)["a"].stamp) == (None, "now")


def test_an_image_that_has_been_replaced_is_looked_at_again(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    assert len(list(scoring.run(studies, "cpu"))) == 4
    one, other, *_ = studies.list_images()
    before = scoring.scores(studies)
    shutil.copyfile(studies.get_image_uri(other), studies.get_image_uri(one))
    assert scoring.missing(studies) == [one]
    assert one not in scoring.scores(studies)
    assert list(scoring.run(studies, "cpu")) == [one]
    after = scoring.scores(studies)
    assert after[one].unsureness == pytest.approx(before[other].unsureness, rel=1e-4)
    assert after[other] is not None


def test_scores_of_another_process_come_in_without_reading_all_again(tmp_path, monkeypatch):
    card = tiny_config(tmp_path).card()
    file, other = ScoreFile(tmp_path, "m"), ScoreFile(tmp_path, "m")
    for image in ("a", "b"):
        other.add(card, image, Score(1.0, np.zeros(2, np.float32)))
    live = file.live(card)
    other.live(card)
    mark, _ = live.log.since(None)
    read = []
    parse = Score.of
    monkeypatch.setattr(Score, "of", lambda line: (read.append(line["image"]), parse(line))[1])
    other.add(card, "c", Score(2.0, np.zeros(2, np.float32)))
    assert file.live(card) is live
    assert (list(live), live["c"].unsureness, live.log.since(mark)[1]) == (["a", "b", "c"], 2.0, {"c"})
    assert read == ["c"]
    shutil.rmtree(file.folder)
    assert file.live(card) == {}


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_what_a_kill_has_cut_off_costs_one_score(tmp_path, cut):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    for image in ("a", "b"):
        file.add(card, image, Score(1.0, np.zeros(9, np.float32)))
    file.path(card).write_bytes(file.path(card).read_bytes()[:-cut])
    again = ScoreFile(tmp_path, "m")
    assert set(again.scores(card)) in ({"a"}, {"a", "b"})
    again.add(card, "c", Score(1.0, np.zeros(9, np.float32)))
    assert {"a", "c"} <= set(again.scores(card))


def test_damage_is_as_good_as_no_score(tmp_path):
    card = tiny_config(tmp_path).card()
    file = ScoreFile(tmp_path, "m")
    file.folder.mkdir()
    file.path(card).write_bytes(b"\xff\xfe nothing")
    assert file.scores(card) == {}
    file.add(card, "a", Score(1.0, np.zeros(2, np.float32)))
    assert list(ScoreFile(tmp_path, "m").scores(card)) == ["a"]


def test_each_image_is_looked_at_once_unlabelled_ones_first(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    images = studies.list_images()
    looked = list(scoring.run(studies, "cpu"))
    assert sorted(looked) == images
    assert looked[-1] == images[3]
    assert list(scoring.run(studies, "cpu")) == []
    progress = scoring.progress(studies)
    assert (progress.done, progress.total, progress.version) == (4, 4, "untrained-0")


def test_of_an_archive_a_fair_part(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    scoring.most = 2
    looked = list(scoring.run(studies, "cpu"))
    assert len(looked) == 3  # two unlabelled ones, and the one with a label
    assert looked[-1] == studies.list_images()[3]
    assert (scoring.progress(studies).done, scoring.progress(studies).total) == (3, 3)


def test_of_many_scores_a_part_is_looked_up_at_a_time_and_whatever_is_handed_out(tmp_path, studies, monkeypatch):
    _, scoring = made(tmp_path, studies)
    list(scoring.run(studies, "cpu"))
    monkeypatch.setattr("lib.activelearning.scoring.LOOKED_UP", 1)
    one, other, *_ = studies.list_images()
    shutil.copyfile(studies.get_image_uri(other), studies.get_image_uri(one))
    assert scoring.known(studies).drop_stale([other]) is False
    assert scoring.known(studies).drop_stale([one, other])
    assert one not in scoring.known(studies).scores
    list(scoring.run(studies, "cpu"))
    assert one in scoring.known(studies).scores
    shutil.copyfile(studies.get_image_uri(studies.list_images()[3]), studies.get_image_uri(one))
    for _ in range(6):  # each is looked up in turn
        known = scoring.known(studies)
    assert known.scores.keys() == set(studies.list_images()) - {one}


def test_it_goes_on_where_it_was_ended(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    left = iter([True, True, False])
    first = list(scoring.run(studies, "cpu", go_on=lambda: next(left)))
    assert len(first) == 2
    rest = list(scoring.run(studies, "cpu"))
    assert len(rest) == 2
    assert not set(first) & set(rest)


def test_two_at_once_do_the_work_once(tmp_path, studies):
    config, scoring = made(tmp_path, studies)
    second = config.scoring(config.infer_task(), studies.folder)
    running = scoring.run(studies, "cpu")
    next(running)
    assert list(second.run(studies, "cpu")) == []
    assert len(list(running)) == 3
    assert len(second.file.scores(config.infer_task().card())) == 4


def test_a_new_version_ends_it_and_begins_anew(tmp_path, studies):
    config, scoring = made(tmp_path, studies)
    running = scoring.run(studies, "cpu")
    next(running)
    save_untrained(config.published, config.card(), seed=1)
    assert list(running) == []
    assert len(list(scoring.run(studies, "cpu"))) == 4
    assert scoring.progress(studies).version == "untrained-1"
    assert not scoring.is_outdated()
    save_untrained(config.published, config.card(), seed=2)
    assert scoring.is_outdated()


def test_an_unreadable_image_is_left_out_and_counted(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    image = studies.list_images()[0]
    Path(studies.get_image_uri(image)).write_bytes(b"no picture")
    assert len(list(scoring.run(studies, "cpu"))) == 4
    progress = scoring.progress(studies)
    assert (progress.done, progress.unreadable, progress.total) == (3, 1, 4)
    Path(studies.get_image_uri(image)).write_bytes(Path(studies.get_image_uri(studies.list_images()[1])).read_bytes())
    assert list(scoring.run(studies, "cpu")) == [image]
    assert scoring.progress(studies).done == 4


def test_a_server_of_images_that_is_away_is_no_fault_of_the_images(tmp_path, studies, monkeypatch):
    _, scoring = made(tmp_path, studies)
    there = studies.get_image_uri

    def away(image):
        raise HTTPException(503, "The PACS is away.")

    monkeypatch.setattr(studies, "get_image_uri", away)
    with pytest.raises(HTTPException):
        list(scoring.run(studies, "cpu"))
    assert scoring.progress(studies).unreadable == 0
    monkeypatch.setattr(studies, "get_image_uri", there)
    assert len(list(scoring.run(studies, "cpu"))) == 4


def test_second_opinion_of_another_view_then_of_the_version_before(tmp_path, studies):
    config, scoring = made(tmp_path, studies)
    list(scoring.run(studies, "cpu", disagreement=True))
    views = scoring.file.scores(scoring.task.card())
    unlabelled = studies.get_unlabeled_images()
    assert all(views[image].disagreement > 0 for image in unlabelled)
    other = save_untrained(tmp_path / "other.pt", config.card(), seed=1)
    config.versions.publish(other, "better")
    list(scoring.run(studies, "cpu", disagreement=True))
    versions = scoring.file.scores(scoring.task.card())
    one, two = (np.array([found[image].disagreement for image in unlabelled]) for found in (views, versions))
    assert np.abs(one - two).min() > 1e-6


def test_a_calibrated_version_is_no_second_opinion_of_itself(tmp_path, studies):
    config, scoring = made(tmp_path, studies)
    list(scoring.run(studies, "cpu", disagreement=True))
    views = scoring.file.scores(scoring.task.card())
    again = tmp_path / "again.pt"
    again.write_bytes(with_trust(config.published, Trust(note="another"), "calibrated"))
    config.versions.publish(again, "calibrated")
    list(scoring.run(studies, "cpu", disagreement=True))
    now = scoring.file.scores(scoring.task.card())
    for image in studies.get_unlabeled_images():
        assert now[image].disagreement == pytest.approx(views[image].disagreement, rel=1e-3)


def test_the_part_of_an_archive_stays_when_images_come(tmp_path, studies):
    _, scoring = made(tmp_path, studies)
    scoring.most = 20

    class Archive:
        def __init__(self, count):
            self.images = [f"image {number}" for number in range(count)]

        def list_images(self):
            return self.images

        get_unlabeled_images = list_images

        def stamps(self, images):
            return dict.fromkeys(images, "")

    before, after = (set(scoring.missing(Archive(count))) for count in (100, 101))
    assert len(before) == len(after) == 20
    assert len(before & after) >= 19


def test_without_weights_there_is_nothing_to_score(tmp_path, studies):
    config = tiny_config(tmp_path / "model")
    scoring = config.scoring(config.infer_task(), studies.folder)
    with pytest.raises(ModelFileError, match="has no weights yet"):
        list(scoring.run(studies, "cpu"))
    assert not scoring.is_outdated()

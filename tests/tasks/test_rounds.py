"""Three rounds of labelling and training on real cephalograms: nothing leaks, nothing worse is published."""

import itertools

import pytest

from lib.checkpoints import read_card
from lib.datasets.isbi2015 import read_isbi2015
from lib.evaluation.run_record import list_runs, read_run
from lib.trainers.split import SplitFile
from monailabel_app.cli.store import store_studies
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH, FAST, tiny_config

ROUNDS = (range(1, 13), range(13, 19), range(271, 296))
"""Films labelled in each round; of the last, 275, 283, 287, 293 and 295 are films of the first two again."""
AGAIN = {"275": "001", "287": "014", "293": "007", "295": "010"}
OPTIONS = {**FAST, "max_epochs": 12, "val_interval": 4, "train_batch_size": 4}

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def rounds(tmp_path_factory, real_data):
    """The model's folder, the studies, and after each round: its record, the split, and what is served."""
    folder = tmp_path_factory.mktemp("rounds")
    config = tiny_config(folder / "model", input_size="128x96")
    films = {int(study.name[-3:]): study for study in read_isbi2015(real_data / "isbi2015_ceph_half", "mean", 0.2)}
    seen = []
    for numbers in ROUNDS:
        chosen = [films[number] for number in numbers]
        assert store_studies(chosen, folder / "studies", CEPH) == (len(chosen), [])
        studies = StudiesFolder(folder / "studies", {"farnet_demo": CEPH})
        stats = config.train_task()(OPTIONS, studies)
        record = read_run(config.runs / stats["run"])
        seen.append((record, SplitFile(studies.folder).read(), config.published.read_bytes()))
    return config, studies, seen


def film(image):
    return image[-3:]


def test_no_image_is_ever_on_both_sides(rounds):
    sides = {}
    for record, split, _ in rounds[2]:
        for entry in record.data.split:
            sides.setdefault(entry.image, set()).add(entry.side)
            assert split.side(entry.image) == entry.side
    assert len(sides) == 43
    assert all(len(each) == 1 for each in sides.values())


def test_the_same_film_under_another_number_keeps_its_side(rounds):
    split = rounds[2][-1][1]
    by_film = {film(image): image for image in split.images}
    for copy, original in AGAIN.items():
        assert split.side(by_film[copy]) == split.side(by_film[original]), (copy, original)
        assert split.group(by_film[copy]) == split.group(by_film[original])


def test_cards_tell_the_same_story(rounds):
    config, _, seen = rounds
    for version in config.versions.list():
        card = read_card(version.path)
        assert not set(card.data.train) & set(card.data.held_out)
    hashes = {record.data.hash for record, _, _ in seen}
    assert len(hashes) == 3
    held = [{entry.image for entry in record.data.split if entry.side == "held_out"} for record, _, _ in seen]
    assert held[0] < held[2]
    assert held[0] <= held[1] <= held[2]


def test_each_round_was_judged_on_the_same_images_as_the_one_in_use(rounds):
    seen = rounds[2]
    assert seen[0][0].gate.served is None
    for (before, _, _), (record, _, _) in itertools.pairwise(seen):
        served = before.run if before.gate.publish else before.parent
        assert record.gate.served.version == served
        assert all(image.served is not None for image in record.gate.images)
        assert record.parent == served


def test_a_worse_run_is_refused_and_a_rollback_is_exact(rounds):
    config, studies, seen = rounds
    published = config.published.read_bytes()
    worse = {**OPTIONS, "max_epochs": 1, "learning_rate": 1e-6, "pretrained": False}
    stats = config.train_task()(worse, studies)
    assert stats["published"] is False
    assert stats["verdict"].startswith("Not published: on ")
    assert config.published.read_bytes() == published
    first = seen[0][0].run
    config.versions.rollback(first)
    assert config.published.read_bytes() == seen[0][2]
    assert read_card(config.published).version == first
    assert len(list_runs(config.runs)) == 4

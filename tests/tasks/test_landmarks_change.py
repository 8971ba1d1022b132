"""The landmark set changes between two trainings: what was learnt about the landmarks that stayed is kept."""

import shutil

import numpy as np
import pytest

from lib.checkpoints import read_card
from lib.configs import TaskConfig
from lib.landmarks import Landmark, Landmarks, LandmarkSet
from monailabel_app.datastores import StudiesFolder
from tests.tiny import CEPH, tiny_config

KEPT = CEPH.landmarks[:12]
NEW = [("Midpoint", "Mid"), ("Vertex", "V")]
SHORT = {"max_epochs": 1, "train_batch_size": 2, "learning_rate": 1e-9, "augment": False, "ema_decay": 0.0}


def changed_set() -> LandmarkSet:
    """Twelve of the nineteen, the other way round, and two more in front."""
    content = CEPH.model_dump(mode="json", exclude_none=True)
    added = [{"name": name, "abbreviation": short, "definition": f"{name}."} for name, short in NEW]
    kept = [landmark.model_dump(mode="json", exclude_none=True) for landmark in reversed(KEPT)]
    return LandmarkSet.parse({**content, "name": "changed", "landmarks": [*added, *kept], "lines": []}, source="test")


@pytest.fixture
def changed(tmp_path, trained, studies) -> tuple[TaskConfig, StudiesFolder]:
    """The model that knows the old landmarks, and labels of the new ones."""
    landmark_set = changed_set()
    folder = StudiesFolder(tmp_path / "studies", {"farnet_demo": landmark_set})
    for image in studies.list_images():
        old = {item.name: item for item in studies.landmarks(image)}
        place = np.mean([(old["Sella"].x, old["Sella"].y), (old["Nasion"].x, old["Nasion"].y)], axis=0)
        added = [Landmark(name, float(place[0]), float(place[1])) for name, _ in NEW]
        items = (*added, *(old[landmark.name] for landmark in reversed(KEPT)))
        folder.import_study(image, studies.get_image_uri(image), Landmarks(items), landmark_set)
    config = tiny_config(tmp_path / "model")
    config = TaskConfig(
        "farnet_demo", landmark_set, config.preset, config.model_dir, input_size=config.input_size, sigma=config.sigma
    )
    config.published.parent.mkdir(parents=True)
    shutil.copy(trained.published, config.published)
    return config, folder


def test_landmarks_that_stayed_keep_what_was_learnt(changed, trained):
    config, folder = changed
    before = read_card(trained.published).metrics["val_mre_px"]
    stats = config.train_task()(SHORT, folder)
    card = read_card(next((config.runs / stats["run"]).glob("best.pt")))
    assert card.parent == read_card(trained.published).version
    assert card.landmark_set.names == tuple([name for name, _ in NEW] + [item.name for item in reversed(KEPT)])
    from lib.checkpoints import read_held_out

    errors = read_held_out(config.runs / stats["run"] / "best.pt")
    table = np.array(errors.px, dtype=float)
    assert table[:, 2:].mean() < 2.5 * before  # after one epoch at no learning rate to speak of
    assert table[:, :2].mean() < 4 * before  # maps tell nothing of these yet, but the shape of the labels does


def test_the_comparison_is_on_the_landmarks_that_both_find(changed):
    config, folder = changed
    stats = config.train_task()(SHORT, folder)
    assert "its landmarks are" in stats["verdict"]
    assert "for the 12 of 14 landmarks that it knows" in (config.runs / stats["run"] / "run.json").read_text()
    again = config.train_task()({**SHORT, "pretrained": False}, folder)
    assert again["verdict"].startswith("Not published")


def test_nothing_in_common(tmp_path, trained, studies):
    from tests.tiny import save_untrained

    config = tiny_config(tmp_path, input_size="64x64")
    save_untrained(config.published, tiny_config(tmp_path, landmarks="hand_37").card())
    stats = config.train_task()({**SHORT, "learning_rate": 1e-3}, studies)
    assert stats["verdict"] == "Published: there was no model in use to compare with."
    assert read_card(config.published).parent is None

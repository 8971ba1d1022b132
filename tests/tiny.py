"""Models and studies so small that real training takes seconds: for the tests of tasks, server and command line."""

from pathlib import Path

import numpy as np
import torch

from lib.checkpoints import ModelCard, build_network, save_model
from lib.configs import TaskConfig, choose_models
from lib.datasets.phantoms import phantom_studies
from lib.landmarks import Landmarks, LandmarkSet
from lib.trainers.split import SplitFile
from monailabel_app.cli.store import store_studies
from monailabel_app.datastores import StudiesFolder

KIND = "cephalometric_19"
CEPH = LandmarkSet.load(KIND)
FILE_SIZE = (160, 128)
CONF = {"models": "farnet_demo", "input_size": "128x96", "sigma": "3"}
FAST = {"max_epochs": 30, "train_batch_size": 2, "val_batch_size": 4, "val_interval": 10, "augment": False}


def tiny_config(model_dir: Path, **conf: str) -> TaskConfig:
    """``farnet_demo`` with an input of 128 x 96 or what ``conf`` says."""
    return choose_models({**CONF, **conf}, model_dir)["farnet_demo"]


def phantom_folder(folder: Path, count: int, seed: int = 100) -> StudiesFolder:
    """``count`` labelled phantom cephalograms."""
    count_stored, refused = store_studies(phantom_studies(KIND, count, seed, FILE_SIZE), folder, CEPH)
    assert (count_stored, refused) == (count, [])
    return StudiesFolder(folder, {"farnet_demo": CEPH})


def unseen(studies: StudiesFolder) -> list[str]:
    """The images that trainings on these studies hold out."""
    split = SplitFile(studies.folder).read()
    return sorted(image for image in split.images if split.side(image) == "held_out")


def save_untrained(path: Path, card: ModelCard, seed: int = 0) -> Path:
    """A model file whose network has learnt nothing yet."""
    torch.manual_seed(seed)
    save_model(path, build_network(card).state_dict(), card.model_copy(update={"version": f"untrained-{seed}"}))
    return path


def mean_error(found: Landmarks, truth: Landmarks) -> float:
    """Mean distance in pixels of the file."""
    assert found.names == truth.names
    return float(np.linalg.norm(found.points() - truth.points(), axis=1).mean())

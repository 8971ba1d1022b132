"""Who predicts for ``evaluate``: a model by name, a model file, or predictions that lie in a folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lib.checkpoints import ModelCard, read_card
from lib.configs import MODELS
from lib.formats import read_predictions
from lib.infers import LandmarkInferTask
from lib.landmarks import Landmarks, LandmarkSet
from monailabel_app.cli.common import UsageError, chosen_model
from monailabel_app.cli.truth import Labelled


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """What predicts.

    Args:
        name: for people.
        version: of the weights; empty where nobody knows.
        predict: the landmarks of an image; None where there are none of it.
        card: of a model; None for a folder.
        folder: of predictions, where they lie in one.
    """

    name: str
    version: str
    predict: Callable[[Labelled], Landmarks | None]
    card: ModelCard | None = None
    folder: Path | None = None


def chosen_predictor(options: argparse.Namespace, landmark_set: LandmarkSet) -> Predictor:
    """What ``--model``, ``--weights`` or ``--predictions`` say.

    Raises:
        UsageError: the model is of another landmark set.
        ModelFileError: there are no usable weights.
        LabelError: predictions that cannot be read.
    """
    if options.predictions:
        return folders_predictor([Path(folder) for folder in options.predictions], landmark_set)
    if options.weights is not None:
        return _of_file(options.weights, landmark_set, options.device)
    return _of_model(options.model, landmark_set, options)


def compared(what: str, landmark_set: LandmarkSet, options: argparse.Namespace) -> Predictor:
    """What ``--compare`` names: a model, a model file, or a folder of predictions or of an earlier evaluation.

    Raises:
        UsageError: none of these, or a model of another landmark set.
    """
    if what in MODELS:
        return _of_model(what, landmark_set, options)
    if Path(what).is_dir():
        return folders_predictor([Path(what)], landmark_set)
    if Path(what).is_file():
        return _of_file(Path(what), landmark_set, options.device)
    raise UsageError(f"'--compare {what}' is no model, model file or folder of predictions.")


def task_predictor(task: LandmarkInferTask, device: str) -> Predictor:
    """A model predicts."""
    card = task.card()
    return Predictor(task.name, card.version, lambda item: task.predict(item.path, device).landmarks, card)


def _of_model(name: str, landmark_set: LandmarkSet, options: argparse.Namespace) -> Predictor:
    config = chosen_model(argparse.Namespace(**{**vars(options), "model": name}))
    if config.landmark_set.names != landmark_set.names:
        raise UsageError(f"model '{config.name}' finds '{config.landmark_set.name}', not '{landmark_set.name}'.")
    return task_predictor(config.infer_task(), options.device)


def _of_file(path: Path, landmark_set: LandmarkSet, device: str) -> Predictor:
    return task_predictor(LandmarkInferTask(read_card(path).model, [str(path)], landmark_set), device)


def folders_predictor(folders: list[Path], landmark_set: LandmarkSet) -> Predictor:
    """Predictions that lie in folders, which together are one.

    Raises:
        UsageError: two have the same image.
        LabelError: they cannot be read.
    """
    found: dict[str, Landmarks] = {}
    for folder in folders:
        of_folder = read_predictions(folder, landmark_set.names)
        if twice := sorted(found.keys() & of_folder.keys()):
            raise UsageError(f"'{twice[0]}' is predicted in {folder} and in another of the folders.")
        found |= of_folder
    name = " + ".join(folder.name or str(folder) for folder in folders)
    return Predictor(name, "", lambda item: _by_name(found, item), folder=folders[0] if len(folders) == 1 else None)


def named_apart(one: Predictor, other: Predictor) -> tuple[Predictor, Predictor]:
    """Two folders of one name, as ``reproduce`` makes them, are called after those above them that differ."""
    if one.name != other.name or one.folder is None or other.folder is None:
        return one, other
    upwards = zip(reversed(one.folder.resolve().parts), reversed(other.folder.resolve().parts), strict=False)
    names = next((pair for pair in upwards if pair[0] != pair[1]), None)
    return (one, other) if names is None else (replace(one, name=names[0]), replace(other, name=names[1]))


def _by_name(found: Mapping[str, Landmarks], item: Labelled) -> Landmarks | None:
    """By the image's id, or by its file's name, see :class:`~monailabel_app.cli.truth.Labelled`."""
    return next((found[name] for name in item.names if name in found), None)

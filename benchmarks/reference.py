"""The released implementation, from a checkout of its repository, to be run beside ours; nothing of it is kept here.

Its repository (github.com/JuvenileInWind/FARNet) has no licence: whoever wants the comparison clones it and gives the
path. Its code runs as it stands there; what is changed from outside is named in :func:`load_reference`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

MODULES = ("config", "utils", "model", "data", "train")
NEEDED = ("model.py", "config.py", "data.py", "train.py", "utils.py")


class NoReferenceError(ValueError):
    """No checkout of the released implementation; one sentence."""


def load_reference(path: Path, *names: str) -> list[ModuleType]:
    """Modules of the released implementation.

    Two things are arranged for: DenseNet-121 is built without its ImageNet weights, which nobody needs to compare
    speeds and which would be downloaded; and where torchvision's compiled part does not match the installed torch, the
    operators that its Python part asks for are declared, none of which a DenseNet calls.

    Args:
        path: a checkout of its repository.
        names: of :data:`MODULES`.

    Raises:
        NoReferenceError: there is no such checkout.
    """
    missing = [name for name in NEEDED if not (path / name).is_file()]
    if missing:
        raise NoReferenceError(f"{path} is no checkout of the released FARNet: it has no {missing[0]}.")
    models = _torchvision_models()
    with _found_first(path), _without_download(models):
        return [importlib.import_module(name) for name in names]


def reference_network(path: Path) -> nn.Module:
    """The released network with random weights, in evaluation mode."""
    (model,) = load_reference(path, "model")
    with _without_download(_torchvision_models()):
        network: nn.Module = model.Farnet()
    return network.eval()


def _torchvision_models() -> Any:
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        declared = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(declared)  # it ends with the object
        return importlib.import_module("torchvision.models")


_KEPT: list[Any] = []


@contextmanager
def _found_first(path: Path) -> Iterator[None]:
    sys.path.insert(0, str(path))
    try:
        yield
    finally:
        sys.path.remove(str(path))


@contextmanager
def _without_download(models: Any) -> Iterator[None]:
    published = models.densenet121
    models.densenet121 = lambda pretrained=False: partial(published, weights=None)()  # noqa: ARG005
    try:
        yield
    finally:
        models.densenet121 = published

"""ImageNet weights for an encoder, from a local file or from where MONAI downloads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torch.hub import load_state_dict_from_url

from lib.networks.encoders import ENCODERS, Encoder

DOWNLOAD = "download"


class WeightsError(ValueError):
    """Pretrained weights that cannot be had or do not fit; one sentence that says what to do."""


def load_imagenet_weights(encoder: Encoder, source: str | Path) -> None:
    """Fill an encoder with ImageNet weights. Nothing is fetched unless ``source`` asks for it.

    Args:
        encoder: the encoder to fill, in place.
        source: the path of a published weights file (a state dict, as torchvision, Cadene or EfficientNet-PyTorch
            publish it), or ``"download"``.

    Raises:
        WeightsError: no such file, not a state dict, weights of another encoder, or no connection.
    """
    spec = ENCODERS[encoder.name]
    if spec.url is None:
        raise WeightsError(f"There are no ImageNet weights for encoder '{encoder.name}': train it from scratch.")
    published = _download(encoder.name, spec.url) if str(source) == DOWNLOAD else _read(Path(source))
    weights = translate(encoder, published)
    wanted = encoder.state_dict()
    misfits = [
        key
        for key, value in wanted.items()
        if not key.endswith("num_batches_tracked") and (key not in weights or weights[key].shape != value.shape)
    ]
    if misfits:
        raise WeightsError(
            f"{source} does not hold the weights of encoder '{encoder.name}': {len(misfits)} of {len(wanted)} are "
            f"missing or of another shape, the first is '{misfits[0]}'."
        )
    encoder.load_state_dict({**wanted, **{key: weights[key] for key in wanted if key in weights}})


def translate(encoder: Encoder, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename published keys to the encoder's own; what belongs to the classifier is dropped."""
    translated: dict[str, Tensor] = {}
    wanted = encoder.state_dict()
    by_flat_name = {_without_stack(key): key for key in wanted}
    for key, value in published.items():
        name = key
        for pattern, replacement in ENCODERS[encoder.name].renaming:
            name = re.sub(pattern, replacement, name)
        if name in by_flat_name:
            name = by_flat_name[name]
        else:
            for old, new in encoder.origin.items():
                if name.startswith(old):
                    name = new + name.removeprefix(old)
                    break
        if name in wanted:
            # squeeze-and-excitation is published as 1x1 convolutions and lives here as linear layers
            translated[name] = value.reshape(wanted[name].shape) if value.numel() == wanted[name].numel() else value
    return translated


def _without_stack(key: str) -> str:
    """EfficientNet's blocks are published as one list; MONAI groups them: ``_blocks.9.x`` is ``_blocks.4.9.x``."""
    return re.sub(r"^stages\.\d+\.__?blocks_\d+\.(\d+\.)", r"_blocks.\1", key)


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"No weights file at {path}: give the path of a downloaded file, or train from scratch.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{path} is not a weights file that torch can read: {type(error).__name__}.") from error
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} does not hold a state dict of tensors.")
    return content


def _download(name: str, url: str) -> Mapping[str, Tensor]:
    try:
        weights: Mapping[str, Tensor] = load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"ImageNet weights of '{name}' could not be downloaded from {url} ({error}): download that file elsewhere "
            "and give its path, or train from scratch."
        ) from error
    return weights

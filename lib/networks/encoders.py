"""Encoders of FARNet: one table row each, built from the classification networks that MONAI carries.

An encoder is cut into five stages, each halving the image: stage *i* gives the features of level *i* (1/2, 1/4, 1/8,
1/16 and 1/32 of the input). What lies behind the last stage, the classifier, is left out, so that every parameter of
an encoder gets a gradient.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from monai.networks.nets import (
    DenseNet,
    EfficientNetBN,
    ResNet,
    SENet154,
    SEResNet50,
    SEResNet101,
    SEResNet152,
    SEResNext50,
    SEResNext101,
)
from monai.networks.nets.efficientnet import url_map as EFFICIENTNET_URLS  # noqa: N812 - it is a constant
from monai.networks.nets.senet import SE_NET_MODELS
from torch import Tensor, nn

Stages = tuple[Mapping[str, nn.Module], ...]
"""Five stages; each maps the name that a module has in the classification network to the module."""

Renaming = tuple[tuple[str, str], ...]
"""Regular expressions and replacements from the keys of the published weights to those of MONAI's network."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What FARNet knows of an encoder.

    Args:
        family: its classification network, for people.
        build: makes the five stages, untrained.
        channels: channels at levels 1 to 5.
        decoder_width: width of aggregation and refinement, 1.0 as in the paper.
        url: published ImageNet weights, or None where there are none.
        renaming: see :data:`Renaming`.
    """

    family: str
    build: Callable[[], Stages]
    channels: tuple[int, int, int, int, int]
    decoder_width: float = 1.0
    url: str | None = None
    renaming: Renaming = ()


class Encoder(nn.Module):
    """A five-stage feature extractor.

    Args:
        name: a key of :data:`ENCODERS`.

    Shape:
        - input: (B, 3, H, W), H and W multiples of 32.
        - output: five maps (B, C_i, H / 2**i, W / 2**i), ``C`` = :attr:`channels`.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in ENCODERS:
            raise ValueError(f"Unknown encoder '{name}': choose one of {', '.join(ENCODERS)}.")
        self.name = name
        self.channels = ENCODERS[name].channels
        stages = ENCODERS[name].build()
        self.stages = nn.ModuleList(
            nn.Sequential(OrderedDict((key.replace(".", "_"), module) for key, module in stage.items()))
            for stage in stages
        )
        # prefix of a module in the classification network -> its prefix here; for loading published weights
        self.origin = {
            f"{key}.": f"stages.{index}.{key.replace('.', '_')}." for index, stage in enumerate(stages) for key in stage
        }

    def forward(self, image: Tensor) -> list[Tensor]:
        """The features of levels 1 to 5."""
        features = []
        for stage in self.stages:
            image = stage(image)
            features.append(image)
        return features


def _densenet(init_features: int, growth_rate: int, block_config: tuple[int, ...], bn_size: int = 4) -> Stages:
    """Level 1 ends before the first normalisation, level 5 after the last, without ReLU: as in the released network."""
    part = DenseNet(2, 3, 1, init_features, growth_rate, block_config, bn_size).features

    def take(*names: str) -> dict[str, nn.Module]:
        return {f"features.{name}": part.get_submodule(name) for name in names}

    return (
        take("conv0"),
        take("norm0", "relu0", "pool0", "denseblock1"),
        take("transition1", "denseblock2"),
        take("transition2", "denseblock3"),
        take("transition3", "denseblock4", "norm5"),
    )


def _senet(network: Callable[..., Any]) -> Stages:
    whole = network(spatial_dims=2, in_channels=3, num_classes=1)
    stem: dict[str, nn.Module] = {f"layer0.{name}": module for name, module in whole.layer0.named_children()}
    pool = stem.pop("layer0.pool")
    return (
        stem,
        {"layer0.pool": pool, "layer1": whole.layer1},
        {"layer2": whole.layer2},
        {"layer3": whole.layer3},
        {"layer4": whole.layer4},
    )


def _resnet(layers: list[int]) -> Stages:
    """With torchvision's strides, its names and no bias in the shortcuts."""
    whole = ResNet(
        "bottleneck", layers, [64, 128, 256, 512], 2, 3, conv1_t_stride=2, feed_forward=False, bias_downsample=False
    )
    return (
        {"conv1": whole.conv1, "bn1": whole.bn1, "act": whole.act},
        {"maxpool": whole.maxpool, "layer1": whole.layer1},
        {"layer2": whole.layer2},
        {"layer3": whole.layer3},
        {"layer4": whole.layer4},
    )


def _efficientnet(name: str) -> Stages:
    whole = EfficientNetBN(name, pretrained=False, spatial_dims=2, in_channels=3, num_classes=1)
    blocks: dict[str, nn.Module] = {f"_blocks.{index}": block for index, block in whole._blocks.named_children()}
    stem = {
        "_conv_stem_padding": whole._conv_stem_padding,
        "_conv_stem": whole._conv_stem,
        "_bn0": whole._bn0,
        "_swish": whole._swish,
    }

    def take(*indices: int) -> dict[str, nn.Module]:
        return {f"_blocks.{index}": blocks[f"_blocks.{index}"] for index in indices}

    return (stem | take(0), take(1), take(2), take(3, 4), take(5, 6))


_DENSENET_KEYS: Renaming = (
    (r"^(features\..*denselayer\d+)\.(norm|relu|conv)\.?([12])\.", r"\1.layers.\2\3."),
    (r"^classifier\..*", ""),
)
# MONAI's own loader matches block numbers of one digit only and so leaves most of a deep layer3 untrained; these do not
_SENET_KEYS: Renaming = (
    (r"^(layer[1-4]\.\d+)\.conv(\d)\.", r"\1.conv\2.conv."),
    (r"^(layer[1-4]\.\d+)\.bn(\d)\.", r"\1.conv\2.adn.N."),
    (r"^(layer[1-4]\.\d+)\.se_module\.fc1\.", r"\1.se_layer.fc.0."),
    (r"^(layer[1-4]\.\d+)\.se_module\.fc2\.", r"\1.se_layer.fc.2."),
    (r"^(layer[1-4]\.\d+)\.downsample\.0\.", r"\1.project.conv."),
    (r"^(layer[1-4]\.\d+)\.downsample\.1\.", r"\1.project.adn.N."),
    (r"^last_linear\..*", ""),
)
_DENSENET_URL = "https://download.pytorch.org/models/densenet"  # MONAI keeps these inside a function
_RESNET_URL = "https://download.pytorch.org/models/resnet"  # torchvision's IMAGENET1K_V1; MONAI has its own in 3D only
_RESNET_WIDTHS = (64, 256, 512, 1024, 2048)

ENCODERS: dict[str, EncoderSpec] = {
    "densenet121": EncoderSpec(
        "DenseNet-121",
        partial(_densenet, 64, 32, (6, 12, 24, 16)),
        (64, 256, 512, 1024, 1024),
        url=f"{_DENSENET_URL}121-a639ec97.pth",
        renaming=_DENSENET_KEYS,
    ),
    "densenet169": EncoderSpec(
        "DenseNet-169",
        partial(_densenet, 64, 32, (6, 12, 32, 32)),
        (64, 256, 512, 1280, 1664),
        url=f"{_DENSENET_URL}169-b2777c0a.pth",
        renaming=_DENSENET_KEYS,
    ),
    "densenet201": EncoderSpec(
        "DenseNet-201",
        partial(_densenet, 64, 32, (6, 12, 48, 32)),
        (64, 256, 512, 1792, 1920),
        url=f"{_DENSENET_URL}201-c1103571.pth",
        renaming=_DENSENET_KEYS,
    ),
    **{
        f"resnet{depth}": EncoderSpec(
            f"ResNet-{depth}", partial(_resnet, layers), _RESNET_WIDTHS, url=f"{_RESNET_URL}{depth}-{digest}.pth"
        )
        for depth, layers, digest in (
            (50, [3, 4, 6, 3], "0676ba61"),
            (101, [3, 4, 23, 3], "63fe2227"),
            (152, [3, 8, 36, 3], "394f9c45"),
        )
    },
    **{
        name: EncoderSpec(title, partial(_senet, network), channels, url=SE_NET_MODELS[key], renaming=_SENET_KEYS)
        for name, title, network, channels, key in (
            ("se_resnet50", "SE-ResNet-50", SEResNet50, _RESNET_WIDTHS, "se_resnet50"),
            ("se_resnet101", "SE-ResNet-101", SEResNet101, _RESNET_WIDTHS, "se_resnet101"),
            ("se_resnet152", "SE-ResNet-152", SEResNet152, _RESNET_WIDTHS, "se_resnet152"),
            ("se_resnext50", "SE-ResNeXt-50 32x4d", SEResNext50, _RESNET_WIDTHS, "se_resnext50_32x4d"),
            ("se_resnext101", "SE-ResNeXt-101 32x4d", SEResNext101, _RESNET_WIDTHS, "se_resnext101_32x4d"),
            ("senet154", "SENet-154", SENet154, (128, 256, 512, 1024, 2048), "senet154"),
        )
    },
    **{
        name.replace("-", "_"): EncoderSpec(
            f"EfficientNet-{name[-2:].upper()}",
            partial(_efficientnet, name),
            channels,
            url=EFFICIENTNET_URLS[name],
            renaming=((r"^(?:_conv_head|_bn1|_fc)\..*", ""),),
        )
        for name, channels in (
            ("efficientnet-b0", (16, 24, 40, 112, 320)),
            ("efficientnet-b1", (16, 24, 40, 112, 320)),
            ("efficientnet-b2", (16, 24, 48, 120, 352)),
            ("efficientnet-b3", (24, 32, 48, 136, 384)),
            ("efficientnet-b4", (24, 32, 56, 160, 448)),
            ("efficientnet-b5", (24, 40, 64, 176, 512)),
        )
    },
    # for demos, tests and laptops: no published weights, under 1.5 M parameters with its decoder
    "lite": EncoderSpec(
        "narrow DenseNet", partial(_densenet, 16, 12, (3, 6, 8, 6), 2), (16, 52, 98, 145, 144), decoder_width=0.125
    ),
}


def imagenet_statistics() -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of ImageNet for RGB in 0..1, each (1, 3, 1, 1)."""
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    return mean, std

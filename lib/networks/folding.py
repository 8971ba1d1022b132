"""Batch normalisation made part of the convolution before it: exact where it uses what training has stored."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(layers: nn.Sequential) -> nn.Sequential:
    """The same layers, each batch normalisation right behind a convolution made part of it."""
    result: dict[str, nn.Module] = {}
    previous = ""
    for name, layer in layers.named_children():
        before = result.get(previous)
        if type(layer) is nn.BatchNorm2d and type(before) is nn.Conv2d:
            result[previous] = fuse_conv_bn_eval(before, layer)
        else:
            result[name] = layer
            previous = name
    made = nn.Sequential()
    for name, layer in result.items():
        made.add_module(name, layer)
    return made


def folds(block: nn.Module) -> bool:
    """Whether it normalises by what training has stored, not by the image's own statistics."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    return bool(norms) and all(type(norm) is nn.BatchNorm2d for norm in norms)

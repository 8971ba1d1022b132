"""Batch normalisation as the released code has it at test time: each image by its own statistics."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ImageBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that, in evaluation, normalises each image by its own mean and variance.

    The released code never calls ``eval()`` and predicts one image at a time, so that its batch statistics are the
    image's. The result is the same here, but the stored statistics stay as training has left them, and images in a
    batch do not see each other.

    Shape:
        - input, output: (B, C, H, W).
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise; in training as its base does."""
        if self.training:
            return super().forward(features)
        return functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=self.eps)


def use_image_statistics(network: nn.Module) -> None:
    """Make every batch normalisation of a network an :class:`ImageBatchNorm2d`; its state dict keeps its keys."""
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d:
            made = ImageBatchNorm2d(module.num_features, module.eps, module.momentum)
            made.load_state_dict(module.state_dict())
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, made)

"""Twice the size, bilinear."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def upsample(features: Tensor) -> Tensor:
    """Twice the size, bilinear, pixel areas kept aligned: (B, C, H, W) to (B, C, 2H, 2W).

    Under mixed precision 16 bits stay 16 bits: torch's autocast would have a GPU make float32 of them, and of all that
    is put beside them, before the next convolution makes 16 bits of it again.
    """
    if features.dtype in (torch.bfloat16, torch.float16) and torch.is_autocast_enabled(features.device.type):
        twice: Tensor = _Twice.apply(features)  # type: ignore[no-untyped-call]
        return twice
    return _interpolated(features)


def _interpolated(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


class _Twice(torch.autograd.Function):
    """Each result is rounded once; gradients, which are sums of sixteen, are added in float32."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.size = features.shape
        with torch.autocast(features.device.type, enabled=False):
            return _interpolated(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        made: Tensor = torch.ops.aten.upsample_bilinear2d_backward(
            gradient.float(), list(gradient.shape[-2:]), list(ctx.size), False, None, None
        )
        return made.to(gradient.dtype)

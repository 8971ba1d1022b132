"""FARNet: encoder, multi-scale aggregation, refinement."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lib.networks.baselines import AGGREGATIONS
from lib.networks.encoders import ENCODERS, Encoder, imagenet_statistics
from lib.networks.heads import LinearHead, Refinement
from lib.networks.rewrite import rewrite
from lib.networks.statistics import use_image_statistics
from lib.networks.upsampling import upsample

INPUT_MULTIPLE = 32
"""The encoder halves the image five times."""


class FARNet(nn.Module):
    """Feature aggregation and refinement network for landmarks on radiographs.

    Ao and Wu, "Feature Aggregation and Refinement Network for 2D Anatomical Landmark Detection", J Digit Imaging 36
    (2023), doi 10.1007/s10278-022-00718-4. It draws one heat map a landmark, at half resolution from the aggregated
    features (coarse) and at full resolution after the refinement (fine); both are trained. Layers follow the released
    code where the paper is silent, the paper's figure where they differ (3x3 image stem), and leave out the weights
    that the released code builds but never uses.

    Args:
        encoder: a key of :data:`~lib.networks.encoders.ENCODERS`.
        num_landmarks: heat maps to draw.
        width: width of aggregation and refinement; None takes the encoder's own, 1.0 is the paper's.
        image_kernel: kernel of the image stem, 3 (figure) or 1 (released code).
        aggregation: a key of :data:`~lib.networks.baselines.AGGREGATIONS`.
        refinement: without it, the fine maps are the coarse ones up-sampled, and there is nothing else to train.
        white: what 1 is multiplied by before ImageNet's statistics are applied, 255 as in the released code, where its
            inputs reach 1100.
        image_statistics: in evaluation, batch normalisation uses each image's own statistics as in the released code,
            see :class:`~lib.networks.statistics.ImageBatchNorm2d`.

    Shape:
        - input: (B, 1, H, W) or (B, 3, H, W) grey values from 0 to 1, H and W multiples of 32. ImageNet's statistics
        are applied inside.
        - output: in training ``(fine, coarse)`` of (B, N, H, W) and (B, N, H / 2, W / 2); in evaluation ``fine`` alone.

    Raises:
        ValueError: an unknown encoder or aggregation, no landmark, or an image of another size; the message gives the
        nearest good one.

    Example:
        >>> import torch
        >>> network = FARNet(encoder="lite", num_landmarks=19)
        >>> fine, coarse = network(torch.rand(1, 1, 64, 96))
        >>> tuple(fine.shape), tuple(coarse.shape)
        ((1, 19, 64, 96), (1, 19, 32, 48))
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: str = "densenet121",
        num_landmarks: int = 19,
        *,
        width: float | None = None,
        image_kernel: int = 3,
        aggregation: str = "msfa",
        refinement: bool = True,
        white: float = 1.0,
        image_statistics: bool = False,
    ) -> None:
        super().__init__()
        if num_landmarks < 1:
            raise ValueError(f"FARNet needs at least one landmark, got {num_landmarks}.")
        if aggregation not in AGGREGATIONS:
            raise ValueError(f"Unknown aggregation '{aggregation}': choose one of {', '.join(AGGREGATIONS)}.")
        self.encoder = Encoder(encoder)
        self.num_landmarks = num_landmarks
        width = ENCODERS[encoder].decoder_width if width is None else width
        self.aggregation = AGGREGATIONS[aggregation](self.encoder.channels, width)
        features = self.aggregation.out_channels
        self.coarse_head: nn.Module = LinearHead(features, num_landmarks)
        self.refinement: nn.Module | None = (
            Refinement(features, num_landmarks, width, image_kernel) if refinement else None
        )
        mean, std = imagenet_statistics()
        self.register_buffer("mean", mean / white, persistent=False)
        self.register_buffer("std", std / white, persistent=False)
        if image_statistics:
            use_image_statistics(self)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Draw the heat maps; shapes stand in the class."""
        fine, coarse, _ = self.details(image)
        return (fine, coarse) if self.training else fine

    def details(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`forward` draws, and what it is drawn from.

        Returns:
            fine (B, N, H, W) and coarse (B, N, H / 2, W / 2) heat maps, and features (B, C): the mean over the image of
            what the encoder's deepest level sees, by which images can be told alike or not.
        """
        check_input_size(image.shape[-2], image.shape[-1])
        image = (image - self.mean.to(image.dtype)) / self.std.to(image.dtype)  # one channel becomes three here
        levels = self.encoder(image)
        seen = levels[-1].mean(dim=(-2, -1))
        aggregated = self.aggregation(levels)
        del levels  # what is not needed any more makes room for the fine maps
        coarse: Tensor = self.coarse_head(aggregated)
        fine = upsample(coarse) if self.refinement is None else self.refinement(image, aggregated, coarse)
        return fine, coarse, seen

    def fused(self) -> FARNet:
        """A copy for inference with less arithmetic, see :func:`~lib.networks.rewrite.rewrite`; the same heat maps."""
        network = copy.deepcopy(self).eval()
        rewrite(network, aligned=self.mean.device.type == "cuda")
        return network.requires_grad_(False)


def check_input_size(height: int, width: int) -> None:
    """Refuse an image that cannot be halved five times.

    Raises:
        ValueError: names the nearest size that can.
    """
    if height % INPUT_MULTIPLE or width % INPUT_MULTIPLE or min(height, width) < INPUT_MULTIPLE:
        good_height, good_width = nearest_input_size(height, width)
        raise ValueError(
            f"FARNet halves an image five times, so its sides must be multiples of {INPUT_MULTIPLE}: "
            f"{height} x {width} (height x width) cannot be used; "
            f"the nearest good size is {good_height} x {good_width}."
        )


def nearest_input_size(height: int, width: int) -> tuple[int, int]:
    """The nearest ``(height, width)`` that FARNet accepts."""

    def nearest(side: int) -> int:
        return max(INPUT_MULTIPLE, round(side / INPUT_MULTIPLE) * INPUT_MULTIPLE)

    return nearest(height), nearest(width)


def channels_last(network: nn.Module) -> nn.Module:
    """The same network with weights laid out channels last: several times faster on a CPU, faster on a GPU with AMP."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

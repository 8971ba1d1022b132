"""The losses that the paper compares EWC with (its Table 6), and the table of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from lib.losses.ewc import EWCLoss
from lib.losses.heatmap_loss import HeatmapLoss


class L1Loss(HeatmapLoss):
    """``|y - y_hat|``; the reduction is that of :class:`~lib.losses.heatmap_loss.HeatmapLoss`."""

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute difference."""
        return (prediction - target).abs()


class SmoothL1Loss(HeatmapLoss):
    """``d^2 / 2`` where the difference ``d`` is below 1, ``|d| - 1/2`` above: torch's, with its ``beta`` of 1.

    On maps in 0..1 that is half the squared error until a network is off by more than a whole peak. Whether the paper
    had another ``beta`` is not known to us. The reduction is that of :class:`~lib.losses.heatmap_loss.HeatmapLoss`.
    """

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """See the class."""
        return functional.smooth_l1_loss(prediction, target, reduction="none")


class AdaptiveWingLoss(HeatmapLoss):
    """Nearly linear from a small difference on, where the target is high, and quadratic for the background.

    Wang, Bo and Li, "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression", ICCV 2019, with its numbers:
    ``omega ln(1 + (d / epsilon)^p)`` with ``p = alpha - y`` where ``d = |y - y_hat|`` is below theta, a line above that
    goes on with the same value and slope. Without that paper's weighted loss map.

    Args:
        alpha: above 2, so that the exponent stays above 1 at a peak.
        omega: height of the curve.
        epsilon: width of the curved part.
        theta: difference from which on it is linear.
        reduction: see :class:`~lib.losses.heatmap_loss.HeatmapLoss`.

    Raises:
        ValueError: alpha not above 2, another number not above 0, one not finite; and see there.

    Example:
        >>> peak, background = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
        >>> loss = AdaptiveWingLoss()
        >>> bool(loss(peak - 0.1, peak) > 9 * loss(background + 0.1, background))
        True
    """

    def __init__(
        self,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        reduction: str = "mean",
    ) -> None:
        for name, value, least in (
            ("alpha", alpha, 2),
            ("omega", omega, 0),
            ("epsilon", epsilon, 0),
            ("theta", theta, 0),
        ):
            if not (math.isfinite(value) and value > least):
                raise ValueError(f"Argument {name} should be above {least}, got {value}.")
        super().__init__(reduction)
        self.alpha, self.omega, self.epsilon, self.theta = alpha, omega, epsilon, theta

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """See the class."""
        difference, power = (prediction - target).abs(), self.alpha - target
        edge = (self.theta / self.epsilon) ** power
        slope = self.omega * power * edge / (1 + edge) / self.theta  # of the curve at theta
        curve = self.omega * torch.log1p((difference / self.epsilon) ** power)
        line = self.omega * torch.log1p(edge) + slope * (difference - self.theta)
        return torch.where(difference < self.theta, curve, line)


LOSSES: dict[str, Callable[..., HeatmapLoss]] = {
    "ewc": EWCLoss,
    "mse": partial(EWCLoss, alpha=1.0),
    "l1": L1Loss,
    "smooth_l1": SmoothL1Loss,
    "adaptive_wing": AdaptiveWingLoss,
}
"""What training may minimise, each made with a ``reduction``."""

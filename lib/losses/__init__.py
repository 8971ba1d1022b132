"""Losses on heat maps. Knows torch."""

from lib.losses.ewc import EWCLoss
from lib.losses.heatmap_loss import HeatmapLoss
from lib.losses.others import LOSSES, AdaptiveWingLoss, L1Loss, SmoothL1Loss
from lib.losses.squares import TargetWindows

__all__ = ["LOSSES", "AdaptiveWingLoss", "EWCLoss", "HeatmapLoss", "L1Loss", "SmoothL1Loss", "TargetWindows"]

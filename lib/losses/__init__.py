"""Losses on heat maps. Knows torch."""

from lib.losses.ewc import EWCLoss

__all__ = ["EWCLoss"]

"""One codec between landmarks and heat maps, both ways. Knows torch."""

from lib.heatmaps.codec import HeatmapCodec

__all__ = ["HeatmapCodec"]

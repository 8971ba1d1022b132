"""One codec between landmarks and heat maps, both ways, and what maps tell of how sure they are. Knows torch."""

from lib.heatmaps.codec import HeatmapCodec
from lib.heatmaps.evidence import Evidence, examine

__all__ = ["Evidence", "HeatmapCodec", "examine"]

"""One codec between landmarks and heat maps, both ways, and what maps tell of how sure they are. Knows torch."""

from lib.heatmaps.codec import Decoder, HeatmapCodec
from lib.heatmaps.evidence import Evidence, examine
from lib.heatmaps.fine import FineMaps
from lib.heatmaps.joint import JointChoice

__all__ = ["Decoder", "Evidence", "FineMaps", "HeatmapCodec", "JointChoice", "examine"]

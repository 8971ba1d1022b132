"""The stock MONAI Label plugin for 3D Slicer over real MRML, without Slicer's windows."""

from tests.slicer.windowless.application import Told
from tests.slicer.windowless.plugin import StockPlugin, stock_plugin

__all__ = ["StockPlugin", "Told", "stock_plugin"]

"""One reader of radiographs, one geometry. Knows neither torch nor MONAI Label."""

from lib.radiographs.geometry import Geometry
from lib.radiographs.radiograph import Radiograph, RadiographError, RadiographHeader
from lib.radiographs.reader import EXTENSIONS, read_header, read_radiograph
from lib.radiographs.spacing import PixelSpacing, SpacingSource

__all__ = [
    "EXTENSIONS",
    "Geometry",
    "PixelSpacing",
    "Radiograph",
    "RadiographError",
    "RadiographHeader",
    "SpacingSource",
    "read_header",
    "read_radiograph",
]

"""One reader of radiographs, one geometry. Knows neither torch nor MONAI Label."""

from lib.radiographs.alike import same_picture, same_pictures
from lib.radiographs.fingerprint import Fingerprint
from lib.radiographs.geometry import Geometry
from lib.radiographs.identity import Identity
from lib.radiographs.radiograph import Radiograph, RadiographError, RadiographHeader
from lib.radiographs.reader import EXTENSIONS, read_header, read_identity, read_radiograph
from lib.radiographs.spacing import PixelSpacing, SpacingSource

__all__ = [
    "EXTENSIONS",
    "Fingerprint",
    "Geometry",
    "Identity",
    "PixelSpacing",
    "Radiograph",
    "RadiographError",
    "RadiographHeader",
    "SpacingSource",
    "read_header",
    "read_identity",
    "read_radiograph",
    "same_picture",
    "same_pictures",
]

"""MONAI dictionary transforms: radiograph and landmarks on their way into the network and out again."""

from lib.transforms.augment import RandAffineLandmarksd
from lib.transforms.collimation import RandCollimationd
from lib.transforms.decode import MapDecoder
from lib.transforms.geometry import centred_affine, rescale_points, warp_image, warp_points
from lib.transforms.intensity import RandIntensityd
from lib.transforms.load import FitToInputd, LoadRadiographd
from lib.transforms.predict import ExamineMapsd
from lib.transforms.variation import training_variation
from lib.transforms.views import points_of_views

__all__ = [
    "ExamineMapsd",
    "FitToInputd",
    "LoadRadiographd",
    "MapDecoder",
    "RandAffineLandmarksd",
    "RandCollimationd",
    "RandIntensityd",
    "centred_affine",
    "points_of_views",
    "rescale_points",
    "training_variation",
    "warp_image",
    "warp_points",
]

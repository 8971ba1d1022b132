"""MONAI dictionary transforms: radiograph and landmarks on their way into the network and out again."""

from lib.transforms.augment import RandAffineLandmarksd, RandIntensityd
from lib.transforms.geometry import centred_affine, rescale_points, warp_image, warp_points
from lib.transforms.load import FitToInputd, LoadRadiographd
from lib.transforms.predict import DecodeLandmarksd

__all__ = [
    "DecodeLandmarksd",
    "FitToInputd",
    "LoadRadiographd",
    "RandAffineLandmarksd",
    "RandIntensityd",
    "centred_affine",
    "rescale_points",
    "warp_image",
    "warp_points",
]

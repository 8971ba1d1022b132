"""FARNet and its encoders. Knows torch and MONAI's networks."""

from lib.networks.encoders import ENCODERS, Encoder, EncoderSpec
from lib.networks.farnet import FARNet, check_input_size, nearest_input_size
from lib.networks.imagenet import WeightsError, load_imagenet_weights

__all__ = [
    "ENCODERS",
    "Encoder",
    "EncoderSpec",
    "FARNet",
    "WeightsError",
    "check_input_size",
    "load_imagenet_weights",
    "nearest_input_size",
]

"""FARNet and its encoders. Knows torch and MONAI's networks."""

from lib.networks.baselines import AGGREGATIONS
from lib.networks.devices import DeviceError, choose_device
from lib.networks.encoders import ENCODERS, Encoder, EncoderSpec, imagenet_statistics
from lib.networks.farnet import FARNet, channels_last, check_input_size, nearest_input_size
from lib.networks.imagenet import WeightsError, load_imagenet_weights
from lib.networks.released import load_released_weights
from lib.networks.serving import Recorded, for_serving
from lib.networks.statistics import ImageBatchNorm2d

__all__ = [
    "AGGREGATIONS",
    "ENCODERS",
    "DeviceError",
    "Encoder",
    "EncoderSpec",
    "FARNet",
    "ImageBatchNorm2d",
    "Recorded",
    "WeightsError",
    "channels_last",
    "check_input_size",
    "choose_device",
    "for_serving",
    "imagenet_statistics",
    "load_imagenet_weights",
    "load_released_weights",
    "nearest_input_size",
]

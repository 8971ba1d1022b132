"""FARNet and its encoders. Knows torch and MONAI's networks."""

from lib.networks.baselines import AGGREGATIONS
from lib.networks.devices import DeviceError, choose_device
from lib.networks.encoders import ENCODERS, Encoder, EncoderSpec
from lib.networks.farnet import FARNet, channels_last, check_input_size, nearest_input_size
from lib.networks.imagenet import WeightsError, load_imagenet_weights
from lib.networks.statistics import ImageBatchNorm2d

__all__ = [
    "AGGREGATIONS",
    "ENCODERS",
    "DeviceError",
    "Encoder",
    "EncoderSpec",
    "FARNet",
    "ImageBatchNorm2d",
    "WeightsError",
    "channels_last",
    "check_input_size",
    "choose_device",
    "load_imagenet_weights",
    "nearest_input_size",
]

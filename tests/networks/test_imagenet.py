"""ImageNet weights: files as they are published, made here, must arrive in every layer."""

import re

import pytest
import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, SEResNet50

from lib.networks import ENCODERS, Encoder, WeightsError, load_imagenet_weights


def _as_torchvision(state):
    """MONAI's DenseNet keys back to torchvision's (dots as in the published files)."""
    return {
        re.sub(r"\.layers\.(norm|relu|conv)([12])\.", r".\1.\2.", key).replace("class_layers.out", "classifier"): value
        for key, value in state.items()
    }


def _as_cadene(state):
    """MONAI's SENet keys back to Cadene's."""
    published = {}
    for key, value in state.items():
        key = re.sub(r"^(layer[1-4]\.\d+)\.conv(\d)\.conv\.", r"\1.conv\2.", key)
        key = re.sub(r"^(layer[1-4]\.\d+)\.conv(\d)\.adn\.N\.", r"\1.bn\2.", key)
        key = re.sub(r"^(layer[1-4]\.\d+)\.project\.conv\.", r"\1.downsample.0.", key)
        key = re.sub(r"^(layer[1-4]\.\d+)\.project\.adn\.N\.", r"\1.downsample.1.", key)
        if ".se_layer.fc." in key:
            key = key.replace(".se_layer.fc.0.", ".se_module.fc1.").replace(".se_layer.fc.2.", ".se_module.fc2.")
            value = value[..., None, None] if value.ndim == 2 else value
        published[key] = value
    return published


def _as_lukemelas(state):
    """MONAI's EfficientNet keys back to EfficientNet-PyTorch's flat list of blocks."""
    return {re.sub(r"^_blocks\.\d+\.(\d+)\.", r"_blocks.\1.", key): value for key, value in state.items()}


PUBLISHED = {
    "densenet121": (lambda: DenseNet121(2, 3, 1000), _as_torchvision),
    "se_resnet50": (lambda: SEResNet50(spatial_dims=2, in_channels=3, num_classes=1000), _as_cadene),
    "efficientnet_b0": (lambda: EfficientNetBN("efficientnet-b0", pretrained=False, num_classes=1000), _as_lukemelas),
}


@pytest.fixture(params=PUBLISHED)
def published(request, tmp_path):
    """An encoder's name, a whole classification network, and its weights as a published file."""
    build, rename = PUBLISHED[request.param]
    whole = build().eval()
    path = tmp_path / "published weights.pth"
    torch.save(rename(whole.state_dict()), path)
    return request.param, whole, path


def test_every_weight_arrives(published):
    name, whole, path = published
    encoder = Encoder(name).eval()
    load_imagenet_weights(encoder, path)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        deepest = encoder(image)[-1]
        if name.startswith("efficientnet"):
            expected = whole._blocks(whole._swish(whole._bn0(whole._conv_stem(whole._conv_stem_padding(image)))))
        else:
            expected = whole.features(image)
    assert torch.allclose(deepest, expected, atol=1e-5)


def test_se_resnet101_has_blocks_of_two_digits():
    """MONAI's own loader leaves layer3.10 to layer3.22 untrained, silently."""
    encoder = Encoder("se_resnet101")
    keys = [key for key in encoder.state_dict() if ".layer3.22." in key or "layer3.22" in key]
    assert keys


def test_weights_of_another_encoder_are_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(_as_torchvision(DenseNet121(2, 3, 10).state_dict()), path)
    with pytest.raises(WeightsError, match="does not hold the weights of encoder 'densenet169'"):
        load_imagenet_weights(Encoder("densenet169"), path)


def test_what_is_no_weights_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not weights")
    with pytest.raises(WeightsError, match="not a weights file that torch can read"):
        load_imagenet_weights(Encoder("densenet121"), path)
    with pytest.raises(WeightsError, match="No weights file at"):
        load_imagenet_weights(Encoder("densenet121"), tmp_path / "absent.pth")
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="does not hold a state dict"):
        load_imagenet_weights(Encoder("densenet121"), path)


def test_lite_has_none():
    with pytest.raises(WeightsError, match="no ImageNet weights for encoder 'lite': train it from scratch"):
        load_imagenet_weights(Encoder("lite"), "download")


def test_without_a_connection_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there, whatever the network
    with pytest.raises(
        WeightsError, match=r"could not be downloaded from https://download\.pytorch\.org.* or train from scratch"
    ):
        load_imagenet_weights(Encoder("densenet121"), "download")


def test_every_other_encoder_says_where_its_weights_are():
    assert all(spec.url for name, spec in ENCODERS.items() if name != "lite")

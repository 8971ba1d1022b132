"""ImageNet weights: files as they are published, made here, must arrive in every layer."""

import re

import pytest
import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, ResNet, SEResNet50

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


def _resnet50():
    """With the strides and the shortcuts without bias that torchvision has; the names are the same."""
    return ResNet("bottleneck", [3, 4, 6, 3], [64, 128, 256, 512], 2, 3, conv1_t_stride=2, bias_downsample=False)


PUBLISHED = {
    "densenet121": (lambda: DenseNet121(2, 3, 1000), _as_torchvision),
    "resnet50": (_resnet50, dict),
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
        elif name.startswith("resnet"):
            expected = whole.maxpool(whole.act(whole.bn1(whole.conv1(image))))
            for layer in (whole.layer1, whole.layer2, whole.layer3, whole.layer4):
                expected = layer(expected)
        else:
            expected = whole.features(image)
    assert torch.allclose(deepest, expected, atol=1e-5)


def test_se_resnet101_has_blocks_of_two_digits():
    """MONAI's own loader leaves layer3.10 to layer3.22 untrained, silently."""
    encoder = Encoder("se_resnet101")
    keys = [key for key in encoder.state_dict() if ".layer3.22." in key or "layer3.22" in key]
    assert keys


@pytest.mark.parametrize(("depth", "published"), [(50, 25_557_032), (101, 44_549_160), (152, 60_192_808)])
def test_resnets_are_torchvisions_without_their_classifier(depth, published):
    """By the parameters that torchvision states, by its names, and by the stride in the 3x3 convolution."""
    encoder = Encoder(f"resnet{depth}")
    assert sum(part.numel() for part in encoder.parameters()) == published - (2048 + 1) * 1000
    stem, layer2 = encoder.stages[0].conv1, encoder.stages[2].layer2[0]
    assert (stem.kernel_size, stem.stride, stem.padding, stem.bias) == ((7, 7), (2, 2), (3, 3), None)
    assert [part.stride for part in (layer2.conv1, layer2.conv2, layer2.conv3)] == [(1, 1), (2, 2), (1, 1)]
    assert layer2.downsample[0].stride == (2, 2)
    named = {key.removeprefix("stages.4.layer4.0.") for key in encoder.state_dict() if "layer4.0." in key}
    convolutions = {f"conv{number}.weight" for number in (1, 2, 3)} | {"downsample.0.weight"}
    norms = ("bn1", "bn2", "bn3", "downsample.1")
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert named == convolutions | {f"{norm}.{part}" for norm in norms for part in parts}


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

"""What ``--conf`` makes of the models."""

from pathlib import Path

import pytest
import yaml

from lib.checkpoints import ModelCard
from lib.configs import MODELS, PRESETS, VARIANTS, ConfigError, choose_models
from lib.landmarks import LandmarkSet
from lib.losses import LOSSES
from lib.trainers import TrainOptions
from lib.trainers.objective import Objective

DIR = Path("model")


def choose(**conf):
    return choose_models(conf, DIR)


@pytest.fixture
def own_set(tmp_path):
    path = tmp_path / "my pelvis.yaml"
    points = [{"name": n, "abbreviation": n[0], "definition": f"The {n}."} for n in ("Left", "Right")]
    path.write_text(yaml.safe_dump({"name": "pelvis", "title": "P", "input_size": [160, 224], "landmarks": points}))
    return path


def test_the_models_that_there_are():
    assert {name: LandmarkSet.load(set_name).name for name, (set_name, _) in MODELS.items()} == {
        "farnet_ceph": "cephalometric_19",
        "farnet_hand": "hand_37",
        "farnet_spine": "spine_68",
        "farnet_demo": "cephalometric_19",
    }
    assert list(choose(models=" farnet_hand ,farnet_ceph,, farnet_hand")) == ["farnet_hand", "farnet_ceph"]


def test_the_paper_is_the_default():
    card = choose(models="farnet_ceph")["farnet_ceph"].card()
    assert (card.encoder, card.input_size, card.sigma) == ("densenet121", (800, 640), 10.0)
    assert (card.width, card.image_kernel, card.version) == (None, 3, "untrained")
    assert (card.variant, card.aggregation, card.refinement, card.grey) == ("farnet", "msfa", True, "window")
    assert (card.decoder, card.batch_statistics) == ("subpixel", "stored")
    assert choose(models="farnet_ceph")["farnet_ceph"].train_task().recipe.objective == Objective("ewc", 1.0)
    assert choose(models="farnet_hand")["farnet_hand"].card().input_size == (512, 512)
    training = PRESETS["full"].training
    assert (training.optimizer, training.learning_rate, training.schedule) == ("adam", 1e-4, "step")
    assert training.epochs(images=150) == 300


@pytest.mark.parametrize(
    ("conf", "encoder", "input_size", "sigma"),
    [
        ({}, "densenet121", (800, 640), 10.0),
        ({"preset": "lite"}, "lite", (384, 320), 5.0),  # 400 x 320 is no multiple of 32
        ({"preset": "lite", "encoder": "densenet169"}, "densenet169", (384, 320), 5.0),
        ({"encoder": "efficientnet_b0", "sigma": "7.5"}, "efficientnet_b0", (800, 640), 7.5),
        ({"input_size": "416X320"}, "densenet121", (416, 320), 10.0),
        ({"preset": "lite", "input_size": " 64 x 96 ", "sigma": "0.5"}, "lite", (64, 96), 0.5),
        ({"preset": "", "encoder": "", "input_size": "", "sigma": ""}, "densenet121", (800, 640), 10.0),
    ],
)
def test_what_can_be_chosen(conf, encoder, input_size, sigma):
    card = choose(models="farnet_ceph", **conf)["farnet_ceph"].card()
    assert (card.encoder, card.input_size, card.sigma) == (encoder, input_size, sigma)


def test_a_variant_goes_with_everything_else():
    config = choose(models="farnet_ceph", variant="unet", preset="lite", encoder="resnet101", sigma="4")["farnet_ceph"]
    card = config.card()
    assert (card.variant, card.aggregation, card.refinement) == ("unet", "unet", False)
    assert (card.encoder, card.input_size, card.sigma) == ("resnet101", (384, 320), 4.0)
    task = config.train_task()
    assert task.recipe.objective == Objective("mse", 0.0)
    assert task.defaults == PRESETS["lite"].training


def test_the_released_recipe_goes_before_the_preset_and_a_request_before_both():
    task = choose(models="farnet_demo", variant="released")["farnet_demo"].train_task()
    own, preset = task.defaults, PRESETS["lite"].training
    assert (own.train_batch_size, own.optimizer, own.learning_rate, own.ema_decay) == (1, "adam", 1e-4, 0.0)
    assert (own.schedule, own.augment, own.image_budget) == ("step", False, preset.image_budget)
    asked = TrainOptions.from_request({"augment": True, "device": "cpu"}, own)
    assert (asked.augment, asked.learning_rate) == (True, 1e-4)


def test_variants_can_be_built_and_trained():
    """Each names what there is: a network, a loss, options."""
    for name, variant in VARIANTS.items():
        config = choose(models="farnet_demo", variant=name)["farnet_demo"]
        assert ModelCard.model_validate(config.card().model_dump()) == config.card()
        assert variant.objective.loss in LOSSES
        options = config.train_task().defaults
        assert TrainOptions.model_validate(options.model_dump()) == options
        assert variant.training.keys() <= TrainOptions.model_fields.keys()
        assert variant.objective.coarse_weight == 0 or variant.refinement  # see _aggregation_alone


def test_the_demo_model_is_the_small_one():
    config = choose(models="farnet_demo")["farnet_demo"]
    assert config.preset is PRESETS["lite"]
    assert config.card().encoder == "lite"
    assert config.train_task().recipe.half


def test_training_begins_with_one_thing():
    recipe = choose(models="farnet_ceph", begin_with="hands.pt")["farnet_ceph"].train_task().recipe
    assert (recipe.begin_with, recipe.imagenet) == ("hands.pt", None)
    with pytest.raises(ConfigError, match="not with both"):
        choose(models="farnet_ceph", begin_with="hands.pt", imagenet="weights.pth")


def test_imagenet_goes_to_the_training():
    assert (
        choose(models="farnet_ceph", imagenet="weights.pth")["farnet_ceph"].train_task().recipe.imagenet
        == "weights.pth"
    )


def test_a_set_of_ones_own_becomes_a_model(own_set):
    (config,) = choose(landmarks=str(own_set)).values()
    assert config.name == "farnet_pelvis"
    assert config.landmark_set.names == ("Left", "Right")
    assert config.card().input_size == (160, 224)
    assert config.published == DIR / "farnet_pelvis.pt"
    assert list(choose(landmarks=str(own_set), models="farnet_pelvis, farnet_demo")) == ["farnet_pelvis", "farnet_demo"]


def test_a_set_for_a_model_that_there_is(own_set):
    config = choose(landmarks=str(own_set), models="farnet_ceph")["farnet_ceph"]
    assert config.landmark_set.name == "pelvis"
    assert choose(landmarks="hand_37", models="farnet_demo")["farnet_demo"].card().input_size == (256, 256)


@pytest.mark.parametrize(
    ("conf", "sentence"),
    [
        ({}, r"Say which models to use: --conf models NAME\[,NAME...\] of farnet_ceph, farnet_hand"),
        ({"models": " , "}, "Say which models to use"),
        ({"models": "farnet_foot"}, "Unknown model 'farnet_foot': choose of farnet_ceph, farnet_hand, farnet_spine"),
        ({"models": "farnet_demo,../x"}, r"Unknown model '\.\./x'"),
        ({"models": "farnet_demo", "landmarks": "feet"}, "No landmark set 'feet': give one of cephalometric_19"),
        ({"models": "farnet_demo", "preset": "huge"}, "Unknown preset 'huge': choose one of full, lite"),
        ({"models": "farnet_demo", "variant": "best"}, "Unknown variant 'best': choose one of farnet, unet, fpn"),
        ({"models": "farnet_demo", "encoder": "vgg"}, "Unknown encoder 'vgg': choose one of densenet121"),
        ({"models": "farnet_demo", "input_size": "800"}, "Input size '800' is not of the form HEIGHTxWIDTH"),
        ({"models": "farnet_demo", "input_size": "-64x64"}, "Input size '-64x64' is not of the form HEIGHTxWIDTH"),
        ({"models": "farnet_demo", "input_size": "x"}, "Input size 'x' is not of the form"),
        ({"models": "farnet_demo", "input_size": "800x650"}, "nearest good size is 800 x 640"),
        ({"models": "farnet_demo", "input_size": "0x64"}, "nearest good size is 32 x 64"),
        ({"models": "farnet_demo", "sigma": "wide"}, r"Sigma 'wide' is not a number from 0\.5 to 100"),
        ({"models": "farnet_demo", "sigma": "0"}, "Sigma '0' is not a number"),
        ({"models": "farnet_demo", "sigma": "nan"}, "Sigma 'nan' is not a number"),
        ({"models": "farnet_demo", "sigma": "101"}, "Sigma '101' is not a number"),
    ],
)
def test_what_cannot_be_chosen(conf, sentence):
    with pytest.raises(ConfigError, match=sentence):
        choose_models(conf, DIR)


def test_a_faulty_set_of_ones_own(tmp_path):
    path = tmp_path / "faulty.yaml"
    path.write_text("name: x\ntitle: X\ninput_size: [64, 64]\nlandmarks: []\n")
    with pytest.raises(ConfigError, match=r"Landmark set faulty\.yaml: landmarks: .* at least 1 item"):
        choose(landmarks=str(path))


def test_the_users_weights_come_before_those_of_the_app(tmp_path):
    config = choose_models({"models": "farnet_ceph"}, tmp_path)["farnet_ceph"]
    assert config.current is None
    (tmp_path / "pretrained_farnet_ceph.pt").touch()
    assert config.current == tmp_path / "pretrained_farnet_ceph.pt"
    (tmp_path / "farnet_ceph.pt").touch()
    assert config.current == tmp_path / "farnet_ceph.pt"
    assert config.runs == tmp_path / "farnet_ceph"

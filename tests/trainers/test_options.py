"""Training options as viewers, REST clients and the command line send them."""

import pytest
import torch

from lib.trainers import OptionsError, TrainOptions

DEFAULTS = TrainOptions(max_epochs=7, optimizer="adamw", learning_rate=2e-3)


def options(**request):
    return TrainOptions.from_request(request, DEFAULTS)


def test_the_models_defaults_hold_where_a_request_says_nothing():
    chosen = options()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert chosen == DEFAULTS.model_copy(update={"device": device})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"max_epochs": "12", "train_batch_size": 4.0}, {"max_epochs": 12, "train_batch_size": 4}),
        ({"pretrained": "false", "augment": 0}, {"pretrained": False, "augment": False}),
        ({"pretrained": "True"}, {"pretrained": True}),
        ({"device": ["cpu", "cuda"]}, {"device": "cpu"}),
        ({"optimizer": ["adam", "adamw"], "schedule": "cosine"}, {"optimizer": "adam", "schedule": "cosine"}),
        ({"max_epochs": None, "learning_rate": ""}, {"max_epochs": 7, "learning_rate": 2e-3}),
        ({"learning_rate": "1e-3", "val_split": 0.5, "seed": 2**32 - 1}, {"learning_rate": 1e-3, "val_split": 0.5}),
        ({"gpus": "0,1"}, {"gpus": "0,1"}),
        ({"gpus": 0}, {"gpus": "0"}),
        # what viewers send along
        ({"client_id": "slicer", "model": "x", "dataset": "SmartCacheDataset", "name": "../x"}, {}),
        ({"tracking": ["mlflow", "none"], "amp": "bf16"}, {"tracking": "mlflow", "amp": "bf16"}),
        ({"target": ["median", "last", "mean"]}, {"target": "median"}),
    ],
)
def test_requests(request_, expected):
    chosen = options(**request_)
    for name, value in expected.items():
        assert getattr(chosen, name) == value, name
        assert type(getattr(chosen, name)) is type(value), name


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"max_epochs": -1}, "'max_epochs' cannot be -1: Input should be greater than or equal to 0"),
        ({"accumulate": 0}, "'accumulate' cannot be 0"),
        ({"ema_decay": 1.0}, r"'ema_decay' cannot be 1\.0"),
        ({"gate_confidence": 0.4}, r"'gate_confidence' cannot be 0\.4"),
        ({"amp": "fp8"}, "'amp' cannot be 'fp8': Input should be 'auto', 'bf16', 'fp16' or 'off'"),
        ({"target": "best"}, "'target' cannot be 'best': Input should be 'last', 'mean' or 'median'"),
        ({"max_epochs": "many"}, "'max_epochs' cannot be 'many': Input should be a valid integer"),
        ({"max_epochs": 1.5}, "'max_epochs' cannot be 1.5"),
        ({"train_batch_size": -1}, "'train_batch_size' cannot be -1"),
        ({"val_split": 1.0}, r"'val_split' cannot be 1\.0: Input should be less than or equal to 0\.9"),
        ({"val_split": 0}, "'val_split' cannot be 0: Input should be greater than 0"),
        ({"learning_rate": 0}, "'learning_rate' cannot be 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' cannot be nan"),
        ({"optimizer": "sgd"}, "'optimizer' cannot be 'sgd': Input should be 'adam' or 'adamw'"),
        ({"schedule": {"a": 1}}, r"'schedule' cannot be \{'a': 1\}"),
        ({"pretrained": "perhaps"}, "'pretrained' cannot be 'perhaps'"),
        ({"seed": -1}, "'seed' cannot be -1"),
        ({"seed": []}, r"'seed' cannot be \[\]"),
        ({"gpus": "all; rm -rf"}, "'gpus' cannot be 'all; rm -rf'"),
        ({"gpus": True}, "'gpus' cannot be True"),
        ({"device": "tpu"}, "There is no device 'tpu' here: choose of cpu"),
    ],
)
def test_what_cannot_be_used_is_named(request_, sentence):
    with pytest.raises(OptionsError, match=sentence) as refusal:
        options(**request_)
    assert "\n" not in str(refusal.value)


def test_what_a_viewers_table_shows():
    shown = DEFAULTS.choices()
    assert shown["optimizer"] == ["adamw", "adam"]
    assert shown["amp"] == ["auto", "bf16", "fp16", "off"]
    assert shown["target"] == ["last", "mean", "median"]
    assert shown["max_epochs"] == 7
    assert TrainOptions.from_request(shown, TrainOptions()).optimizer == "adamw"


@pytest.mark.parametrize(("images", "epochs"), [(2, 400), (16, 400), (100, 100), (120, 84), (400, 40)])
def test_how_many_epochs(images, epochs):
    assert TrainOptions(image_budget=10_000).epochs(images) == epochs
    assert DEFAULTS.epochs(images) == 7


@pytest.mark.parametrize(("batch", "accumulate"), [(8, 1), (7, 2), (3, 1), (2, 4), (9, 5), (10, 1)])
def test_a_smaller_batch_is_the_same_step_in_more_parts(batch, accumulate):
    chosen = TrainOptions(train_batch_size=batch, accumulate=accumulate, val_batch_size=4)
    smaller = chosen.smaller_batch()
    assert 1 <= smaller.train_batch_size <= batch // 2
    assert smaller.val_batch_size == 2
    assert smaller.train_batch_size * smaller.accumulate == batch * accumulate


def test_one_radiograph_is_the_smallest_batch():
    assert TrainOptions(train_batch_size=1, val_batch_size=1).smaller_batch() is None


@pytest.mark.parametrize("gpus", ["2", "0,2", "1,1"])
def test_gpus_that_are_not_here(monkeypatch, gpus):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A GPU")
    assert options(gpus="1,0").gpus == "1,0"
    assert options(gpus="all").device == "cuda"
    with pytest.raises(OptionsError, match=f"'gpus' cannot be '{gpus}': there are 2 GPUs here, numbered from 0"):
        options(gpus=gpus)

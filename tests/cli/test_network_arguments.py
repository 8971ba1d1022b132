"""What the options of a command make of the network."""

import argparse
from pathlib import Path

import pytest

from lib.configs import VARIANTS
from monailabel_app.cli.common import add_model_arguments, add_network_arguments, chosen_model
from tests.cli.conftest import MODEL, run


def chosen(*arguments):
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_network_arguments(parser)
    return chosen_model(parser.parse_args([*MODEL, "--model-dir", "model", *arguments]))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_by_its_name(name):
    assert chosen("--variant", name).variant == name


def test_all_together():
    config = chosen("--variant", "fpn", "--preset", "full", "--encoder", "resnet152", "--input-size", "64x96")
    card = config.card()
    assert (card.variant, card.aggregation, card.encoder, card.input_size) == ("fpn", "fpn", "resnet152", (64, 96))
    assert config.model_dir == Path("model")
    assert chosen().variant == "farnet"


def test_an_unknown_variant_and_the_known_ones():
    done = run("train", "--studies", "somewhere", *MODEL, "--variant", "best")
    assert done.code == 2
    assert "argument --variant: invalid choice: 'best'" in done.err
    help_text = run("train", "-h").out
    assert all(name in help_text for name in VARIANTS)

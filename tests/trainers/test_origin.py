"""What a run notes of its network when it begins."""

import json
from pathlib import Path

import pytest

from lib.trainers.origin import ORIGIN_FILE, Origin, network_of, read_origin
from tests.tiny import tiny_config


def card(**conf):
    return tiny_config(Path("model"), **conf).card()


@pytest.mark.parametrize("conf", [{}, {"variant": "released"}, {"variant": "l1", "encoder": "resnet50"}])
def test_what_is_noted_is_read(tmp_path, conf):
    Origin.of("random weights", None, card(**conf)).write(tmp_path)
    assert read_origin(tmp_path).network == network_of(card(**conf))


@pytest.mark.parametrize("conf", [{"variant": "msfa"}, {"variant": "l1"}, {"variant": "released"}, {"sigma": "4"}])
def test_another_network_or_variant_is_told_apart(tmp_path, conf):
    Origin.of("random weights", None, card()).write(tmp_path)
    assert read_origin(tmp_path).network != network_of(card(**conf))


def test_a_run_from_before_there_were_variants_goes_on(tmp_path):
    Origin.of("random weights", None, card()).write(tmp_path)
    written = json.loads((tmp_path / ORIGIN_FILE).read_text())
    for name in ("variant", "aggregation", "refinement", "batch_statistics", "grey"):
        del written["network"][name]
    (tmp_path / ORIGIN_FILE).write_text(json.dumps(written))
    assert read_origin(tmp_path).network == network_of(card())

"""Model files: what is written comes back, and nothing else is taken for one."""

import os
import threading
from pathlib import Path

import pytest
import torch

from lib.checkpoints import ModelCard, ModelFileError, build_network, load_model, read_card, save_model
from tests.checkpoints.conftest import SET

CARD = ModelCard(
    model="farnet_test",
    version="20260102_030405",
    encoder="lite",
    input_size=(96, 64),
    sigma=3.5,
    decoder="argmax",
    landmark_set=SET,
    metrics={"val_sdr_2mm": 0.75, "val_mre_mm": None},
    training={"max_epochs": 3, "augment": True, "optimizer": "adamw", "learning_rate": 0.002, "note": None},
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    network = build_network(CARD)
    with torch.no_grad():  # batch statistics of their own, so that buffers must survive as well
        network.train()(torch.rand(2, 1, 64, 64))
    return network.eval()


@pytest.fixture
def saved(tmp_path, network):
    path = tmp_path / "model.pt"
    save_model(path, network.state_dict(), CARD)
    return path


def test_float32_weights_come_back_exactly(saved, network):
    loaded, card = load_model(saved)
    assert card == CARD
    assert not loaded.training
    state = loaded.state_dict()
    assert state.keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        assert torch.equal(state[key], value), key


def test_float16_takes_half_the_space_and_draws_the_same_heat_maps(tmp_path, network, saved):
    half = tmp_path / "new folder" / "half.pt"
    save_model(half, network.state_dict(), CARD, half=True)
    assert half.stat().st_size < 0.65 * saved.stat().st_size
    loaded, card = load_model(half)
    assert card == CARD
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    image = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        expected, found = network(image), loaded(image)
    assert (found - expected).abs().max() < 0.01 * expected.abs().max()
    stored = torch.load(half, weights_only=True)["model"]
    wanted = {torch.float16 if value.ndim > 1 else value.dtype for value in network.state_dict().values()}
    assert {value.dtype for value in stored.values()} == wanted


def test_the_card_alone(saved):
    card = read_card(saved)
    assert card == CARD
    assert card.codec().sigma == 3.5
    assert card.codec().decoder == "argmax"


def test_same_network():
    assert CARD.same_network(CARD.model_copy(update={"version": "x", "sigma": 9.0, "input_size": (64, 64)}))
    fewer = SET.model_copy(update={"landmarks": SET.landmarks[:2]})
    for change in (
        {"encoder": "densenet121"},
        {"width": 0.5},
        {"image_kernel": 1},
        {"aggregation": "fpn"},
        {"refinement": False},
        {"landmark_set": fewer},
    ):
        assert not CARD.same_network(CARD.model_copy(update=change))


OTHERS = {
    "variant": "released",
    "image_kernel": 1,
    "aggregation": "unet",
    "refinement": False,
    "batch_statistics": "image",
    "grey": "eight_bit",
    "decoder": "released",
}


def test_a_file_of_another_variant_is_loaded_as_what_it_is(tmp_path):
    card = CARD.model_copy(update=OTHERS)
    torch.manual_seed(2)
    network = build_network(card).eval()
    save_model(tmp_path / "other.pt", network.state_dict(), card)
    loaded, read = load_model(tmp_path / "other.pt")
    assert read == card
    image = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        assert torch.equal(loaded(image), network(image))
        for change in ({"batch_statistics": "stored"}, {"grey": "window"}):
            other = build_network(card.model_copy(update=change)).eval()
            other.load_state_dict(network.state_dict())
            assert not torch.allclose(other(image), network(image), rtol=1e-2)


def test_a_file_from_before_there_were_variants(saved, network, tmp_path):
    content = torch.load(saved, weights_only=True)
    for name in ("variant", "aggregation", "refinement", "batch_statistics", "grey"):
        del content["card"][name]
    torch.save(content, tmp_path / "old.pt")
    loaded, card = load_model(tmp_path / "old.pt")
    assert card == CARD
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())


def test_an_aggregation_of_another_version_of_this_software(saved, tmp_path):
    content = torch.load(saved, weights_only=True)
    content["card"]["aggregation"] = "hrnet"
    torch.save(content, tmp_path / "newer.pt")
    with pytest.raises(
        ModelFileError, match=r"its card is not valid \(aggregation: .*there is no aggregation 'hrnet' here"
    ):
        read_card(tmp_path / "newer.pt")


class Malicious:
    """Unpickling this would write a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def change_card(**changes):
    def write(path, content):
        torch.save({**content, "card": {**content["card"], **changes}}, path)

    return write


def change_weights(path, content):
    key = next(iter(content["model"]))
    torch.save({**content, "model": {**content["model"], key: torch.zeros(1)}}, path)


WRONG = {
    "text": (lambda path, _: path.write_text("not a model"), "is not a model file that torch can read"),
    "empty": (lambda path, _: path.write_bytes(b""), "is not a model file that torch can read"),
    "cut off": (lambda path, _: path.write_bytes(path.read_bytes()[:20_000]), "is not a model file that torch can"),
    "tensor": (lambda path, _: torch.save(torch.zeros(3), path), "is not a model file of this project: it has no card"),
    "bare weights": (lambda path, content: torch.save(content["model"], path), "of this project: it has no card"),
    "card of another kind": (change_card(format=2), r"its card is not valid \(format: "),
    "unknown key": (change_card(colour="red"), r"its card is not valid \(colour: Extra inputs are not permitted"),
    "unknown encoder": (change_card(encoder="vgg"), r"its card is not valid \(encoder: .*no encoder 'vgg' here"),
    "odd size": (change_card(input_size=[100, 64]), r"not valid \(input_size: .*nearest good size is 96 x 64"),
    "negative size": (change_card(input_size=[-64, 64]), r"its card is not valid \(input_size: "),
    "no width": (change_card(width=0), r"its card is not valid \(width: "),
    "no card at all": (lambda path, content: torch.save({**content, "card": None}, path), "its card is not valid"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused_with_a_sentence(case, saved):
    spoil, sentence = WRONG[case]
    spoil(saved, torch.load(saved, weights_only=True))
    for read in (read_card, load_model):
        with pytest.raises(ModelFileError, match=sentence) as refusal:
            read(saved)
        assert str(saved) in str(refusal.value)


def test_weights_that_do_not_fit_the_card(saved):
    for spoil in (change_weights, change_card(encoder="densenet121"), change_card(width=0.5)):
        content = torch.load(saved, weights_only=True)
        spoil(saved, content)
        with pytest.raises(ModelFileError, match=r"model\.pt: the weights do not fit the network that the card"):
            load_model(saved)
        torch.save(content, saved)
    torch.save({**content, "model": [1, 2]}, saved)
    with pytest.raises(ModelFileError, match="the weights do not fit"):
        load_model(saved)


def test_no_file(tmp_path):
    for path in (tmp_path / "absent.pt", tmp_path):
        with pytest.raises(ModelFileError, match=f"No model file at {path}"):
            load_model(path)


def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, saved):
    trace = tmp_path / "trace"
    torch.save({"model": Malicious(trace), "card": CARD.model_dump(mode="json")}, saved)
    for read in (read_card, load_model):
        with pytest.raises(ModelFileError, match="is not a model file that torch can read: UnpicklingError"):
            read(saved)
    assert not trace.exists()
    torch.load(saved, weights_only=False)  # that it would have
    assert trace.exists()


def test_readers_see_the_old_model_or_the_new_one(saved, network):
    versions, stop = {f"v{number}" for number in range(8)}, threading.Event()
    seen, faults = set(), []

    def read():
        while not stop.is_set():
            try:
                seen.add(read_card(saved).version)
            except ModelFileError as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for version in sorted(versions):
        save_model(saved, network.state_dict(), CARD.model_copy(update={"version": version}))
    stop.set()
    reader.join()
    assert faults == []
    assert len(seen) > 1
    assert seen <= versions | {CARD.version}
    assert [path.name for path in Path(saved).parent.iterdir()] == ["model.pt"]


def test_an_interrupted_save_leaves_the_old_model(saved, network, monkeypatch):
    before = saved.read_bytes()

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(saved, network.state_dict(), CARD.model_copy(update={"version": "new"}))
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model.pt"]

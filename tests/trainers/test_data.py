"""What an image looks like in an epoch depends on seed, epoch and image alone."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, Lambdad, MapTransform, OneOf, Randomizable
from torch.utils.data import Dataset

from lib.trainers import data
from lib.trainers.data import EpochSampler, VariedDataset, decoded, train_loader
from lib.trainers.samples import labelled_samples
from tests.tiny import CEPH, phantom_folder, tiny_config

CARD = tiny_config(Path("model"), input_size="64x64").card()


class Shift(Randomizable, MapTransform):
    def __init__(self):
        super().__init__("value")

    def __call__(self, sample):
        return {**sample, "value": sample["value"] + self.R.uniform()}


class Numbers(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return {"value": float(index)}


def epoch_of(dataset, epoch, rank=0, world_size=1):
    sampler = EpochSampler(dataset, rank, world_size)
    sampler.set_epoch(epoch)
    return [dataset[key]["value"] for key in sampler]


def test_the_same_whenever_and_in_whatever_order():
    one, other = (VariedDataset(Numbers(7), [Shift(), Shift()], seed=3) for _ in range(2))
    first, second = epoch_of(one, 1), epoch_of(one, 2)
    assert epoch_of(other, 2) == second
    assert epoch_of(other, 1) == first
    assert [other[7 + index]["value"] for index in (5, 2)] == [one[7 + index]["value"] for index in (5, 2)]


def test_each_epoch_and_seed_varies_anew():
    dataset = VariedDataset(Numbers(7), [Shift()], seed=3)
    first, second = epoch_of(dataset, 1), epoch_of(dataset, 2)
    assert sorted(map(int, first)) == sorted(map(int, second)) == list(range(7))
    assert list(map(int, first)) != list(map(int, second))
    shifts = {round(value % 1, 9) for value in first + second + epoch_of(VariedDataset(Numbers(7), [Shift()], 4), 1)}
    assert len(shifts) == 21


def test_random_numbers_are_those_of_monais_compose():
    """Of transforms that are random, are not, and are made of others; the same after thousands of other draws."""
    transforms = [Shift(), Lambdad("value", float), Compose([Shift(), Shift()]), OneOf([Shift(), Shift()]), Shift()]
    dataset, composed = VariedDataset(Numbers(5), transforms, seed=3), Compose(copy.deepcopy(transforms))
    for key in (7, 3, 7, 2**20):
        state = np.random.SeedSequence([3, key // 5, key % 5]).generate_state(1)
        composed.set_random_state(seed=int(state[0]))
        assert dataset[key] == composed({"value": float(key % 5)})


def test_two_processes_see_what_one_would():
    dataset = VariedDataset(Numbers(8), [Shift()], seed=3)
    alone, parts = epoch_of(dataset, 5), [epoch_of(dataset, 5, rank, 2) for rank in (0, 1)]
    assert [parts[0][i] for i in range(4)] == alone[0::2]
    assert [parts[1][i] for i in range(4)] == alone[1::2]


def test_monais_trainer_tells_the_sampler_the_epoch():
    from monai.engines import SupervisedTrainer

    dataset = VariedDataset(Numbers(6), [], seed=1)
    seen = []
    trainer = SupervisedTrainer(
        device="cpu",
        max_epochs=3,
        train_data_loader=train_loader(dataset, 6),
        network=torch.nn.Identity(),
        optimizer=None,
        loss_function=None,
        iteration_update=lambda _, batch: seen.append(batch["value"].tolist()),
        decollate=False,
    )
    trainer.state.epoch, trainer.state.iteration = 1, 1  # as if it went on after its first epoch
    trainer.run()
    assert seen == [epoch_of(dataset, 2), epoch_of(dataset, 3)]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return labelled_samples(phantom_folder(tmp_path_factory.mktemp("studies"), 4), CEPH)


def test_each_file_is_decoded_once(samples, tmp_path, monkeypatch):
    from lib.transforms import load

    read = []
    original = load.read_radiograph
    monkeypatch.setattr(load, "read_radiograph", lambda path: (read.append(path), original(path))[1])
    told = []
    in_memory = decoded(samples, CARD, tmp_path / "cache", tell=told.append)
    dataset = VariedDataset(in_memory, [], seed=0)
    first = [next(iter(train_loader(dataset, 4)))["image"] for _ in range(3)]
    assert len(read) == 4
    assert told == []
    assert not (tmp_path / "cache").exists()

    monkeypatch.setattr(data, "MEMORY_SHARE", 1e-9)
    on_disk = decoded(samples, CARD, tmp_path / "cache", tell=told.append)
    again = [next(iter(train_loader(VariedDataset(on_disk, [], seed=0), 4)))["image"] for _ in range(3)]
    assert len(read) == 8
    assert "more than memory has: they are kept on disk" in told[0]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_variation_leaves_what_is_kept_alone(samples, tmp_path):
    kept = decoded(samples, CARD, tmp_path / "cache")
    before = [(sample["image"].clone(), np.array(sample["label"])) for sample in kept]
    from lib.transforms import training_variation

    varied = VariedDataset(kept, training_variation(CEPH.model_copy(update={"mirror": True})), seed=0)
    for key in range(3 * len(varied)):
        assert varied[key]
    for (image, label), sample in zip(before, kept, strict=True):
        assert torch.equal(image, sample["image"])
        assert np.array_equal(label, sample["label"])

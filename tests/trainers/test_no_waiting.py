"""No step asks the GPU anything: run on torch's ``meta`` device, whose numbers nobody can ask for."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib.heatmaps import HeatmapCodec
from lib.landmarks import LandmarkSet
from lib.losses import LOSSES
from lib.trainers.average import moving_average
from lib.trainers.data import VariedDataset
from lib.trainers.objective import CoarseToFineLoss, Objective
from lib.trainers.schedule import schedule
from lib.trainers.step import TrainStep
from lib.transforms import training_variation

META = torch.device("meta")
SIZE = (64, 96)
NAN = float("nan")
POINTS = torch.tensor([[[10.0, 20.0], [30.0, 40.0]], [[50.0, 60.0], [NAN, NAN]]])


class TwoMaps(nn.Module):
    """Draws fine and coarse maps of two landmarks."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2))

    def forward(self, image):
        fine = self.fine(image)
        return fine, nn.functional.avg_pool2d(fine, 2)


def test_the_device_cannot_be_asked():
    with pytest.raises(Exception, match="meta"):
        torch.empty(2, device=META).sum().item()


@pytest.mark.parametrize("kind", LandmarkSet.shipped())
def test_images_are_varied_where_they_are_and_points_on_the_cpu(kind, monkeypatch):
    original = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda _: original())
    landmark_set = LandmarkSet.load(kind)
    label = torch.rand(len(landmark_set), 2, generator=original().manual_seed(0)) * 60
    samples = [{"image": torch.empty(1, *SIZE, device=META), "label": label}]
    here = VariedDataset([{**samples[0], "image": torch.rand(1, *SIZE)}], training_variation(landmark_set), seed=1)
    there = VariedDataset(samples, training_variation(landmark_set), seed=1)
    for key in range(40):
        varied = there[key]
        assert varied["image"].device == META
        assert varied["image"].shape == (1, *SIZE)
        torch.testing.assert_close(varied["label"], here[key]["label"], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("points", [POINTS, POINTS.nan_to_num(7.0)])
def test_the_loss(loss, points):
    maps = [torch.empty(2, 2, *size, device=META, requires_grad=True) for size in (SIZE, (32, 48))]
    objective = CoarseToFineLoss(HeatmapCodec(3.0), [1.0, 2.0], Objective(loss)).to(META)
    found = objective(maps, points)
    found.backward()
    assert found.device == maps[0].grad.device == META


def test_a_whole_step(monkeypatch):
    network = TwoMaps().to(META)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    average = moving_average(network, 0.9)
    objective = CoarseToFineLoss(HeatmapCodec(3.0)).to(META)
    step = TrainStep(
        network, optimizer, schedule(optimizer, "step", 9), objective, average, META, images=2, batch_size=2
    )
    engine = SimpleNamespace(state=SimpleNamespace(iteration=0))
    for _ in range(3):
        engine.state.iteration += 1
        step(engine, {"image": torch.empty(2, 1, *SIZE, device=META), "label": POINTS})
    assert int(average.n_averaged) == 3
    with pytest.raises(Exception, match="meta"):
        step.epoch_loss()

"""Maps of one image to landmarks: with a shape, none takes another's place; without one, each is decoded by itself."""

import numpy as np
import pytest
import torch

from lib.heatmaps import HeatmapCodec
from lib.shapes import ShapeModel
from lib.transforms import MapDecoder, rescale_points
from tests.shapes.conftest import ROWS, made_shapes

INPUT = (192, 96)
CODEC = HeatmapCodec(3.0)
LEARNED = ShapeModel.fit(made_shapes(100, seed=11))
DECODER = MapDecoder(CODEC, LEARNED)


def case(seed):
    """(16, 2) places in the input, and the size of a file in which they lie; x and y are stretched differently."""
    shape = made_shapes(1, seed)[0]
    shape = shape - shape.min(axis=0) + 0.12 * np.ptp(shape, axis=0).max()
    width, height = (shape.max(axis=0) + 0.12 * np.ptp(shape, axis=0).max()).round().astype(int).tolist()
    return rescale_points(torch.as_tensor(shape), (height, width), INPUT).float(), (height, width)


def draw(*summits):
    return torch.stack([height * CODEC.encode(places, INPUT) for height, places in summits]).amax(dim=0)


def off(maps, file_size, places, decoder=DECODER):
    return (decoder.decode(maps, file_size) - places).norm(dim=1)


@pytest.mark.parametrize("seed", range(12))
def test_clear_maps_give_the_very_same_points(seed):
    places, file_size = case(seed)
    generator = torch.Generator().manual_seed(seed)
    heights = 0.3 + 0.7 * torch.rand(2 * ROWS, 1, 1, generator=generator)
    maps = heights * CODEC.encode(places, INPUT) + 0.02 * torch.rand(2 * ROWS, *INPUT, generator=generator)
    assert torch.equal(DECODER.decode(maps, file_size), CODEC.decode(maps)[0])


@pytest.mark.parametrize("seed", range(12))
def test_rows_that_are_shifted_by_one(seed):
    places, file_size = case(seed)
    shifted = places.clone()
    shifted[4:10] = places[6:12]  # three rows lie where the next ones should
    maps = draw((0.8, shifted), (0.6, places))
    assert off(maps, file_size, places, MapDecoder(CODEC)).max() > 10
    assert off(maps, file_size, places).max() < 0.5


@pytest.mark.parametrize("seed", range(12))
def test_two_landmarks_exchanged(seed):
    places, file_size = case(seed)
    exchanged = places.clone()
    exchanged[[6, 11]] = places[[11, 6]]
    maps = draw((0.9, exchanged), (0.2, places))
    assert off(maps, file_size, places, MapDecoder(CODEC)).max() > 10
    assert off(maps, file_size, places).max() < 0.5


@pytest.mark.parametrize("seed", range(12))
def test_a_summit_that_is_missing(seed):
    places, file_size = case(seed)
    wrong = places.clone()
    wrong[7] = places[3]
    error = off(draw((0.9, wrong)), file_size, places)
    assert error[7] < 6  # and not four rows off
    assert np.delete(error.numpy(), 7).max() < 0.1


def test_landmarks_without_a_shape_are_decoded_by_themselves():
    labels = made_shapes(60, seed=12)
    labels[4:, 5] = np.nan
    decoder = MapDecoder(CODEC, ShapeModel.fit(labels))
    places, file_size = case(1)
    wrong = places.clone()
    wrong[[5, 9]] = places[[0, 2]]
    points = decoder.decode(draw((0.9, wrong), (0.5, places)), file_size)
    assert (points[5] - places[0]).norm() < 0.1
    assert (np.delete((points - places).norm(dim=1).numpy(), 5) < 0.5).all()


@pytest.mark.parametrize("decoder", ["argmax", "released"])
def test_decoders_of_others_stay_theirs(decoder):
    places, file_size = case(2)
    codec = HeatmapCodec(3.0, decoder=decoder)
    maps = draw((0.9, places[torch.randperm(16, generator=torch.Generator().manual_seed(0))]), (0.8, places))
    assert torch.equal(MapDecoder(codec, LEARNED).decode(maps, file_size), codec.decode(maps)[0])


@pytest.mark.parametrize("seed", [4, 8, 9, 10])  # of the others the shape says too little to move many landmarks
def test_clear_maps_of_a_mirrored_image_are_believed(seed):
    places, file_size = case(seed)
    fine = (0.7 * CODEC.encode(places, INPUT)).flip(-1)
    coarse = (0.7 * CODEC.with_stride(2).encode(places, INPUT)).flip(-1)
    seen = DECODER.examine(fine, coarse, file_size)
    assert torch.equal(seen.points.float(), CODEC.decode(fine)[0])
    assert LEARNED.judge(rescale_points(seen.points, INPUT, file_size).numpy()).mirrored  # as it is, and not mended


@pytest.mark.parametrize("seed", [1, 3, 7, 8, 9])
def test_clear_maps_of_an_image_upside_down_are_believed(seed):
    places, file_size = case(seed)
    maps = (0.7 * CODEC.encode(places, INPUT)).flip(-1, -2)
    assert torch.equal(DECODER.decode(maps, file_size), CODEC.decode(maps)[0])


def test_a_few_landmarks_may_be_chosen_against_their_maps():
    places, file_size = case(5)
    wrong = places.clone()
    wrong[[2, 7, 12]] = places[[10, 14, 3]]
    error = off(draw((0.9, wrong)), file_size, places)
    assert error[[2, 7, 12]].max() < 8
    assert np.delete(error.numpy(), [2, 7, 12]).max() < 0.1


def test_all_landmarks_on_one_place_have_no_pose():
    maps = CODEC.encode(torch.tensor([[40.0, 60.0]]), INPUT).repeat(2 * ROWS, 1, 1)
    assert torch.equal(DECODER.decode(maps, (300, 200)), CODEC.decode(maps)[0])


def test_a_landmark_that_was_chosen_against_its_map_looks_less_sure():
    places, file_size = case(3)
    wrong = places.clone()
    wrong[7] = places[3]
    fine, coarse = draw((0.9, wrong), (0.4, places)), CODEC.with_stride(2).encode(places, INPUT)
    clear = draw((0.9, places))
    seen, sure = (DECODER.examine(maps, coarse, file_size) for maps in (fine, clear))
    assert torch.equal(seen.points.float(), DECODER.decode(fine, file_size))
    assert (seen.points[7] - places[7]).norm() < 0.5
    assert seen.peak[7].item() == pytest.approx(0.4, abs=0.02)
    assert seen.rival[7].item() == pytest.approx(0.9 / 0.4, rel=0.1)
    assert seen.unsureness[7] > 4 * sure.unsureness[7]


def test_evidence_of_clear_maps_is_the_same_with_a_shape_and_without():
    places, file_size = case(4)
    generator = torch.Generator().manual_seed(4)
    fine = 0.8 * CODEC.encode(places, INPUT) + 0.02 * torch.rand(2 * ROWS, *INPUT, generator=generator)
    coarse = CODEC.with_stride(2).encode(places, INPUT)
    one, other = (decoder.examine(fine, coarse, file_size) for decoder in (DECODER, MapDecoder(CODEC)))
    for field in ("points", "peak", "width", "rival", "disagreement", "stray", "shape"):
        assert torch.equal(getattr(one, field), getattr(other, field)), field

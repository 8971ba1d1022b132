"""Image and points move together."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.heatmaps import HeatmapCodec
from lib.transforms import (
    ExamineMapsd,
    FitToInputd,
    LoadRadiographd,
    MapDecoder,
    RandAffineLandmarksd,
    centred_affine,
    rescale_points,
    warp_image,
    warp_points,
)


def blobs(points: torch.Tensor, size: tuple[int, int], sigma: float = 3.0) -> torch.Tensor:
    """An image (1, H, W) with a bright blob at each point."""
    return HeatmapCodec(sigma).encode(points, size).amax(dim=0, keepdim=True)


def brightest(image: torch.Tensor, sigma: float = 3.0) -> torch.Tensor:
    return HeatmapCodec(sigma).decode(image)[0][0]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-25, 25),
    st.floats(0.8, 1.25),
    st.floats(0.8, 1.25),
    st.floats(-0.2, 0.2),
    st.floats(-0.1, 0.1),
    st.floats(-0.1, 0.1),
    st.booleans(),
)
def test_one_matrix_moves_image_and_points(degrees, scale_x, scale_y, shear, shift_x, shift_y, mirror):
    size = (96, 81)
    point = torch.tensor([[47.3, 40.8]])
    matrix = centred_affine(
        size, degrees=degrees, scale=(scale_x, scale_y), shear=shear, shift=(shift_x, shift_y), mirror=mirror
    )
    moved = warp_points(point, matrix)
    assert (brightest(warp_image(blobs(point, size), matrix)) - moved[0]).norm() < 0.25


def test_the_identity_changes_nothing():
    image = torch.rand(1, 33, 47)
    assert torch.allclose(warp_image(image, torch.eye(3, dtype=torch.float64)), image, atol=1e-5)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_matrix_is_the_product_of_its_parts(mirror):
    turned, size = math.radians(8), (31, 44)
    parts = [
        [[1, 0, 21.5 + 0.1 * 44], [0, 1, 15 - 0.2 * 31], [0, 0, 1]],
        [[math.cos(turned), -math.sin(turned), 0], [math.sin(turned), math.cos(turned), 0], [0, 0, 1]],
        [[1, 0.3, 0], [0, 1, 0], [0, 0, 1]],
        [[-1.1 if mirror else 1.1, 0, 0], [0, 0.9, 0], [0, 0, 1]],
        [[1, 0, -21.5], [0, 1, -15], [0, 0, 1]],
    ]
    expected = torch.linalg.multi_dot([torch.tensor(part, dtype=torch.float64) for part in parts])
    matrix = centred_affine(size, degrees=8, scale=(1.1, 0.9), shear=0.3, shift=(0.1, -0.2), mirror=mirror)
    torch.testing.assert_close(matrix, expected, rtol=1e-14, atol=1e-13)


@pytest.mark.parametrize("size", [(800, 640), (333, 401)])
def test_warping_samples_where_torch_would_in_64_bits(size):
    image = torch.rand(1, *size)
    matrix = centred_affine(size, degrees=7, scale=(0.9, 1.1), shear=0.05, shift=(0.03, -0.05), mirror=True)
    y, x = (side / 2 for side in size)
    to_pixels = torch.tensor([[x, 0, x - 0.5], [0, y, y - 0.5], [0, 0, 1]], dtype=torch.float64)
    back = to_pixels.inverse() @ matrix.inverse() @ to_pixels
    grid = torch.nn.functional.affine_grid(back[None, :2], [1, 1, *size], align_corners=False)
    expected = torch.nn.functional.grid_sample(image[None].double(), grid, align_corners=False)[0]
    torch.testing.assert_close(warp_image(image, matrix).double(), expected, rtol=0, atol=2e-4)  # of a pixel, in noise


def test_rotation_is_clockwise_on_the_screen():
    moved = warp_points(torch.tensor([[10.0, 5.0]]), centred_affine((11, 11), degrees=90))
    assert torch.allclose(moved, torch.tensor([[5.0, 10.0]]), atol=1e-5)


def test_mirroring_maps_the_first_column_to_the_last():
    assert torch.allclose(
        warp_points(torch.tensor([[0.0, 3.0]]), centred_affine((9, 20), mirror=True)), torch.tensor([[19.0, 3.0]])
    )


@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(16, 3000), st.integers(16, 3000))
def test_rescaling_there_and_back(height, width, to_height, to_width):
    points = torch.tensor([[0.0, 0.0], [width - 1.0, height - 1.0], [width / 3, height / 7]], dtype=torch.float64)
    there = rescale_points(points, (height, width), (to_height, to_width))
    assert torch.allclose(rescale_points(there, (to_height, to_width), (height, width)), points, atol=1e-6)


def test_rescaling_maps_pixel_centres():
    assert rescale_points(torch.tensor([100.0, 0.0]), (100, 200), (200, 400)).tolist() == [200.5, 0.5]


@pytest.mark.parametrize("size", [(300, 240), (301, 243), (96, 641)])
def test_a_blob_in_a_file_lands_where_its_point_lands(tmp_path, size):
    point = torch.tensor([[size[1] * 0.37, size[0] * 0.61]])
    picture = (blobs(point, size, sigma=6.0)[0] * 255).round().to(torch.uint8).numpy()
    Image.fromarray(picture).save(tmp_path / "blob.png")
    data = FitToInputd((160, 128))(LoadRadiographd()({"image": tmp_path / "blob.png", "label": point.numpy()}))
    assert data["image"].shape == (1, 160, 128)
    assert data["image_size"] == size
    assert data["image"].min() >= 0
    assert data["image"].max() <= 1
    rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(128.0), indexing="ij")
    weight = data["image"][0] ** 2
    centroid = torch.stack([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    assert (centroid - data["label"][0]).norm() < 0.15


def test_grey_values_of_12_bits_become_0_to_1(tmp_path):
    ramp = np.linspace(300, 3800, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    image = FitToInputd((64, 64))(LoadRadiographd()({"image": tmp_path / "ramp.png"}))["image"]
    assert image.min() == 0
    assert image.max() == 1
    assert image.mean() == pytest.approx(0.5, abs=0.01)


def test_eight_bit_grey_values_are_taken_as_they_are():
    image = torch.full((1, 64, 64), 102.0)
    image[0, :32] = 51.0
    fitted = FitToInputd((64, 64), grey="eight_bit")({"image": image})["image"]
    assert torch.equal(fitted.unique(), torch.tensor([0.2, 0.4]))
    assert set(FitToInputd((64, 64))({"image": image})["image"].unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("low", "high"), [(-1024.0, 3071.0), (0.0, 4095.0)])
def test_deeper_grey_values_are_brought_to_eight_bits_whole(low, high):
    image = torch.full((1, 64, 64), low)
    image[0, :32], image[0, 63, 63] = (low + high) / 2, high  # one bright cell, which a window would cut off
    fitted = FitToInputd((64, 64), grey="eight_bit")({"image": image})["image"]
    assert sorted(fitted.unique().tolist()) == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize("grey", ["window", "eight_bit"])
@pytest.mark.parametrize("value", [7.0, 3000.0])
def test_a_uniform_image_stays_finite(grey, value):
    image = FitToInputd((64, 64), grey)({"image": torch.full((1, 90, 80), value)})["image"]
    assert ((image >= 0) & (image <= 1)).all()


def test_random_affine_follows_the_blob_and_repeats_with_its_seed():
    size, point = (128, 96), torch.tensor([[50.2, 60.9]])
    transform = RandAffineLandmarksd()
    for seed in range(8):
        transform.set_random_state(seed)
        first = transform({"image": blobs(point, size), "label": point})
        assert (brightest(first["image"]) - first["label"][0]).norm() < 0.3
        transform.set_random_state(seed)
        assert torch.equal(transform({"image": blobs(point, size), "label": point})["image"], first["image"])


def test_a_landmark_that_leaves_the_image_is_no_longer_annotated():
    transform = RandAffineLandmarksd(degrees=0, scale=0, aspect=0, shear=0, shift=0.5)
    points = torch.tensor([[1.0, 1.0], [62.0, 62.0]])
    lost = 0
    for seed in range(6):
        transform.set_random_state(seed)
        label = transform({"image": torch.rand(1, 64, 64), "label": points})["label"]
        placed = label[~torch.isnan(label).any(dim=-1)]
        lost += 2 - len(placed)
        assert ((placed >= -0.5) & (placed <= 63.5)).all()
    assert lost >= 6


def test_mirroring_exchanges_partners():
    transform = RandAffineLandmarksd(degrees=0, scale=0, aspect=0, shear=0, shift=0, mirror_order=[1, 0, 2])
    points = torch.tensor([[10.0, 5.0], [50.0, 6.0], [31.5, 40.0]])
    seen = set()
    for seed in range(12):
        transform.set_random_state(seed)
        label = transform({"image": torch.rand(1, 64, 64), "label": points})["label"]
        seen.add(tuple(label[:, 0].round().int().tolist()))
        assert label[0, 0] < label[1, 0]  # the left one stays the left one
    assert seen == {(10, 50, 32), (13, 53, 32)}


def test_points_that_are_not_annotated_stay_so():
    points = torch.tensor([[math.nan, math.nan], [20.0, 20.0]])
    label = RandAffineLandmarksd()({"image": torch.rand(1, 64, 64), "label": points})["label"]
    assert torch.isnan(label[0]).all()


def test_maps_become_points_and_what_they_tell():
    points, codec = torch.tensor([[10.0, 20.0], [30.5, 7.25]]), HeatmapCodec(3.0)
    maps = {"pred": codec.encode(points, (48, 64)), "coarse": codec.with_stride(2).encode(points, (48, 64))}
    data = ExamineMapsd(MapDecoder(codec))({**maps, "header": SimpleNamespace(height=480, width=640)})
    assert torch.allclose(data["pred"].float(), points, atol=0.05)
    assert data["evidence"].disagreement.max() < 0.05
    assert set(data) == {"pred", "evidence", "header"}

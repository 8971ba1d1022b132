"""Copies of a picture are found, pictures of others are not: on phantoms, and on real radiographs where at hand."""

import csv
import io
import json
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from PIL import Image

from lib.datasets.phantoms import make_phantom
from lib.radiographs import Fingerprint, read_radiograph, same_picture, same_pictures
from lib.radiographs.alike import SAME, likenesses
from tests.radiographs.files import GREY, KINDS, write_dicom, write_itk, write_raster

KIND_OF_PHANTOM = ("cephalometric_19", "hand_37", "spine_68")
SIZE = (480, 384)
LOSSLESS = ("png-8", "bmp-8", "tiff-8", "tiff-lzw", "dicom-8", "tiff-float", "nifti-float")


@cache
def phantom(kind: str, seed: int, size=SIZE) -> np.ndarray:
    return make_phantom(kind, seed, size).pixels


def fingerprint(pixels: np.ndarray) -> Fingerprint:
    return Fingerprint.of(np.ascontiguousarray(pixels))


def jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(pixels, width, height):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def gamma(pixels, exponent):
    return (255 * (pixels / 255.0) ** exponent).astype(np.uint8)


def shifted(pixels, x, y):
    moved = np.zeros_like(pixels)
    moved[y:, x:] = pixels[:-y, :-x]
    return moved


def brightened(pixels):
    return np.clip(pixels.astype(float) * 0.6 + 60, 0, 255).astype(np.uint8)


COPIES = {
    "jpeg": lambda p: jpeg(p, 40),
    "half the size": lambda p: resized(p, p.shape[1] // 2, p.shape[0] // 2),
    "another aspect": lambda p: resized(p, p.shape[1], p.shape[0] * 3 // 4),
    "brightness and contrast": brightened,
    "gamma": lambda p: gamma(p, 0.6),
    "negative": lambda p: 255 - p,
    "16 bits": lambda p: p.astype(np.uint16) * 257,
    "shifted by 3 %": lambda p: shifted(p, p.shape[1] * 3 // 100, p.shape[0] * 3 // 100),
    "cropped by 5 % on one side": lambda p: p[:, p.shape[1] // 20 :],
    "cropped all around": lambda p: p[p.shape[0] // 40 : -p.shape[0] // 40, p.shape[1] // 40 : -p.shape[1] // 40],
    "cropped, gamma, JPEG": lambda p: jpeg(gamma(p, 1.4)[p.shape[0] // 40 :, : -p.shape[1] // 40], 75),
}


@pytest.mark.parametrize("kind", KIND_OF_PHANTOM)
@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_found(kind, copy):
    for seed in range(4):
        original = fingerprint(phantom(kind, seed))
        altered = fingerprint(COPIES[copy](phantom(kind, seed)))
        assert same_picture(original, altered)
        assert same_picture(altered, original)


@pytest.mark.parametrize("size", [None, SIZE, (160, 128), (384, 480)])
@pytest.mark.parametrize("kind", KIND_OF_PHANTOM)
def test_phantoms_of_other_seeds_are_others(kind, size):
    prints = [fingerprint(phantom(kind, seed, size)) for seed in range(30)]
    assert same_pictures(prints) == []
    _, _, likeness = likenesses(np.stack([item.details() for item in prints]))
    assert likeness.max() < SAME - 0.01  # not by a hair


def test_the_exact_part_does_not_depend_on_file_or_type(tmp_path):
    found = {kind: Fingerprint.of(read_radiograph(KINDS[kind](tmp_path)).pixels) for kind in LOSSLESS}
    assert set(found.values()) == {Fingerprint.of(GREY)}
    deep = GREY.astype(np.uint16)
    files = [
        write_itk(tmp_path / "deep.nii", deep),
        write_raster(tmp_path / "deep.png", deep),
        write_dicom(tmp_path / "deep.dcm", deep),
    ]
    assert {Fingerprint.of(read_radiograph(path).pixels).exact for path in files} == {Fingerprint.of(GREY).exact}


def test_the_exact_part_tells_one_grey_value_and_the_shape():
    other = GREY.copy()
    other[5, 7] += 1
    turned = np.ascontiguousarray(GREY.reshape(GREY.shape[::-1]))
    fraction = GREY.astype(np.float32) + 0.5
    negative = GREY.astype(np.int16) - 1000
    exact = [Fingerprint.of(pixels).exact for pixels in (GREY, other, turned, fraction, negative)]
    assert len(set(exact)) == 5
    assert Fingerprint.of(np.full((20, 20), 7.0, np.float32)).exact == Fingerprint.of(np.full((20, 20), 7)).exact


def test_flat_pictures_are_alike_only_if_equal():
    black, grey = (fingerprint(np.full((40, 60), value, np.uint8)) for value in (0, 90))
    half = np.zeros((40, 60), np.uint8)
    half[:, 30:] = 255
    assert not same_picture(black, grey)
    assert not same_picture(black, fingerprint(half))
    assert same_picture(black, fingerprint(np.zeros((40, 60), np.uint16)))
    assert not black.details().any()


def test_small_text_that_comes_back():
    original = fingerprint(phantom("hand_37", 1))
    text = json.dumps(asdict(original))
    assert len(text) < 3000
    assert Fingerprint(**json.loads(text)) == original
    assert np.abs(original.details()).max() <= 1


@pytest.mark.parametrize(
    ("exact", "picture"),
    [("xyz", None), ("0" * 20, "short"), ("0" * 20, "!" * 2732), ("0" * 19 + "G", None), ("", "")],
)
def test_damaged_text_is_refused(exact, picture):
    good = fingerprint(GREY)
    with pytest.raises(ValueError, match="no fingerprint"):
        Fingerprint(exact, good.picture if picture is None else picture)


def test_all_copies_are_connected_and_those_known_are_not_compared_again():
    pictures = [phantom("spine_68", seed) for seed in (0, 1)]
    prints = [fingerprint(p) for p in (*pictures, pictures[0], jpeg(pictures[1], 50), 255 - pictures[0])]
    assert same_pictures(prints) == [(0, 2), (0, 4), (1, 3)]
    assert same_pictures(prints, first=3) == [(0, 4), (1, 3)]
    assert same_pictures(prints, first=5) == []
    assert same_pictures(prints[:1]) == same_pictures([]) == []


def test_many_copies_hide_no_other_pair():
    """More equal pictures than candidates are looked at."""
    one, other = phantom("hand_37", 0), phantom("hand_37", 1)
    prints = [*[fingerprint(one)] * 12, fingerprint(jpeg(one, 30)), fingerprint(other), fingerprint(gamma(other, 0.7))]
    pairs = same_pictures(prints)
    assert (13, 14) in pairs
    assert {index for pair in pairs for index in pair} == set(range(15))


def cropped(pixels, share):
    rows, columns = (int(share * side) for side in pixels.shape)
    return pixels[rows:-rows, columns:-columns]


def test_copies_do_not_crowd_out_the_one_that_is_known():
    """Each of eight is most like the seven others; the one before them was cropped."""
    original = phantom("cephalometric_19", 3)
    known = [fingerprint(cropped(original, 0.03)), *(fingerprint(phantom("cephalometric_19", n)) for n in (4, 5))]
    again = [jpeg(gamma(original, 0.9 + 0.02 * number), 60 + 4 * number) for number in range(8)]
    prints = [*known, *(fingerprint(pixels) for pixels in again)]
    pairs = same_pictures(prints, first=len(known))
    assert any(earlier == 0 for earlier, _ in pairs)
    assert not {1, 2} & {index for pair in pairs for index in pair}


@pytest.fixture(scope="module")
def cephalograms(real_data):
    paths = sorted((real_data / "isbi2015_ceph_half" / "images").glob("*.jpg"))
    return [int(path.stem) for path in paths], [Fingerprint.of(read_radiograph(path).pixels) for path in paths]


def judged(prints):
    details = np.stack([item.details() for item in prints])
    return {(int(i), int(j)): float(value) for i, j, value in zip(*likenesses(details), strict=True)}


@pytest.mark.data
@pytest.mark.parametrize("share", [0.03, 0.05, 0.07])
def test_cropped_copies_are_found_among_many_others(cephalograms, real_data, share):
    numbers, prints = cephalograms
    chosen = range(0, 300, 20)
    paths = [real_data / "isbi2015_ceph_half" / "images" / f"{numbers[index]:03}.jpg" for index in chosen]
    copies = [fingerprint(cropped(read_radiograph(path).pixels, share)) for path in paths]
    pairs = same_pictures([*prints, *copies], first=len(prints))
    for copy, index in enumerate(chosen, start=len(prints)):
        found = {prints[earlier].exact for earlier, later in pairs if later == copy}
        assert prints[index].exact in found, numbers[index]


@pytest.mark.data
def test_duplicates_of_isbi_2015_are_found_and_no_others(cephalograms, real_data):
    numbers, prints = cephalograms
    with (real_data / "isbi2015_ceph" / "duplicates.csv").open() as file:
        known = {tuple(sorted((int(row["first"]), int(row["second"])))) for row in csv.DictReader(file)}
    known = {pair for pair in known if set(pair) <= set(numbers)}
    found = {(numbers[i], numbers[j]) for i, j in same_pictures(prints)}
    assert len(numbers) == 300
    assert len(known) == 23
    assert found == known
    likeness = {(numbers[i], numbers[j]): value for (i, j), value in judged(prints).items()}
    assert min(likeness[pair] for pair in known) > 0.98
    assert max(value for pair, value in likeness.items() if pair not in known) < SAME - 0.04


@pytest.mark.data
def test_the_published_cephalograms_are_those_of_half_the_size(cephalograms, real_data):
    numbers, prints = cephalograms
    for path in sorted((real_data / "isbi2015_ceph" / "images").glob("*.jpg")):
        whole = Fingerprint.of(read_radiograph(path).pixels)
        assert same_picture(whole, prints[numbers.index(int(path.stem))])


@pytest.mark.data
def test_spines_of_aasce(real_data):
    """The 24 pairs have been looked at: each is one radiograph, with another crop or brightness."""
    paths = sorted((real_data / "aasce_spine" / "data" / "training").glob("*.jpg"))
    prints = [Fingerprint.of(read_radiograph(path).pixels) for path in paths]
    pairs = {(paths[i].stem, paths[j].stem) for i, j in same_pictures(prints)}
    assert len(paths) == 481
    assert len(pairs) == 24
    assert ("sunhl-1th-20-Jul-2016-coronal9", "sunhl-1th-24-Jul-2016-35 D AP") in pairs
    assert ("sunhl-1th-26-Jul-2016-80 A AP", "sunhl-1th-30-Dec-2016-159 A AP2") in pairs
    assert ("sunhl-1th-24-Jul-2016-35 C AP", "sunhl-1th-24-Jul-2016-35 E AP") not in pairs  # one patient, two pictures


@pytest.mark.data
def test_the_lossy_leg_is_the_lossless_one(real_data):
    lossy, lossless, chest = (
        Fingerprint.of(read_radiograph(real_data / f"dicom_cr/{name}_J2K{kind}.dcm").pixels)
        for name, kind in (("RG3", "I"), ("RG3", "R"), ("RG1", "I"))
    )
    assert lossy.exact != lossless.exact
    assert same_picture(lossy, lossless)
    assert not same_picture(lossy, chest)

"""Phantoms: the same from the same seed, another from another, every landmark where its anatomy is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.datasets import DatasetError
from lib.datasets.phantoms import make_phantom, phantom_studies
from lib.datasets.phantoms.canvas import Canvas, Pose
from lib.datasets.phantoms.cephalogram import Cephalogram
from lib.datasets.phantoms.hand import Hand
from lib.datasets.phantoms.spine import Spine
from lib.landmarks import LandmarkSet

SIZES = {"cephalometric_19": (150, 120), "hand_37": (160, 120), "spine_68": (256, 96)}

kinds = pytest.mark.parametrize("kind", SIZES)


@kinds
def test_the_same_seed_gives_the_same_study(kind):
    first, second = make_phantom(kind, 5, SIZES[kind]), make_phantom(kind, 5, SIZES[kind])
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.landmarks == second.landmarks
    assert first.pixel_spacing == second.pixel_spacing


@kinds
def test_another_seed_gives_another_patient(kind):
    phantoms = [make_phantom(kind, seed, SIZES[kind]) for seed in range(12)]
    shapes = []
    for phantom in phantoms:
        points = phantom.landmarks.points() * phantom.pixel_spacing.x
        shapes.append(points - points.mean(axis=0))
    spread = np.std(shapes, axis=0).mean()
    assert 1.0 < spread < 25.0  # mm: varied, and still the same anatomy
    assert len({phantom.pixels.tobytes() for phantom in phantoms}) == 12


@kinds
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), height=st.integers(64, 220), width=st.integers(64, 220))
def test_complete_and_inside_pictures_of_any_shape(kind, seed, height, width):
    phantom = make_phantom(kind, seed, (height, width))
    assert phantom.pixels.shape == (height, width)
    assert phantom.pixels.dtype == np.uint8
    assert phantom.landmarks.names == LandmarkSet.load(kind).names
    phantom.landmarks.check_inside(height, width)
    x, y = phantom.landmarks.points().T
    assert min(x.min() + 0.5, width - 0.5 - x.max()) >= 0.03 * width - 1e-6
    assert min(y.min() + 0.5, height - 0.5 - y.max()) >= 0.03 * height - 1e-6
    assert phantom.pixels.std() > 10


@kinds
def test_a_larger_picture_shows_the_same_patient_by_the_resizing_convention(kind):
    height, width = SIZES[kind]
    small, large = make_phantom(kind, 3, (height, width)), make_phantom(kind, 3, (2 * height, 2 * width))
    np.testing.assert_allclose(large.landmarks.points(), (small.landmarks.points() + 0.5) * 2 - 0.5, atol=1e-9)
    assert small.pixel_spacing.x == pytest.approx(2 * large.pixel_spacing.x)


def test_usual_sizes():
    assert make_phantom("cephalometric_19", 0).pixels.shape == (600, 480)
    assert make_phantom("hand_37", 0).pixels.shape == (640, 480)
    assert make_phantom("spine_68", 0).pixels.shape == (1024, 384)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (10, np.uint16), (12, np.uint16), (16, np.uint16)])
def test_bits(bits, dtype):
    pixels = make_phantom("hand_37", 2, SIZES["hand_37"], bits=bits).pixels
    assert pixels.dtype == dtype
    assert 2 ** (bits - 1) < pixels.max() < 2**bits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("foot", 0), "No phantom of kind 'foot': give one of cephalometric_19, hand_37, spine_68"),
        (("hand_37", -1), "A phantom's seed is 0 or more, not -1"),
        (("hand_37", 0, (63, 200)), "63 x 200 pixels is too small to show anatomy: give at least 64 x 64"),
        (("hand_37", 0, None, 7), "A phantom has 8 to 16 bits a pixel, not 7"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(DatasetError, match=message):
        make_phantom(*arguments)


@pytest.mark.parametrize("seed", range(20))
def test_a_head_faces_right_and_is_put_together_as_heads_are(seed):
    head = dict(
        zip(
            (entry.abbreviation for entry in LandmarkSet.load("cephalometric_19").landmarks),
            _landmarks(Cephalogram, seed),
            strict=True,
        )
    )
    x, y = ({name: point[axis] for name, point in head.items()} for axis in (0, 1))
    assert x["N"] > x["Or"] > x["S"] > x["Ar"]
    assert y["N"] < y["ANS"] < y["A"] < y["Is"] < y["B"] < y["Pog"] < y["Gn"] < y["Me"]
    assert x["Pog"] > x["Gn"] > x["Me"] > x["Go"]
    assert x["ANS"] > x["A"]
    assert min(x["UL"] - x["Is"], x["LL"] - x["Ii"], x["Pog'"] - x["Pog"]) > 5
    assert 50 < np.hypot(*(head["N"] - head["S"])) < 80
    assert 85 < np.hypot(*(head["N"] - head["Me"])) < 140


@pytest.mark.parametrize("seed", range(10))
def test_a_hand_has_its_thumb_on_the_right_and_its_fingers_in_order(seed):
    names = LandmarkSet.load("hand_37").names
    at = dict(zip(names, _landmarks(Hand, seed), strict=True))
    tips = [
        at[f"{finger} tip"][0] for finger in ("Little finger", "Ring finger", "Middle finger", "Index finger", "Thumb")
    ]
    assert tips == sorted(tips)
    for finger in ("Little", "Ring", "Middle", "Index"):
        chain = [
            at[f"{finger} finger {joint}"][1]
            for joint in ("metacarpal base", "MCP joint", "PIP joint", "DIP joint", "tip")
        ]
        assert chain == sorted(chain, reverse=True)
    wrist = np.hypot(*(at["Radial styloid tip"] - at["Ulnar styloid tip"]))
    assert 35 < wrist < 60  # near the 50 mm of the set's rule


@pytest.mark.parametrize("seed", range(10))
def test_a_spine_goes_down_vertebra_by_vertebra(seed):
    from lib.datasets.aasce import find_fault, sort_corners

    corners = _landmarks(Spine, seed)
    assert find_fault(corners) is None
    np.testing.assert_array_equal(sort_corners(corners), corners)


def _landmarks(anatomy, seed):
    return anatomy(np.random.default_rng(seed)).landmarks


# --- what is drawn lies where the landmarks say -----------------------------------------------------------------------


@given(
    x=st.floats(20, 40),
    y=st.floats(20, 40),
    radius=st.floats(3, 12),
    scale=st.floats(0.5, 2),
    degrees=st.floats(-90, 90),
)
@settings(max_examples=40, deadline=None)
def test_shapes_are_drawn_to_a_twentieth_of_a_pixel(x, y, radius, scale, degrees):
    from lib.datasets.phantoms.curves import ellipse

    canvas = Canvas(60, 60, Pose(scale, degrees, (x, y)))
    canvas.fill(ellipse((0, 0), (radius / scale, radius / scale)), amount=2.0)
    rows, columns = np.mgrid[:60, :60]
    weight = canvas.thickness / canvas.thickness.sum()
    assert (weight * columns).sum() == pytest.approx(x, abs=0.05)
    assert (weight * rows).sum() == pytest.approx(y, abs=0.05)
    drawn_radius = np.sqrt(canvas.thickness.sum() / 2.0 / np.pi)
    assert drawn_radius == pytest.approx(radius, abs=0.2)


class _Film:
    """The thickness of one anatomy, sampled in millimetres around landmarks."""

    def __init__(self, anatomy, pose_scale=4.0, size=(1000, 900), shift=(360, 400)):
        self.canvas = Canvas(*size, Pose(pose_scale, 0.0, shift))
        anatomy.draw(self.canvas)

    def __call__(self, point):
        x, y = np.rint(self.canvas.pose.to_pixels([point])[0]).astype(int)
        return float(self.canvas.thickness[y, x])


@pytest.mark.parametrize("seed", [1, 4])
def test_profile_landmarks_lie_on_the_edge_between_skin_and_air(seed):
    head = Cephalogram(np.random.default_rng(seed))
    points = dict(zip(LandmarkSet.load("cephalometric_19").names, head.landmarks, strict=True))
    film = _Film(head)
    outwards = {"Upper lip": (1, 0), "Lower lip": (1, 0), "Soft-tissue pogonion": (1, 0), "Subnasale": (0.7, 0.7)}
    for name, step in outwards.items():
        assert film(points[name] + 1.2 * np.array(step)) < 0.05, name
        assert film(points[name] - 1.2 * np.array(step)) > 0.3, name


@pytest.mark.parametrize("seed", [1, 4])
def test_bony_landmarks_lie_on_the_edge_between_bone_and_soft_tissue(seed):
    head = Cephalogram(np.random.default_rng(seed))
    points = dict(zip(LandmarkSet.load("cephalometric_19").names, head.landmarks, strict=True))
    film = _Film(head)
    outwards = {
        "Pogonion": (1, 0),
        "Menton": (0, 1),
        "Gnathion": (0.7, 0.7),
        "Gonion": (-1, 0.3),
        "Incision superius": (0.2, 1),
    }
    for name, step in outwards.items():
        bone, beside = film(points[name] - 0.8 * np.array(step)), film(points[name] + 0.8 * np.array(step))
        assert bone > beside + 0.2, name
    sella = film(points["Sella"])
    around = [film(points["Sella"] + offset) for offset in ((0, 7), (-7, 0), (0, 6), (-6, 0), (0, 5), (-5, 0))]
    assert max(around) > sella + 0.2


@pytest.mark.parametrize("seed", [0, 7])
def test_vertebral_corners_lie_on_the_edge_between_body_and_disc(seed):
    spine = Spine(np.random.default_rng(seed))
    corners = spine.landmarks.reshape(17, 4, 2)
    film = _Film(spine, 2.0, (1200, 500), (250, 100))
    for top_left, top_right, bottom_left, bottom_right in corners[:-1]:
        upper, lower = (top_left + top_right) / 2, (bottom_left + bottom_right) / 2
        down = (lower - upper) / np.hypot(*(lower - upper))
        # A quarter of the way along each plate, where no pedicle or process covers it.
        for plate, outwards in (
            (0.75 * top_left + 0.25 * top_right, -down),
            (0.75 * bottom_left + 0.25 * bottom_right, down),
        ):
            assert film(plate - 1.0 * outwards) > film(plate + 1.5 * outwards) + 0.1


def test_studies_are_drawn_one_by_one():
    studies = phantom_studies("hand_37", count=10**9, seed=40, size=SIZES["hand_37"])
    first, second = next(studies), next(studies)
    assert (first.name, second.name) == ("hand_37_phantom_0040", "hand_37_phantom_0041")
    assert first.provenance == {"dataset": "phantom", "kind": "hand_37", "seed": 40}
    np.testing.assert_array_equal(first.image, make_phantom("hand_37", 40, SIZES["hand_37"]).pixels)
    assert first.landmarks.num_placed() == 37
    assert first.pixel_spacing.known
    assert len(list(phantom_studies("hand_37", 3, size=SIZES["hand_37"]))) == 3

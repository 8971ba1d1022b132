"""The three sets that ship: facts of the paper and of the data sets they belong to."""

import pytest

from lib.landmarks import LandmarkSet

SIZES = {"cephalometric_19": (19, (800, 640)), "hand_37": (37, (512, 512)), "spine_68": (68, (1024, 384))}


def test_all_three_sets_ship():
    assert LandmarkSet.shipped() == tuple(sorted(SIZES))


@pytest.mark.parametrize("name", SIZES)
def test_count_input_size_and_name(name):
    landmark_set = LandmarkSet.load(name)
    assert (len(landmark_set), landmark_set.input_size) == SIZES[name]
    assert landmark_set.name == name


@pytest.mark.parametrize("name", SIZES)
def test_every_definition_is_one_sentence_of_its_own(name):
    definitions = [landmark.definition for landmark in LandmarkSet.load(name).landmarks]
    assert all(text.endswith(".") and text.count(". ") == 0 for text in definitions)
    assert len(set(definitions)) == len(definitions)


def test_cephalometric_order_and_abbreviations_are_the_papers():
    landmarks = LandmarkSet.load("cephalometric_19").landmarks
    expected = "S N Or Po A B Pog Me Gn Go Ii Is UL LL Sn Pog' PNS ANS Ar"
    assert " ".join(landmark.abbreviation for landmark in landmarks) == expected
    assert landmarks[0].name == "Sella"
    assert landmarks[15].name == "Soft-tissue pogonion"
    assert landmarks[18].name == "Articulare"


def test_cephalometric_lines_are_the_usual_planes():
    lines = {line.name: line.landmarks for line in LandmarkSet.load("cephalometric_19").lines}
    assert lines["Frankfort horizontal"] == ("Porion", "Orbitale")
    assert lines["Mandibular plane"] == ("Gonion", "Menton")
    assert lines["Ramus"] == ("Articulare", "Gonion")


def test_hand_millimetres_come_from_the_styloid_processes():
    hand = LandmarkSet.load("hand_37")
    assert hand.millimetres.rule == "reference_length"
    assert hand.millimetres.length_mm == 50.0
    assert [hand.index(name) for name in hand.millimetres.between] == [1, 5]  # Payer's pair, counted from 0


def test_hand_fingers_run_from_base_to_tip():
    hand = LandmarkSet.load("hand_37")
    lines = {line.name: [hand.index(name) for name in line.landmarks] for line in hand.lines}
    assert lines["Thumb"] == [17, 18, 19, 20]
    assert lines["Index finger"] == [16, 21, 22, 23, 24]
    assert lines["Middle finger"] == [15, 25, 26, 27, 28]
    assert lines["Ring finger"] == [14, 29, 30, 31, 32]
    assert lines["Little finger"] == [13, 33, 34, 35, 36]


def test_hand_points_keep_their_meaning_on_a_real_hand(real_data):
    from lib.datasets import read_hand

    for study in read_hand(real_data / "hand"):
        hand = study.landmarks
        tips = [
            hand[f"{name} tip"] for name in ("Little finger", "Ring finger", "Middle finger", "Index finger", "Thumb")
        ]
        assert [tip.x for tip in tips] == sorted(tip.x for tip in tips)
        assert min(hand, key=lambda landmark: landmark.y).name == "Middle finger tip"
        assert hand["Ulnar styloid tip"].y < hand["Ulna ulnar edge"].y
        assert hand["Scaphoid"].x > hand["Lunate"].x > hand["Triquetrum"].x


def test_spine_goes_down_in_groups_of_four_corners():
    spine = LandmarkSet.load("spine_68")
    vertebrae = [f"T{number}" for number in range(1, 13)] + [f"L{number}" for number in range(1, 6)]
    expected = [f"{vertebra}-{corner}" for vertebra in vertebrae for corner in ("TL", "TR", "BL", "BR")]
    assert [landmark.abbreviation for landmark in spine.landmarks] == expected
    assert spine.names[:4] == ("T1 top left", "T1 top right", "T1 bottom left", "T1 bottom right")


def test_mirroring_swaps_left_and_right_of_each_spinal_plate():
    spine = LandmarkSet.load("spine_68")
    assert spine.mirror_order == tuple(index ^ 1 for index in range(68))
    swapped = {"left": "right", "right": "left"}
    for name, index in zip(spine.names, spine.mirror_order, strict=True):
        vertebra, plate, side = name.split()
        assert spine.names[index] == f"{vertebra} {plate} {swapped[side]}"


@pytest.mark.parametrize("name", ["cephalometric_19", "hand_37"])
def test_films_that_always_face_one_way_are_not_mirrored(name):
    landmark_set = LandmarkSet.load(name)
    assert not landmark_set.mirror
    assert landmark_set.mirror_order is None


def test_spinal_outlines_are_closed():
    for line in LandmarkSet.load("spine_68").lines:
        assert line.landmarks[0] == line.landmarks[-1]
        assert len(set(line.landmarks)) == 4

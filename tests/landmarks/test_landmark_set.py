"""Landmark sets: what is refused, and the sentence that says why."""

import re

import pytest
import yaml

from lib.landmarks import LandmarkSet, LandmarkSetError


@pytest.fixture
def content():
    """The least that a set needs, in a form that the tests change."""
    return {
        "name": "knee",
        "title": "Knee",
        "input_size": [256, 128],
        "landmarks": [
            {"name": "Femur", "abbreviation": "F", "definition": "The lower end of the femur."},
            {"name": "Tibia", "abbreviation": "T", "definition": "The upper end of the tibia."},
        ],
    }


def refusal(content):
    with pytest.raises(LandmarkSetError) as error:
        LandmarkSet.parse(content, source="knee.yaml")
    return str(error.value)


def test_a_users_own_file_loads_by_its_path(tmp_path, content):
    path = tmp_path / "knee.yaml"
    path.write_text(yaml.safe_dump(content))
    knee = LandmarkSet.load(path)
    assert knee.names == ("Femur", "Tibia")
    assert knee.index("Tibia") == 1
    assert knee.millimetres.rule == "pixel_spacing"


def test_the_content_of_a_model_card_loads_again(content):
    knee = LandmarkSet.parse(content, source="card")
    assert LandmarkSet.parse(knee.model_dump(mode="json"), source="card") == knee


def test_unknown_key(content):
    assert refusal(content | {"colour": "red"}) == "Landmark set knee.yaml: unknown key 'colour'."


def test_unknown_key_in_a_landmark(content):
    content["landmarks"][1]["side"] = "left"
    assert refusal(content) == "Landmark set knee.yaml: unknown key 'landmarks.1.side'."


@pytest.mark.parametrize("key", ["name", "abbreviation"])
def test_duplicates(content, key):
    value = content["landmarks"][0][key]
    content["landmarks"][1][key] = value
    assert refusal(content) == f"Landmark set knee.yaml: {key} '{value}' is used by more than one landmark."


def test_no_landmarks(content):
    assert refusal(content | {"landmarks": []}).startswith("Landmark set knee.yaml: landmarks: ")


@pytest.mark.parametrize("empty", [None, [], "knee"])
def test_not_a_mapping(empty):
    assert refusal(empty) == "Landmark set knee.yaml is empty or not a mapping of keys to values."


@pytest.mark.parametrize("key", ["name", "title", "input_size", "landmarks"])
def test_missing_key(content, key):
    del content[key]
    assert refusal(content) == f"Landmark set knee.yaml: {key}: Field required."


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("version", "first", "version: "),
        ("version", 0, "version: "),
        ("input_size", 256, "input_size: "),
        ("input_size", [256], "input_size.1: "),
        ("input_size", ["high", 128], "input_size.0: "),
        ("input_size", [256, 32], "input_size.1: "),
        ("title", " ", "title: "),
        ("title", 7, "title: "),
        ("mirror", "sometimes", "mirror: "),
        ("name", "two words", "name: "),
        ("name", "../knee", "name: "),
        ("landmarks", "Femur", "landmarks: "),
        ("landmarks", ["Femur"], "landmarks.0: "),
        ("lines", [{"name": "Axis", "landmarks": ["Femur"]}], "lines.0.landmarks: "),
    ],
)
def test_wrong_values_are_named_by_their_place(content, key, value, where):
    assert refusal(content | {key: value}).startswith(f"Landmark set knee.yaml: {where}")


def test_sizes_that_the_network_cannot_halve(content):
    message = refusal(content | {"input_size": [250, 128]})
    assert message == "Landmark set knee.yaml: input height 250 is not a multiple of 32."


def test_partners_must_know_each_other(content):
    content["landmarks"][0]["partner"] = "Tibia"
    message = "Landmark set knee.yaml: 'Femur' names 'Tibia' as partner, but not the other way round."
    assert refusal(content) == message


@pytest.mark.parametrize("partner", ["Femur", "Patella"])
def test_a_partner_is_another_landmark(content, partner):
    content["landmarks"][0]["partner"] = partner
    assert f"partner '{partner}' of 'Femur' is not another landmark" in refusal(content)


def test_a_set_is_mirrored_only_where_it_says_so(content):
    assert LandmarkSet.parse(content, source="knee").mirror_order is None
    content["mirror"] = True
    assert LandmarkSet.parse(content, source="knee").mirror_order == (0, 1)  # no partners: the names stay
    content["landmarks"].append(
        {"name": "Patella", "abbreviation": "P", "definition": "Its middle.", "partner": "Femur"}
    )
    content["landmarks"][0]["partner"] = "Patella"
    assert LandmarkSet.parse(content, source="knee").mirror_order == (2, 1, 0)
    assert LandmarkSet.parse(content | {"mirror": False}, source="knee").mirror_order is None


def test_the_set_of_an_older_model_card_is_not_mirrored(content):
    stored = LandmarkSet.parse(content, source="card").model_dump(mode="json")
    del stored["mirror"]
    assert not LandmarkSet.parse(stored, source="card").mirror


def test_lines_and_rules_use_known_landmarks(content):
    line = {"name": "Axis", "landmarks": ["Femur", "Patella"]}
    rule = {"rule": "reference_length", "between": ["Femur", "Patella"], "length_mm": 10}
    for extra in ({"lines": [line]}, {"millimetres": rule}):
        assert refusal(content | extra).endswith(
            "'Patella' is used in a line or rule but is not a landmark of the set."
        )


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "reference_length"},
        {"rule": "reference_length", "between": ["Femur", "Tibia"]},
        {"rule": "pixel_spacing", "between": ["Femur", "Tibia"], "length_mm": 50},
    ],
)
def test_incomplete_millimetre_rules(content, rule):
    assert "'between' and 'length_mm' go with rule 'reference_length'" in refusal(content | {"millimetres": rule})


def test_missing_file_names_the_shipped_sets(tmp_path):
    path = tmp_path / "absent.yaml"
    expected = f"No landmark set '{path}': give one of cephalometric_19, hand_37, spine_68 or the path of a YAML file."
    with pytest.raises(LandmarkSetError, match=f"^{re.escape(expected)}$"):
        LandmarkSet.load(path)


@pytest.mark.parametrize("text", [b"name: [knee", b"name: \xff\xfe knee", b"a: b: c"])
def test_bad_yaml(tmp_path, text):
    path = tmp_path / "knee.yaml"
    path.write_bytes(text)
    with pytest.raises(LandmarkSetError, match=r"^Landmark set knee\.yaml is not readable as YAML: [^\n]+$"):
        LandmarkSet.load(path)


def test_every_refusal_is_one_line(content):
    assert "\n" not in refusal(content | {"landmarks": "Femur", "colour": "red", "input_size": None})


def test_a_file_is_read_once_until_it_changes(tmp_path, content, monkeypatch):
    path = tmp_path / "knee.yaml"
    reads, read = [], yaml.safe_load
    monkeypatch.setattr(yaml, "safe_load", lambda text: (reads.append(1), read(text))[1])
    for title in ("Knee", "Hips"):  # of the same length
        path.write_text(yaml.safe_dump({**content, "title": title}))
        assert [LandmarkSet.load(path).title for _ in range(2)] == [title] * 2
    assert len(reads) == 2

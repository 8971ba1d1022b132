import math
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monailabel_app.datastores import rules
from monailabel_app.errors import NotFoundError, StudiesError, TooLargeError


@given(st.text())
def test_an_allowed_id_is_one_visible_file_name_in_its_folder(text: str) -> None:
    if rules.id_fault(text) is not None:
        with pytest.raises(StudiesError, match="An image cannot have the id"):
            rules.checked_id(text)
        return
    path = Path("/studies/labels/final") / f"{text}.mrk.json"
    assert path.parent == Path("/studies/labels/final")
    assert path.name == f"{text}.mrk.json"
    assert len(path.name.encode()) <= 255
    assert not text.startswith(".")
    assert not any(unicodedata.category(letter).startswith("C") for letter in text)
    assert rules.label_id(path.name) == (text, ".mrk.json")


@pytest.mark.parametrize(
    "text", ["001", "Bild 7 ä", "头颅", "1.2.840.113", "a__b", "a.b c.1", "x-ray (2)", "2: CR Skull", "-1"]
)
def test_ordinary_ids(text: str) -> None:
    assert rules.checked_id(text) == text


TRAVERSALS = [
    "..", ".", "../x", "a/../../x", "/etc/passwd", "a/b", "a\\b", "..\\x", "C:\\x\\y", "x\0.png", "x\n", "\x1bx",
    "x\u202ey", ".hidden", " x", "x ", "x.", "con", "NUL.png", "lpt1", "a" * 201, "ä" * 101, "", "a.mrk", "A.MRK",
    "\ud800", "\u200bx",
]  # fmt: skip


@pytest.mark.parametrize("text", [*TRAVERSALS, None, 7, ["x"]])
def test_odd_ids_are_refused(text: Any) -> None:
    with pytest.raises(StudiesError, match=r"An image cannot have the id .*; choose another name") as refusal:
        rules.checked_id(text)
    assert refusal.value.status_code == 422
    assert refusal.value.detail == str(refusal.value)
    assert refusal.value.detail.isprintable()
    assert len(refusal.value.detail) < 250
    refusal.value.detail.encode()


@given(st.text() | st.sampled_from(["final", "original"]))
def test_there_are_two_tags(tag: str) -> None:
    if tag in ("final", "original"):
        assert rules.checked_tag(tag) == tag
    else:
        with pytest.raises(StudiesError, match=r"cannot have the tag .*: there are 'final' and 'original'"):
            rules.checked_tag(tag)


def test_upstreams_enum_is_a_tag() -> None:
    from monailabel.interfaces.datastore import DefaultLabelTag

    assert type(rules.checked_tag(DefaultLabelTag.FINAL)) is str


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.png", ".png"),
        ("A.PNG", ".PNG"),
        ("a.b.Nii.Gz", ".Nii.Gz"),
        ("x.tiff", ".tiff"),
        ("x.dcm", ".dcm"),
        ("x.png.txt", None),
        ("datastore_v2.json", None),
        ("a.mrk.json", None),
        ("lib.py", None),
        (".png", None),
        ("png", None),
        ("x.gz", None),
    ],
)
def test_image_extension(name: str, extension: str | None) -> None:
    assert rules.image_extension(name) == extension
    if extension is None:
        with pytest.raises(StudiesError, match=r"A file .* is not a radiograph: use \.nii\.gz, "):
            rules.checked_image_extension(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mrk.json", ("a", ".mrk.json")),
        ("a.json", ("a", ".json")),
        ("a.b.json", ("a.b", ".json")),
        ("a.nii.gz", None),
        (".a.json", None),
        ("json", None),
    ],
)
def test_label_id(name: str, expected: tuple[str, str] | None) -> None:
    assert rules.label_id(name) == expected


def test_checked_info() -> None:
    given_info = {"model": "ceph", "params": {"label_names": {"Sella": 0}}, "ts": 5, "file": "../x", "名": [None, 1.5]}
    assert rules.checked_info(given_info) == {
        "model": "ceph",
        "params": {"label_names": {"Sella": 0}},
        "名": [None, 1.5],
    }
    assert rules.checked_info(None) == {}


@pytest.mark.parametrize(
    ("info", "status", "sentence"),
    [
        ([1], 422, "not a JSON object"),
        ("x", 422, "not a JSON object"),
        ({"x": math.nan}, 422, "cannot be stored as JSON"),
        ({"x": Path("y")}, 422, "cannot be stored as JSON"),
        ({"x": "y" * 300_000}, 413, r"Parameters have 300 kB; at most 256 are stored"),
    ],
)
def test_other_info_is_refused(info: Any, status: int, sentence: str) -> None:
    with pytest.raises(StudiesError, match=sentence) as refusal:
        rules.checked_info(info)
    assert refusal.value.status_code == status


def test_checked_size(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert rules.checked_size(path, 5) == path
    with pytest.raises(TooLargeError, match=r"The file has 0\.0 MB; at most 0 MB") as refusal:
        rules.checked_size(path, 4)
    assert refusal.value.status_code == 413
    with pytest.raises(NotFoundError, match="There is no file 'y' to store") as absent:
        rules.checked_size(tmp_path / "y", 4)
    assert absent.value.status_code == 404


@given(st.text(min_size=0, max_size=400))
def test_quoted_is_short_and_printable(text: str) -> None:
    assert len(rules.quoted(text)) <= 82
    assert rules.quoted(text).isprintable()

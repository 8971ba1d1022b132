"""Names of annotators and the folders that stand for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monailabel_app.datastores import rules
from monailabel_app.datastores.annotators import annotator_of, checked_name, folder_of, name_of
from monailabel_app.errors import StudiesError
from tests.datastores.test_rules import TRAVERSALS


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Dr. Müller", "Dr. Müller"),
        ("A. B.", "A. B%2E"),
        ("ward 7/ada", "ward 7%2Fada"),
        ("..", "%2E%2E"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        ("CON", "%43ON"),
        ("100 %", "100 %25"),
        ("张伟", "张伟"),
    ],
)
def test_a_name_and_its_folder(name: str, folder: str) -> None:
    assert folder_of(checked_name(name)) == folder
    assert name_of(folder) == name


@given(st.text(max_size=40))
def test_every_name_that_is_taken_has_a_safe_folder_of_its_own(text: str) -> None:
    try:
        name = checked_name(text)
    except StudiesError:
        return
    folder = folder_of(name)
    assert name_of(folder) == name
    assert rules.id_fault(folder) is None or folder.casefold().endswith(".mrk")
    assert not set(folder) & set('/\\<>:"|?*')


def test_two_encodings_of_an_accent_are_one_name() -> None:
    assert checked_name(" Mu\u0308ller ") == "Müller"


@pytest.mark.parametrize("folder", ["%2f", "a%2F%", ".hidden", "Müller"[:1] + "u\u0308", "x.", ""])
def test_folders_that_are_nobodys(folder: str) -> None:
    assert name_of(folder) is None


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"annotator": "Ada", "user": "root", "client_id": "pc7"}, ("Ada", 1)),
        ({"user": "root", "client_id": "pc7", "reading": 2}, ("root", 2)),
        ({"client_id": "pc7", "annotator": "", "reading": "3"}, ("pc7", 3)),
        ({}, ("unnamed", 1)),
        ({"user": "\x00", "client_id": 7}, ("unnamed", 1)),
        ({"client_id": "x" * 101}, ("unnamed", 1)),
    ],
)
def test_whose_reading_a_label_is(info: dict[str, object], expected: tuple[str, int]) -> None:
    assert annotator_of(info) == expected


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        ({"annotator": 7}, "The name of an annotator is not a text"),
        ({"annotator": "  "}, "it is empty"),
        ({"annotator": "a\nb"}, "invisible or control characters"),
        ({"annotator": "ü" * 51}, "longer than 100 bytes"),
        ({"reading": 0}, "a whole number from 1 to 99, not '0'"),
        ({"reading": 1.5}, "not '1.5'"),
        ({"reading": True}, "not 'True'"),
        ({"reading": "second"}, "not 'second'"),
    ],
)
def test_what_is_refused(info: dict[str, object], sentence: str) -> None:
    with pytest.raises(StudiesError, match=sentence):
        annotator_of(info)


@pytest.mark.parametrize("odd", TRAVERSALS)
def test_no_name_leaves_the_folder(odd: str) -> None:
    folder = folder_of(annotator_of({"client_id": odd})[0])
    assert folder not in ("", ".", "..")
    assert not set(folder) & set("/\\")

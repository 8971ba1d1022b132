import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monailabel_app.datastores import rules
from monailabel_app.datastores.local import StudiesFolder
from monailabel_app.datastores.scan import id_for
from tests.datastores.conftest import SETS, write_image


def ids(studies: Path) -> dict[str, str]:
    store = StudiesFolder(studies, SETS)
    return {
        image_id: Path(store.get_image_uri(image_id)).relative_to(studies).as_posix()
        for image_id in store.list_images()
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["001.png", "A.PNG", "b.JpG"], {"001": "001.png", "A": "A.PNG", "b": "b.JpG"}),
        (["Bild 7 ä.png", "头颅/1.2.840.png"], {"Bild 7 ä": "Bild 7 ä.png", "头颅__1.2.840": "头颅/1.2.840.png"}),
        (["same.jpg", "same.png"], {"same": "same.jpg", "same.png": "same.png"}),
        (["a/b.png", "a__b.png"], {"a__b": "a/b.png", "a__b.png": "a__b.png"}),
        (["b/c.png", "b__c.png", "b__c.png.png"],
         {"b__c": "b/c.png", "b__c.png": "b__c.png", "b__c.png.png": "b__c.png.png"}),
        (["x.png.y.png"], {"x.png.y": "x.png.y.png"}),
        ([".hidden.png", ".git/a.png", "labels/a.png", "labels/final/b.png", "ok.png"], {"ok": "ok.png"}),
        (["sub/labels/a.png"], {"sub__labels__a": "sub/labels/a.png"}),
        (["notes.txt", "points.json", "a.mrk.json", "x.py", "ok.png"], {"ok": "ok.png"}),
    ],
)  # fmt: skip
def test_what_is_an_image_and_its_id(files: list[str], expected: dict[str, str], studies: Path) -> None:
    for file in files:
        path = studies / file
        if rules.image_extension(file) is not None:
            write_image(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
    assert ids(studies) == expected
    assert ids(studies) == expected  # once given, from the index


def test_ids_stay_when_files_come_before_them(studies: Path) -> None:
    write_image(studies / "same.png")
    assert ids(studies) == {"same": "same.png"}
    write_image(studies / "same.jpg")
    assert ids(studies) == {"same": "same.png", "same.jpg": "same.jpg"}
    (studies / "same.png").unlink()
    assert ids(studies) == {"same.jpg": "same.jpg"}
    write_image(studies / "same.png")
    assert ids(studies) == {"same": "same.png", "same.jpg": "same.jpg"}


@given(
    files=st.lists(
        st.sampled_from(
            ["a", "b", "a/b", "a__b", "a.png", "a/b.png", "a__b.png", "a.png.png", "a-2", "a.png-2"]
        ).flatmap(lambda stem: st.sampled_from([".png", ".jpg", ".PNG"]).map(lambda extension: stem + extension)),
        unique=True,
    )
)
def test_every_file_gets_an_id_of_its_own(files: list[str]) -> None:
    taken: dict[str, str] = {}
    for file in sorted(files):
        taken[id_for(file, taken)] = file
    assert sorted(taken.values()) == sorted(files)


def test_links_that_leave_the_folder_are_ignored_once(
    studies: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = write_image(tmp_path / "outside" / "secret.png")
    inside = write_image(studies / "inside.png")
    (studies / "out.png").symlink_to(outside)
    (studies / "out").symlink_to(outside.parent)
    (studies / "loop").symlink_to(studies)
    (studies / "broken.png").symlink_to(tmp_path / "nothing.png")
    (studies / "alias.png").symlink_to(inside)
    store = StudiesFolder(studies, SETS)
    store.refresh()
    assert store.list_images() == ["alias", "inside"]
    assert [record.message for record in caplog.records] == [
        "Ignored 'out.png': it is a link that leaves the studies folder."
    ]


def test_a_studies_folder_that_is_itself_a_link(studies: Path, tmp_path: Path) -> None:
    write_image(studies / "a.png")
    (tmp_path / "link").symlink_to(studies)
    assert StudiesFolder(tmp_path / "link", SETS).list_images() == ["a"]


def test_a_name_that_cannot_be_an_id_is_told_once(studies: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_image(studies / "ok.png")
    (studies / "odd\n.png").write_bytes((studies / "ok.png").read_bytes())
    store = StudiesFolder(studies, SETS)
    with caplog.at_level(logging.WARNING):
        store.refresh()
    assert store.list_images() == ["ok"]
    (record,) = caplog.records
    assert "Ignored the file 'odd?.png'" in record.message
    assert "invisible or control characters" in record.message


def test_a_file_dropped_later_is_found_without_a_watcher(
    store: StudiesFolder, studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monailabel_app.datastores.looking.RESCAN_S", 0.0)
    assert store.list_images() == []
    write_image(studies / "new.png")
    assert store.list_images() == ["new"]
    (studies / "new.png").unlink()
    assert store.list_images() == []
    assert store.get_image_uri("new") == ""

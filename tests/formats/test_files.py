import json
import os
from pathlib import Path

import pytest

from lib.formats import copy_atomic, json_text, write_atomic


def test_write_atomic_creates_and_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "größe.json"
    write_atomic(path, "ä1")
    write_atomic(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_with_the_old_file_open_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    with path.open() as reader:
        write_atomic(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_failed_write_keeps_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    with pytest.raises(IsADirectoryError):
        copy_atomic(tmp_path, path)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):  # written, but cannot be moved into place
        write_atomic(folder, "new")
    assert path.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "folder"]


def test_permissions_are_those_of_an_ordinary_new_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "atomic", "1")
    (tmp_path / "ordinary").write_text("1")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_copy_atomic(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    copy_atomic(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_json_text_refuses_nan_and_keeps_letters() -> None:
    assert json.loads(json_text({"名": [1.5, None]})) == {"名": [1.5, None]}
    assert "名" in json_text({"名": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"x": float("nan")})

"""A file is replaced whole, or is as it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from myna.files import data_folder, replacing, sha256


def test_takes_its_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_what_was(
    tmp_path: Path, error: type[BaseException], existed: bool
) -> None:
    path = tmp_path / "a"
    if existed:
        path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(error), replacing(path) as temporary:
        fail(temporary)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"] * existed


def test_a_failed_rename_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"


def test_only_ordinary_files_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    targets = [folder]
    if hasattr(os, "mkfifo"):
        targets.append(tmp_path / "pipe")
        os.mkfifo(targets[-1])
    before = set(tmp_path.iterdir())
    for target in targets:
        with pytest.raises(OSError, match="no ordinary file"), replacing(target) as temporary:
            temporary.write_text("new")
        assert not target.is_file()
    assert set(tmp_path.iterdir()) == before


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "a"):
        pytest.fail("the block must not run")


def test_sha256(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    assert sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_HOME", "~/birds")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("HOME", "/home/anna")
    assert data_folder() == Path("/home/anna/birds")
    monkeypatch.delenv("MYNA_HOME")
    assert data_folder() == Path("/cache/myna")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == Path("/home/anna/.cache/myna")

"""The dictionary is built once, and somewhere."""

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from myna.errors import TextError
from myna.text.ja import dictionary

pytest.importorskip("jpreprocess", reason="the extra ja is not installed")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Where dictionaries were built; building only makes a folder, loading only looks for it."""
    places: list[Path] = []

    def build(ready: Path) -> None:
        ready.mkdir(parents=True)
        places.append(ready)

    monkeypatch.setattr(dictionary, "_build", build)
    monkeypatch.setattr(dictionary, "_loaded", lambda folder: folder.is_dir() and folder)
    dictionary._analyser.cache_clear()
    yield places
    dictionary._analyser.cache_clear()


def test_it_is_built_in_the_data_folder_once(
    built: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    first = dictionary.analyser()
    dictionary._analyser.cache_clear()
    assert str(dictionary.analyser()) == str(first) == str(built[0])
    assert len(built) == 1
    assert tmp_path in built[0].parents


def test_without_a_data_folder_it_is_built_in_a_temporary_one(
    built: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "file"))
    assert str(dictionary.analyser()) == str(built[0])
    assert tmp_path not in built[0].parents
    assert not built[0].exists()


def test_no_room_anywhere_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setattr(dictionary, "_SPACE", 1 << 60)
    dictionary._analyser.cache_clear()
    with pytest.raises(TextError, match="MYNA_HOME"):
        dictionary.analyser()


def test_packed_words_come_out_as_the_tables_they_were(tmp_path: Path) -> None:
    dictionary._write_words(tmp_path / "words.csv")
    with (tmp_path / "words.csv").open(encoding="utf-8") as stream:
        lines = stream.readlines()
    assert len(lines) == 788_914
    assert "玉串,1345,1345,5746,名詞,一般,*,*,*,*,玉串,タマグシ,タマグシ,2/4,C1\n" in lines
    assert (
        "噴きでよ,651,651,8512,動詞,自立,*,*,一段,命令ｙｏ,噴きでる,フキデヨ,フキデヨ,3/4,C1\n"
        in lines
    )
    raw = lzma.decompress((dictionary._DATA / "connections.xz").read_bytes())
    assert len(raw) == 2 * 1377**2

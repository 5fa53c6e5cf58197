"""What is found in a folder, in a list, or beside a recording."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from myna.dataset.finding import find
from myna.errors import DatasetError


def touch(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_folder_is_searched_with_all_in_it(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.wav", "a/C.FLAC", "a/d.m4a", ".hidden.wav", ".git/e.wav", "notes.md", "o/x.wav"
    )
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing.wav")
    found = find(tmp_path, leave_out=tmp_path / "o")
    assert [clip.source for clip in found.clips] == ["a/C.FLAC", "a/d.m4a", "b.wav"]
    assert {clip.speaker for clip in found.clips} == {tmp_path.name}
    assert found.recordings["b.wav"].path == str(tmp_path / "b.wav")
    assert found.recordings["b.wav"].size == 1


def test_words_beside_recordings(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.wav", "c.wav")
    touch(tmp_path, "b.txt", text="Hello\nthere.")
    touch(tmp_path, "c.srt", text="1\n00:00:01,000 --> 00:00:02,000\nHi.\n")
    found = find(tmp_path, speaker="anna", language="en")
    assert [clip.source for clip in found.clips] == ["b.wav", "c.wav", "a.wav"]
    assert found.clips[0].text == "Hello there."
    assert found.clips[0].text_from == "b.txt"
    assert found.clips[1].text == ""
    (part,) = found.recordings["c.wav"].parts
    assert (part.times, part.text, part.speaker, part.language) == ((1, 2), "Hi.", "anna", "en")


def test_one_recording(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.wav")
    touch(tmp_path, "a.txt", text="Hello.")
    (clip,) = find(tmp_path / "a.wav").clips
    assert (clip.source, clip.text, clip.speaker) == ("a.wav", "Hello.", "a")


def test_list_in_the_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "wavs/LJ1.wav", "wavs/LJ2.wav", "new.wav")
    touch(tmp_path, "metadata.csv", text="LJ1|One.\nLJ2|Two.\nLJ3|Three.\n")
    touch(tmp_path, "sizes.csv", text="height,weight\n1,2\n")
    with caplog.at_level(logging.WARNING, "myna"):
        found = find(tmp_path)
    assert [(clip.source, clip.text) for clip in found.clips] == [
        ("wavs/LJ1.wav", "One."),
        ("wavs/LJ2.wav", "Two."),
        ("new.wav", ""),
    ]
    assert "LJ3" in caplog.text
    assert "sizes.csv" in caplog.text


def test_list(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "b.wav", "unnamed.wav")
    rows = f"in\\a.wav|anna|EN|One.\n{tmp_path}/b.wav||JP|\ngone.wav|anna|EN|Two.\n"
    touch(tmp_path, "x.list", text=rows)
    found = find(tmp_path / "x.list", speaker="ben")
    facts = {clip.source: (clip.speaker, clip.language, clip.text) for clip in found.clips}
    assert facts == {
        "in/a.wav": ("anna", "en", "One."),
        "b.wav": ("ben", "ja", ""),
        "gone.wav": ("anna", "en", "Two."),
    }
    assert found.recordings["gone.wav"].size == -1


def test_parts_in_a_table(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    touch(tmp_path, "x.csv", text="path,start,end,text\na.wav,5,6,B\na.wav,1,2,A\na.wav,1,2,A\n")
    (recording,) = find(tmp_path / "x.csv").recordings.values()
    assert [(part.times, part.text) for part in recording.parts] == [((1, 2), "A"), ((5, 6), "B")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("path,text\na.wav,One\na.wav,Two\n", "lines 2 and 3 say different things"),
        ("path,text,start,end\na.wav,One,,\na.wav,Two,1,2\n", "line 2: a.wav is named as a whole"),
        ("path,text\ngone.wav,One\n", "None of the 1 recordings"),
    ],
)
def test_lists_that_contradict_themselves(tmp_path: Path, rows: str, message: str) -> None:
    touch(tmp_path, "a.wav")
    touch(tmp_path, "x.csv", text=rows)
    with pytest.raises(DatasetError, match=message):
        find(tmp_path / "x.csv")


@pytest.mark.parametrize("other", ["a.srt", "x.list"])
def test_two_that_say_different_things(tmp_path: Path, other: str) -> None:
    touch(tmp_path, "a.wav")
    touch(tmp_path, "a.txt", text="One.")
    touch(tmp_path, "a.srt" if other == "a.srt" else "x.list", text="a.wav|a|EN|Two.\n")
    with pytest.raises(DatasetError, match="Two files say"):
        find(tmp_path)


def test_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "notes.md")
    with pytest.raises(DatasetError, match="holds no recordings"):
        find(tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        find(tmp_path / "gone")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    try:
        (tmp_path / b"caf\xe9.wav".decode("utf-8", "surrogateescape")).write_text("x")
    except (OSError, UnicodeError):
        pytest.skip("this file system knows only names that are text")
    (clip,) = find(tmp_path).clips
    assert clip.source == "caf\\xe9.wav"
    assert clip.as_json()

"""What is found in a folder, in a list, or beside a recording."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from myna.dataset.finding import find
from myna.dataset.running import Place
from myna.dataset.steps.loading import Load
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


@pytest.mark.parametrize(
    "marks", [("stages/01-load.jsonl", "work/load/b.flac"), ("set.json", "manifest.jsonl")]
)
def test_sets_are_no_recordings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, marks: tuple[str, ...]
) -> None:
    touch(tmp_path, "a.wav", "set/clips/a.flac", *(f"set/{mark}" for mark in marks))
    with caplog.at_level(logging.WARNING, "myna"):
        assert [clip.source for clip in find(tmp_path).clips] == ["a.wav"]
    assert "is a set" in caplog.text
    with pytest.raises(DatasetError, match="holds no recordings"):
        find(tmp_path / "set")


def test_a_folder_that_cannot_be_searched_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.wav", "closed/b.wav")
    scan = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == closing:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    closing = "closed"
    with caplog.at_level(logging.WARNING, "myna"):
        assert [clip.source for clip in find(tmp_path).clips] == ["a.wav"]
    assert "closed cannot be searched (Permission denied)" in caplog.text
    closing = tmp_path.name
    with pytest.raises(PermissionError):
        find(tmp_path)


def test_the_longest_names(tmp_path: Path) -> None:
    name = "x" * 251 + ".wav"
    try:
        touch(tmp_path, name)
    except OSError:
        pytest.skip("this file system knows only shorter names")
    assert [clip.source for clip in find(tmp_path).clips] == [name]


def test_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "notes.md")
    with pytest.raises(DatasetError, match="holds no recordings"):
        find(tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        find(tmp_path / "gone")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / b"caf\xe9".decode("utf-8", "surrogateescape")
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    try:
        touch(folder, name, name.replace("wav", "txt"))
    except (OSError, UnicodeError):
        pytest.skip("this file system knows only names that are text")
    found = find(folder)
    (clip,) = found.clips
    assert (clip.source, clip.text_from) == ("caf\\xe9.wav", "caf\\xe9.txt")
    assert clip.speaker == "caf\\xe9"
    assert clip.as_json().encode()
    (folder / name).write_bytes(b"no sound")
    (dropped,) = Load(recordings=found.recordings, shortest=1.0).run(
        (clip,), Place(tmp_path, "load")
    )
    assert dropped.dropped == "unreadable"
    assert dropped.as_json().encode()


def test_a_speaker_named_like_a_folder_can_stand_in_a_list(tmp_path: Path) -> None:
    touch(tmp_path, "a|b\x1bc/x.wav")
    (clip,) = find(tmp_path / "a|b\x1bc").clips
    assert clip.speaker == "a b c"


def test_a_speaker_that_no_list_can_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    touch(tmp_path, "l.csv", text="path,speaker,text\na.wav,b|c,Hello.\n")
    with pytest.raises(DatasetError, match="line 2: a speaker's name has no '\\|'"):
        find(tmp_path / "l.csv")
    touch(tmp_path, "a.vtt", text="WEBVTT\n\n00:01.000 --> 00:02.000\n<v b|c>Hi.\n")
    with pytest.raises(DatasetError, match="line 3: a speaker's name has no '\\|'"):
        find(tmp_path / "a.wav")

"""Sentences come from the package, a text, or a list whose rows can be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

import toy
from myna.errors import DatasetError
from myna.evaluation.sentences import (
    by_speaker,
    first,
    of_file,
    of_folder,
    of_list,
    packaged,
    worded,
)
from myna.evaluation.words import words_of


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A list of two speakers, three recordings and a file with two texts."""
    for name in ("a1", "a2", "b1", "twice"):
        toy.clip(0.5).save(tmp_path / f"{name}.wav")
    rows = ["a1.wav|anna|EN|One.", "a2.wav|anna|EN|Two.", "b1.wav|ben|EN|", "twice.wav|ben|EN|x"]
    rows += ["twice.wav|ben|EN|y", "gone.wav|mei|ZH|你好"]
    (tmp_path / "some.list").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "some.list"


def test_packaged() -> None:
    english, mandarin = packaged("en"), packaged("zh")
    assert (len(english), len(mandarin)) == (100, 30)
    for each in (english, mandarin):
        assert len({line.text for line in each}) == len(each)
    assert all(4 <= len(line.text.split()) <= 20 for line in english)
    assert all(words_of(line.text) for line in english)
    assert all(2 <= len(line.text) <= 10 for line in mandarin)


def test_texts(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("\ufeffFirst  one.\r\n\nSecond.\nFirst one.\n", encoding="utf-8")
    assert [each.text for each in of_file(path, "en")] == ["First one.", "Second."]
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="no sentences"):
        of_file(path, "en")


def test_several_texts_of_one_recording(recorded: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = of_list(recorded, "en")
    assert [each.recording and each.recording.name for each in found] == [
        "a1.wav",
        "a2.wav",
        "b1.wav",
    ]
    (warning,) = caplog.messages
    assert "several texts for 1 of its recordings (twice.wav), 2 lines" in warning
    assert [each.text for each in of_file(recorded, "en")] == ["One.", "Two."]


def test_what_a_list_lacks(recorded: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.wav, which is not there"):
        of_list(recorded, "zh")
    with pytest.raises(DatasetError, match="no recording in 'ko'"):
        of_list(recorded, "ko")
    mute = by_speaker(of_list(recorded, "en"))["ben"]
    with pytest.raises(DatasetError, match="of no recording"):
        worded(mute, recorded)


def test_a_folder(recorded: Path, tmp_path: Path) -> None:
    assert len(of_folder(recorded.parent)) == 4
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no recordings"):
        of_folder(tmp_path / "empty")


def test_everybody_takes_turns(recorded: Path) -> None:
    everything = of_list(recorded, "en")
    assert [each.speaker for each in first(everything, 2)] == ["anna", "ben"]
    assert len(first(everything, None)) == 3

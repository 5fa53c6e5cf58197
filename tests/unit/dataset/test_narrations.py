"""Lists of many recordings, in which long ones are cut between sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("soundfile")

import toy
from myna.dataset import lists, narrations
from myna.dataset.finding import find
from myna.dataset.narrations import ended, grouped, main, one_list, sentences_of
from myna.engines.recogniser import Aligned, Alignment
from myna.errors import DatasetError

LONG = "Good morning. Birds repeat it! He went home? Nice to meet you"


class Listener:
    """Hears each sound for a tenth of a second, with half a second between sentences."""

    def __init__(self, pauses: tuple[int, ...], score: float = 0.0) -> None:
        self.pauses, self.score = pauses, score
        self.asked: list[int] = []

    def align(self, audio, phones):
        self.asked.append(len(phones))
        at, sounds = 0.2, []
        for number, phone in enumerate(phones):
            at += 0.5 if number in self.pauses else 0.0
            sounds.append(Aligned(phone, at, at + 0.1, 0.0))
            at += 0.1
        cost = -self.score * len(phones)
        return Alignment(tuple(sounds), cost, 0.0, cost, 0.0, 0.0)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    (folder / "one").mkdir(parents=True)
    for name, seconds in (("short", 1.0), ("long", 6.0), ("untold", 1.0)):
        toy.clip(seconds).save(folder / f"one/{name}.wav")
    (folder / "one.list").write_text(
        f"one/short.wav|anna|en|A fox, \none/long.wav|anna|en|{LONG}\none/untold.wav|anna|en|\n"
    )
    (folder / "two.list").write_text("one/untold.wav|ben|en|He said: go!\n")
    return folder


def counts() -> list[int]:
    from myna.text import read
    from myna.text.sounds import heard_in

    texts = [ended(each) for each in sentences_of(LONG)]
    return [len(heard_in(read(each, language="en", improved=True))) for each in texts]


def test_a_long_recording_is_cut_in_the_pauses(speech: Path, tmp_path: Path) -> None:
    own = counts()
    starts = np.cumsum(own)[:-1]
    listener = Listener(tuple(starts.tolist()))
    out = speech / "all.tsv"
    one_list([speech / "one.list", speech / "two.list"], out, listener, longest=4.0)
    lines = lists.read(out)
    assert listener.asked == [sum(own)]
    assert [(line.path, line.speaker, line.text) for line in lines] == [
        ("one/short.wav", "anna", "A fox."),
        ("one/long.wav", "anna", "Good morning. Birds repeat it!"),
        ("one/long.wav", "anna", "He went home? Nice to meet you."),
        ("one/untold.wav", "ben", "He said: go!"),
    ]
    assert lines[0].start is None
    border = 0.2 + 0.1 * starts[1] + 0.5 + 0.25  # behind two pauses, in the middle of the second
    assert lines[1].times == pytest.approx((0.0, border), abs=1e-3)
    assert lines[2].times == pytest.approx((border, toy.clip(6.0).seconds), abs=1e-3)
    found = find(out)
    assert len(found.recordings) == 3
    assert [len(each.parts) for _, each in sorted(found.recordings.items())] == [2, 0, 0]


def test_a_text_that_is_not_heard_is_left_out(
    speech: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = one_list([speech / "one.list"], speech / "all.tsv", Listener((), -9.0), longest=3.0)
    assert [line.path for line in lines] == ["one/short.wav"]
    assert "its text is not what is heard" in caplog.text


def test_a_list_without_words(speech: Path) -> None:
    (speech / "none.list").write_text("one/short.wav|anna|en|\n")
    with pytest.raises(DatasetError, match="No recording in these lists has words"):
        one_list([speech / "none.list"], speech / "all.tsv", Listener(()))


def test_lists_elsewhere_name_recordings_by_their_whole_path(speech: Path, tmp_path: Path) -> None:
    (line,) = one_list([speech / "two.list"], tmp_path / "out" / "all.tsv", Listener(()))
    assert Path(line.path) == speech / "one/untold.wav"
    assert main([str(speech / "two.list"), "-o", str(tmp_path / "again.tsv")]) == 0
    assert lists.read(tmp_path / "again.tsv")[0].path == "speech/one/untold.wav"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A fox", "A fox."),
        ("A fox,", "A fox."),
        (" A fox! ", "A fox!"),
        ('"A fox."', '"A fox."'),
        ("狐狸。", "狐狸。"),
    ],
)
def test_texts_end(text: str, expected: str) -> None:
    assert ended(text) == expected


def test_sentences_of_a_text() -> None:
    assert sentences_of('He said "go." Then he went... 3.5 miles? - Yes.') == [
        'He said "go.',
        "Then he went...",
        "3.5 miles?",
        "- Yes.",
    ]


def test_groups_hold_all_sentences_in_order() -> None:
    assert grouped([3.0, 6.0, 9.0, 30.0, 31.0], 7.0) == [(0, 2), (2, 3), (3, 4), (4, 5)]
    assert grouped([5.0], 1.0) == [(0, 1)]
    for longest in (1.0, 4.0, 12.0):
        groups = narrations.grouped(np.arange(1.0, 20.0).tolist(), longest)
        assert [n for first, last in groups for n in range(first, last)] == list(range(19))

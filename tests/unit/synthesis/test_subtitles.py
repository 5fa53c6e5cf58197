"""Subtitles say what is said when, and nothing in a text can break out of its cue."""

import re

from hypothesis import given
from hypothesis import strategies as st

from myna.datatypes import Timing, Word
from myna.synthesis.subtitles import cues, srt, vtt

SAID = [Timing(0.0, 1.25, "Hello there."), Timing(3599.9996, 3661.5, "How are you?")]


def test_srt():
    assert srt(SAID) == (
        "1\n00:00:00,000 --> 00:00:01,250\nHello there.\n\n"
        "2\n01:00:00,000 --> 01:01:01,500\nHow are you?\n\n"
    )


def test_vtt():
    assert vtt(SAID) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHello there.\n\n"
        "01:00:00.000 --> 01:01:01.500\nHow are you?\n\n"
    )


def test_nothing_said():
    assert srt([]) == ""
    assert vtt([Timing(0, 1, " \n")]) == "WEBVTT\n\n"


def test_long_lines_are_broken():
    cue = srt([Timing(0, 9, "word " * 30)]).splitlines()[2:-1]
    assert len(cue) > 2
    assert all(len(line) <= 42 for line in cue)


LONG = (
    "This is a sentence that goes on for as long as it takes to fill one line, and two, and three."
)


def worded(text: str, start: float = 1.0) -> Timing:
    """A word each second, with a second of silence at the end."""
    words = text.split()
    each = tuple(Word(start + n + 0.25, start + n + 1, word) for n, word in enumerate(words))
    return Timing(start, start + len(words) + 1, text, each)


def test_cues_of_words():
    found = cues([worded("Hello there."), Timing(4, 5, "How are you?")], "word")
    assert [(cue.start, cue.end, cue.text) for cue in found] == [
        (1.25, 2, "Hello"),
        (2.25, 3, "there."),
        (4, 5, "How are you?"),
    ]


def test_cues_of_lines():
    short, long = worded("Hello there."), worded(LONG, 10.0)
    first, *parts = cues([short, long], "line")
    assert (first.start, first.end, first.text) == (short.start, short.end, short.text)
    assert len(parts) == 2
    assert " ".join(part.text for part in parts) == LONG
    for cue in srt(parts).strip().split("\n\n"):
        assert len(cue.splitlines()[2:]) <= 2
    assert parts[0].start == long.start
    assert parts[0].end == parts[1].start == parts[1].words[0].start
    assert parts[1].end == long.end


def test_cues_of_sentences():
    said = [worded(LONG), Timing(50, 51, LONG)]
    assert cues(said) == said
    assert cues(said, "line")[-1] == said[-1]


def test_signs_of_the_format():
    assert "1 &lt; 2 --&gt; 3 &amp; more" in vtt([Timing(0, 1, "1 < 2 --> 3 & more")])
    assert "\n1 < 2 -> 3 & more\n" in srt([Timing(0, 1, "1 < 2 --> 3 & more")])


@given(st.lists(st.text(max_size=60), max_size=5))
def test_as_many_cues_as_texts(texts):
    timings = [Timing(i, i + 1, text) for i, text in enumerate(texts)]
    count = sum(bool(text.strip()) for text in texts)
    for written in (srt(timings), vtt(timings).removeprefix("WEBVTT\n\n")):
        cues = re.split(r"\n\n", written.removesuffix("\n\n")) if written else []
        assert len(cues) == count
        assert len(re.findall(r"^[\d:.,]{12} --> [\d:.,]{12}$", vtt(timings), re.M)) == count

"""What is said when, as subtitles: SubRip (SRT) and WebVTT.

Source of the formats: the de facto SubRip format, and the W3C's WebVTT (Candidate Recommendation
of 2019), sections 4.1 and 6.4.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise

from myna.datatypes import Timing, Word

CUES = ("sentence", "line", "word")
"""What a cue may be: a sentence, as much of one as two lines hold, or a word."""

_WIDTH = 42
"""Letters of a line that a viewer reads at once, as broadcasters count them."""
_LINES = 2
"""Of a cue that is part of a sentence."""


def cues(timings: Iterable[Timing], by: str = "sentence") -> list[Timing]:
    """What is said, cut into cues; sentences whose words have no times stay whole.

    Args:
        by: one of `CUES`. Of a long sentence each cue but the last goes on until the next begins,
            so that nothing flickers.
    """
    assert by in CUES, "checked by whoever asks"
    if by == "sentence":
        return list(timings)
    return [cue for timing in timings for cue in _parts(timing, by)]


def _parts(timing: Timing, by: str) -> list[Timing]:
    """The cues of a sentence."""
    if not timing.words:
        return [timing]
    if by == "word":
        return [Timing(word.start, word.end, word.text, (word,)) for word in timing.words]
    groups: list[list[Word]] = [[]]
    for word in timing.words:
        text = " ".join(each.text for each in [*groups[-1], word])
        if groups[-1] and _lines(text).count("\n") >= _LINES:
            groups.append([])
        groups[-1].append(word)
    starts = [timing.start, *(group[0].start for group in groups[1:]), timing.end]
    return [
        Timing(start, end, " ".join(word.text for word in group), tuple(group))
        for (start, end), group in zip(pairwise(starts), groups, strict=True)
    ]


def srt(timings: Iterable[Timing]) -> str:
    """SubRip: numbered cues, in the order given; those without words are left out.

    It knows no escapes, so an arrow in the text, which stands between times, loses a dash.
    """
    return "".join(
        f"{number}\n{_clock(timing.start, ',')} --> {_clock(timing.end, ',')}\n"
        f"{_lines(timing.text.replace('-->', '->'))}\n\n"
        for number, timing in enumerate(_said(timings), 1)
    )


def vtt(timings: Iterable[Timing]) -> str:
    """WebVTT: cues in the order given; those without words are left out."""
    cues = (
        f"{_clock(timing.start, '.')} --> {_clock(timing.end, '.')}\n"
        f"{html.escape(_lines(timing.text), quote=False)}\n\n"
        for timing in _said(timings)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _said(timings: Iterable[Timing]) -> Iterator[Timing]:
    return (timing for timing in timings if timing.text.strip())


def _lines(text: str) -> str:
    """Without empty lines, which would end the cue; long lines are broken at spaces."""
    return "\n".join(textwrap.wrap(" ".join(text.split()), _WIDTH, break_long_words=False))


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(max(seconds, 0.0) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"

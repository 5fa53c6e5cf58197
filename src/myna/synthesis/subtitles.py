"""What is said when, as subtitles: SubRip (SRT) and WebVTT.

Source of the formats: the de facto SubRip format, and the W3C's WebVTT (Candidate Recommendation
of 2019), sections 4.1 and 6.4.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Iterator

from myna.datatypes import Timing

_WIDTH = 42
"""Letters of a line that a viewer reads at once, as broadcasters count them."""


def srt(timings: Iterable[Timing]) -> str:
    """SubRip: numbered cues, in the order given; those without words are left out."""
    return "".join(
        f"{number}\n{_clock(timing.start, ',')} --> {_clock(timing.end, ',')}\n"
        f"{_lines(timing.text)}\n\n"
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

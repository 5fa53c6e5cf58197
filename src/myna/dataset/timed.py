"""Words with times, beside a recording: Praat TextGrids, SRT and VTT subtitles.

A TextGrid is read as Praat says it reads one (manual, "TextGrid file formats"): what counts are the
numbers, quoted texts and flags that stand free; all else is comment. So one reader does for the
long and the short format. Empty intervals are pauses and are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from myna.dataset.lists import MOST_CHARACTERS, Line, read_text, seconds_of, speaker_name, wrong
from myna.errors import DatasetError

SENTENCE_TIERS = ("sentence", "sentences", "utterance", "utterances", "phrase", "phrases", "text")
"""Names of tiers that are taken of several; case does not matter."""

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(<\w+>)|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\S)|!.*')
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^ <>]*)? ([^<>]+)>")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


def read(path: str | Path, *, tier: str = "") -> tuple[Line, ...]:
    """Read a file of words with times; its ending says which kind it is.

    Args:
        path: a `.TextGrid`, `.srt` or `.vtt` file.
        tier: name of the tier of a TextGrid to take; empty takes the only one, or the one named
            like one of `SENTENCE_TIERS`.

    Returns:
        parts of the recording beside it, in order; those without words left out.

    Raises:
        DatasetError: it is not well formed, or it is not clear which tier to take; the message
            names the line.
        OSError: it cannot be read.
    """
    path = Path(path)
    text = read_text(path)
    lines = _of_textgrid(path, text, tier) if path.suffix.lower() == ".textgrid" else None
    found = tuple(_of_cues(path, text) if lines is None else lines)
    return tuple(sorted(found, key=lambda line: (line.start, line.end)))


class _Values:
    """The free-standing values of a TextGrid, one after another."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._found = (match for match in _TOKEN.finditer(text) if match.lastindex)
        self._at = 0
        self._line = 1

    @property
    def line(self) -> int:
        """Of the value that came last."""
        return self._line

    def text(self) -> str:
        value = self._next(1, "a text in quotes").replace('""', '"')
        if len(value) > MOST_CHARACTERS:
            raise wrong(self._path, self._line, f"longer than {MOST_CHARACTERS} characters")
        return " ".join(value.split())

    def number(self) -> float:
        value = float(self._next(3, "a number"))
        if not math.isfinite(value):
            raise wrong(self._path, self._line, "a number without end")
        return value

    def flag(self) -> str:
        return self._next(2, "a flag like <exists>")

    def _next(self, group: int, expected: str) -> str:
        match = next(self._found, None)
        if match is None:
            raise DatasetError(f"{self._path} ends early; expected {expected}. Export it again.")
        self._line += self._text.count("\n", self._at, match.start())
        self._at = match.start()
        if match.lastindex != group:
            raise wrong(self._path, self._line, f"expected {expected}, found {match[0][:40]!r}")
        return match[group]


def _of_textgrid(path: Path, text: str, tier: str) -> tuple[Line, ...]:
    values = _Values(path, text)
    if (values.text(), values.text()) != ("ooTextFile", "TextGrid"):
        raise wrong(path, 1, "not the text form of a TextGrid; save it as a text file in Praat")
    values.number(), values.number()
    tiers: dict[str, tuple[Line, ...]] = {}
    count = int(values.number()) if values.flag() == "<exists>" else 0
    for _ in range(count):
        kind, name = values.text(), values.text()
        values.number(), values.number()
        lines = tuple(_intervals(path, values, kind))
        if kind == "IntervalTier":
            if name in tiers:
                raise wrong(path, values.line, f"a second tier is named {name!r}; rename one")
            tiers[name] = lines
    return tiers[_chosen(path, tiers, tier)]


def _intervals(path: Path, values: _Values, kind: str) -> Iterator[Line]:
    if kind not in ("IntervalTier", "TextTier"):
        raise wrong(path, values.line, f"there is no kind of tier {kind[:40]!r}")
    for _ in range(int(values.number())):
        start = values.number()
        if kind == "TextTier":
            values.text()
            continue
        end, number, text = values.number(), values.line, values.text()
        if text:
            start, end = seconds_of(path, number, start, end)
            yield Line(path="", text=text, start=start, end=end, number=number)


def _chosen(path: Path, tiers: Mapping[str, object], tier: str) -> str:
    if tier:
        names = [tier] if tier in tiers else []
    elif len(tiers) == 1:
        names = list(tiers)
    else:
        names = [name for name in tiers if name.casefold() in SENTENCE_TIERS]
    if len(names) != 1:
        there = ", ".join(repr(name) for name in tiers) or "none"
        raise DatasetError(f"{path}: say which tier of intervals to take with --tier ({there}).")
    return names[0]


def _of_cues(path: Path, text: str) -> Iterator[Line]:
    """SRT and VTT alike: blocks between empty lines; one with a line of times is a cue."""
    for number, block in _blocks(text):
        at = next((i for i, line in enumerate(block[:2]) if "-->" in line), None)
        if at is None:
            head = block[0].partition(" ")[0].lstrip("\ufeff")
            if path.suffix.lower() == ".vtt" and head in ("WEBVTT", "NOTE", "STYLE", "REGION"):
                continue
            raise wrong(path, number, f"no cue with times: {block[0][:40]!r}")
        match = _CUE.fullmatch(block[at])
        if match is None:
            raise wrong(path, number + at, f"no times of a cue: {block[at][:60]!r}")
        start, end = _time(*match.groups()[:4]), _time(*match.groups()[4:])
        words = " ".join(" ".join(block[at + 1 :]).split())
        if len(words) > MOST_CHARACTERS:
            raise wrong(path, number, f"longer than {MOST_CHARACTERS} characters")
        voice = _VOICE.search(words)
        words = " ".join(_MARKUP.sub("", words).split())
        if words:
            start, end = seconds_of(path, number + at, start, end)
            speaker = speaker_name(path, number + at, voice[1].strip()) if voice else ""
            yield Line(path="", text=words, speaker=speaker, start=start, end=end, number=number)


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line, and the lines, of each block."""
    block: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _time(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction}")


READERS: Mapping[str, Callable[..., tuple[Line, ...]]] = {
    ".textgrid": read,
    ".srt": read,
    ".vtt": read,
}
"""By lower-case ending of the file beside a recording."""

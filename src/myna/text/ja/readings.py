"""Words whose reading depends on their neighbours, respelled so that they are read right."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from myna.text import tables
from myna.text.traced import Match, Traced

_FARTHEST = 12
"""Characters before a word that are looked at."""


def respelled(text: Traced) -> Traced:
    """The text with each word of `data/readings.txt` written as it is read there."""
    for row in _rows():
        if row.word in text.text:
            text = text.sub(row.pattern, row.spelling, rule=f"ja.reading.{row.word}")
    return text


class _Row(NamedTuple):
    word: str
    pattern: re.Pattern[str]
    """The word with what follows it."""
    spelling: Callable[[Match], str]


@cache
def _rows() -> list[_Row]:
    return [_row(*line.split("\t")) for line in tables.lines("ja", "readings.txt")]


def _row(word: str, before: str, after: str, spelled: str) -> _Row:
    follows = "" if after == "-" else f"(?={after})" if not after.startswith("(?!") else after
    preceding = None if before == "-" else re.compile(rf"(?:{before})\Z")

    def spelling(match: Match) -> str:
        if preceding is not None:
            start = match.start()
            if not preceding.search(match.string, max(0, start - _FARTHEST), start):
                return match[0]
        return spelled

    return _Row(word, re.compile(re.escape(word) + follows), spelling)

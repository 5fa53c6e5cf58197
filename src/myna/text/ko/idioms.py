"""Words that the rules would get wrong, spelled as they sound before the rules see them."""

from __future__ import annotations

import re
from functools import cache

from myna.text import tables
from myna.text.traced import Traced


def respelled(text: Traced) -> Traced:
    """Every idiom of the table as it sounds, wherever its letters stand; one after the other."""
    for pattern, word, sound in _patterns():
        if word not in text.text:
            continue
        if len(word) != len(sound):
            text = text.sub(pattern, sound, rule="ko.idiom")
            continue
        for match in pattern.finditer(text.text):
            text.journal.note("ko.idiom", text.span(*match.span()), word, sound)
        text = Traced(text.text.replace(word, sound), text.starts, text.ends, text.journal)
    return text


@cache
def idioms() -> dict[str, str]:
    """Word to sound."""
    return dict(line.split() for line in tables.lines("ko", "idioms.txt"))


@cache
def _patterns() -> list[tuple[re.Pattern[str], str, str]]:
    return [(re.compile(re.escape(word)), word, sound) for word, sound in idioms().items()]

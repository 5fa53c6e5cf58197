"""The word lists of the Mandarin rules."""

from __future__ import annotations

from functools import cache

from myna.text import tables


@cache
def word_list(name: str) -> frozenset[str]:
    """The list called `name`: neutral, not_neutral, erhua, not_erhua, quantifiers, or
    one of the improved reading: counters, full_tone."""
    return frozenset(_lists()[name])


@cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for line in tables.lines("zh", "words.txt"):
        if line.startswith("["):
            words = lists.setdefault(line.strip("[]"), [])
        else:
            words += line.split()
    return lists

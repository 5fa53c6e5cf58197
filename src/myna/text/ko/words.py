"""The word lists of the Korean rules."""

from __future__ import annotations

from functools import cache

from myna.text import tables


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The list called `name` in `lists.txt`."""
    return tuple(_lists()[name])


@cache
def any_of(name: str) -> str:
    """A regular expression of the words of a list; where several match, the longest does."""
    return "|".join(sorted(word_list(name), key=len, reverse=True))


@cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for line in tables.lines("ko", "lists.txt"):
        if line.startswith("["):
            words = lists.setdefault(line.strip("[]"), [])
        else:
            words += line.split()
    return lists

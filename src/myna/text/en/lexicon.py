"""Words that the dictionary lacks or has wrong, for readings as a native's: `data/words.txt`."""

from __future__ import annotations

from functools import cache

from myna.text import tables


def has(word: str) -> bool:
    """Whether a word in lower case is listed."""
    return word in _words()


def pronunciation(word: str) -> tuple[str, ...] | None:
    """Phones of a word in lower case, or None."""
    phones = _words().get(word)
    return tuple(phones.split()) if phones else None


@cache
def _words() -> dict[str, str]:
    return dict(line.split(" ", 1) for line in tables.lines("en", "words.txt"))

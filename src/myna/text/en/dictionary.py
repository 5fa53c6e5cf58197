"""The pronunciations English words are looked up in; read when first needed."""

from __future__ import annotations

from functools import cache

from myna.text import tables


def pronunciation(word: str) -> list[str] | None:
    """Phones of a word in lower case, or None where the dictionary has no such word."""
    phones = words().get(word)
    return phones.split() if phones else None


def has(word: str) -> bool:
    """Whether a word in lower case is in the dictionary."""
    return word in words()


def name(word: str) -> list[str] | None:
    """Phones of a given or family name in lower case, or None."""
    phones = _names().get(word)
    return phones.split() if phones else None


@cache
def words() -> dict[str, str]:
    """Word to phones in ARPAbet, separated by spaces; shared, not to be changed."""
    found = _entries("cmudict.txt.gz")
    for line in tables.lines("en", "changes.txt"):
        word, _, phones = line.partition(" ")
        if phones:
            found[word] = phones
        else:
            found.pop(word.removeprefix("-"), None)
    return found


@cache
def _names() -> dict[str, str]:
    return _entries("names.txt.gz")


def _entries(table: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in tables.lines("en", table))

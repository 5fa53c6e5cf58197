"""How the published reader says a word: dictionary, names, letters, parts, and at last a guess."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from myna.text.en import dictionary, neural, sounding, splitting

_LONGEST_SPELLED = 3
_LONGEST_KNOWN = 34
_SHORT_WORDS = "am an as at be by do go he if in is it me my no of oh on or pm so to up us we"
"""Words of two letters that a compound may hold; the dictionary has hundreds of abbreviations."""
_POSSESSIVE = re.compile("[a-z]+'s")


class Reading(NamedTuple):
    """How a word is said."""

    phones: tuple[str, ...]
    guessed: bool = False
    """Whether some of it is in no dictionary."""


@lru_cache(maxsize=4096)
def read(written: str) -> Reading:
    """The reading of a word as it is written; only a word in title case may be a name."""
    word = written.lower()
    found = dictionary.pronunciation(word) if len(word) > 1 else None
    if found is None and written.istitle():
        found = dictionary.name(word)
    if found is not None:
        return Reading(tuple(found))
    if len(word) <= _LONGEST_SPELLED:
        return Reading(letters(word))
    if _POSSESSIVE.fullmatch(word):
        stem = read(word[:-2])
        return Reading(with_s(stem.phones), stem.guessed)
    parts = splitting.split(word)
    if parts is None:
        parts = _compound(word)
    if len(parts) == 1:
        return Reading(guess(word), guessed=True)
    readings = [read(part) for part in parts]
    phones = (phone for reading in readings for phone in reading.phones)
    return Reading(tuple(phones), any(reading.guessed for reading in readings))


def letters(word: str) -> tuple[str, ...]:
    """Names of the letters of a word in lower case; what is no letter stays as it is."""
    return tuple(
        phone
        for letter in word
        for phone in (["EY1"] if letter == "a" else dictionary.pronunciation(letter) or [letter])
    )


def with_s(stem: tuple[str, ...]) -> tuple[str, ...]:
    """A word with the `s` of the possessive, the plural or the third person."""
    match stem[-1:]:
        case () | ("P" | "T" | "K" | "F" | "TH" | "HH",):
            return (*stem, "S")
        case ("S" | "Z" | "SH" | "ZH" | "CH" | "JH",):
            return (*stem, "AH0", "Z")
        case _:
            return (*stem, "Z")


def guess(word: str) -> tuple[str, ...]:
    """Phones of an unknown word in lower case: by the network, or by rules where it is missing."""
    found = neural.predicted(word)
    return sounding.sounded(word) if found is None else found


def _compound(word: str) -> tuple[str, ...]:
    """A word as words of the dictionary; itself if some of it would be left.

    Of several ways the one with the fewest words is taken.
    """
    pieces = re.findall("[a-z]+", word)
    found: list[str] = []
    for piece in pieces:
        parts = _parts(piece)
        if parts is None:
            if len(pieces) == 1:
                return (word,)
            parts = (piece,)
        found += parts
    return tuple(found)


def _parts(word: str) -> tuple[str, ...] | None:
    known = dictionary.words()
    best: list[tuple[int, int] | None] = [(0, 0)]
    """Up to each place: how many words, and where the last of them starts."""
    for end in range(1, len(word) + 1):
        ways = [
            (before[0] + 1, start)
            for start in range(max(0, end - _LONGEST_KNOWN), end - 1)
            if (before := best[start]) and _may_be_part(word[start:end], known)
        ]
        best.append(min(ways, default=None))
    found: list[str] = []
    end = len(word)
    while end:
        way = best[end]
        if way is None:
            return None
        found.append(word[way[1] : end])
        end = way[1]
    return tuple(reversed(found))


def _may_be_part(part: str, known: dict[str, str]) -> bool:
    return part in _SHORT_WORDS.split() if len(part) == 2 else part in known

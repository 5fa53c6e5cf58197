"""Sound out a word by its letters, for want of anything better: rules of `data/sounds.txt`.

The stress falls where endings of Latin and Greek words draw it, or on the third vowel from the end;
vowels without it are mostly reduced.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from myna.text import tables
from myna.text.en.arpabet import VOWELS

_LONGEST = 60
"""Longer words are sounded out in pieces of this many letters."""
_BEFORE_ENDING = re.compile(
    r"(?:[tscgx]ion(?:s|al|ed|ing)?|[ct]ian|ics?|[tc]ial|ious|eous|uous|ium|sive|cient|tient|ure)$"
)
_TWO_BEFORE_ENDING = re.compile(
    r"(?:[ai]ty|ify|ical|graphy|logy|nomy|metry|cracy|pathy|logist|grapher|ible|itude|"
    r"[aeiou]meter)$"
)
_ON_ENDING = re.compile(r"(?:ee|eer|ese|ette|esque|oon|ique|aire)$")
_FOREIGN = re.compile(r"[^aeiouy][aiou]$")
_REDUCED = {"AE": "AH", "AA": "AH", "EH": "AH", "AH": "AH"}


@lru_cache(maxsize=4096)
def sounded(word: str) -> tuple[str, ...]:
    """Phones of a word in lower case; what is no letter is left out."""
    letters = re.sub("[^a-z]", "", word)
    phones: list[str] = []
    for start in range(0, len(letters), _LONGEST):
        piece = letters[start : start + _LONGEST]
        phones += _stressed(_sounds(piece), piece)
    return tuple(phones)


class _Sound(NamedTuple):
    letters: str
    before: re.Pattern[str]
    after: re.Pattern[str]
    phones: tuple[str, ...]


@cache
def _table() -> dict[str, list[_Sound]]:
    """By first letter."""
    found: dict[str, list[_Sound]] = {}
    for line in tables.lines("en", "sounds.txt"):
        letters, before, after, phones = line.split(";")
        sound = _Sound(
            letters, re.compile(f"(?:{before})$"), re.compile(after), tuple(phones.split())
        )
        found.setdefault(letters[0], []).append(sound)
    return found


def _sounds(word: str) -> list[str]:
    """Phones without stress."""
    phones: list[str] = []
    place = 0
    while place < len(word):
        for sound in _table()[word[place]]:
            end = place + len(sound.letters)
            if (
                word.startswith(sound.letters, place)
                and sound.before.search(word[:place])
                and sound.after.match(word[end:])
            ):
                phones += sound.phones
                place = end
                break
        else:
            place += 1
    return phones


def _stressed(phones: list[str], word: str) -> list[str]:
    vowels = [i for i, phone in enumerate(phones) if phone in VOWELS]
    if not vowels:
        return phones
    main = _main_stress(len(vowels), word)
    for number, i in enumerate(vowels):
        if number == main:
            stress = "1"
        elif (number == 0 and main > 1) or (number == main + 2 and number < len(vowels) - 1):
            stress = "2"
        else:
            stress = "0"
            last = i == len(phones) - 1
            phones[i] = phones[i] if last else _REDUCED.get(phones[i], phones[i])
        phones[i] += stress
    return phones


def _main_stress(count: int, word: str) -> int:
    """Which of `count` vowels has the stress."""
    if _ON_ENDING.search(word):
        place = count - 1
    elif _BEFORE_ENDING.search(word) or _FOREIGN.search(word):
        place = count - 2
    elif _TWO_BEFORE_ENDING.search(word):
        place = count - 3
    else:
        place = max(0, count - 3) if count > 2 else 0
    return max(0, min(place, count - 1))

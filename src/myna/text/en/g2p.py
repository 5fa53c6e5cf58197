"""Normalised English to phones, word by word."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from myna.text.en import dictionary, homographs
from myna.text.en.tokens import tokens
from myna.text.frontend import Phones
from myna.text.symbols import index_of

logger = logging.getLogger(__name__)

_LONGEST_SPELLED = 3
_LONGEST_KNOWN = 34
_SHORT_WORDS = "am an as at be by do go he if in is it me my no of oh on or pm so to up us we"
"""Words of two letters that a compound may hold; the dictionary has hundreds of abbreviations."""


def g2p(text: str, table: str) -> Phones:
    """The phones of a normalised text: ARPAbet with stress, and marks.

    A word in no dictionary is split into words and letters, with a warning in the log. English has
    no phones per character.
    """
    known = index_of(table)
    words = tokens(text)
    lower = [word.lower() for word in words]
    phones = [phone for i in range(len(words)) for phone in _token(words, lower, i)]
    phones = ["-" if phone == "'" else phone for phone in phones]
    # The bare UW is no phone of any table, and the published reader drops what is none.
    return Phones([phone for phone in phones if phone in known], None)


def _token(words: list[str], lower: list[str], index: int) -> list[str]:
    word = lower[index]
    if not re.search("[a-z]", word):
        return [word]
    if len(word) == 1:
        return ["EY1"] if words[index] == "A" else dictionary.pronunciation(word) or []
    return homographs.reading(lower, index) or _word(words[index])


def _word(written: str) -> list[str]:
    word = written.lower()
    found = dictionary.pronunciation(word) if len(word) > 1 else None
    if found is None and written.istitle():
        found = dictionary.name(word)
    if found is not None:
        return found
    if len(word) <= _LONGEST_SPELLED:
        return _spelled(word)
    if re.fullmatch("[a-z]+'s", word):
        return _possessive(_word(word[:-2]))
    return _unknown(word)


def _spelled(word: str) -> list[str]:
    return [
        phone
        for letter in word
        for phone in (["EY1"] if letter == "a" else dictionary.pronunciation(letter) or [letter])
    ]


def _possessive(stem: list[str]) -> list[str]:
    match stem[-1]:
        case "P" | "T" | "K" | "F" | "TH" | "HH":
            return [*stem, "S"]
        case "S" | "Z" | "SH" | "ZH" | "CH" | "JH":
            return [*stem, "AH0", "Z"]
        case _:
            return [*stem, "Z"]


def _unknown(word: str) -> list[str]:
    stem, _, contracted = word.partition("'")
    pieces = re.findall("[a-z]+", stem) + re.findall("[a-z]+", contracted.replace("'", ""))
    parts = [part for piece in pieces for part in _compound(piece)]
    if parts != pieces:
        logger.warning("The dictionary lacks %r; read as %r.", word, " ".join(parts))
    return [phone for part in parts for phone in _word(part)]


@lru_cache(maxsize=1024)
def _compound(word: str) -> tuple[str, ...]:
    """A word as words of the dictionary and single letters: the fewest letters, then words."""
    known = dictionary.words()
    if len(word) <= _LONGEST_SPELLED or word in known:
        return (word,)
    best = [(0, 0, 0)]  # up to each place: letters, parts, and where the last part starts
    for end in range(1, len(word) + 1):
        letters, parts, _ = best[end - 1]
        ways = [(letters + 1, parts + 1, end - 1)]
        for start in range(max(0, end - _LONGEST_KNOWN), end - 1):
            if _may_be_part(word[start:end], known):
                letters, parts, _ = best[start]
                ways.append((letters, parts + 1, start))
        best.append(min(ways))
    found: list[str] = []
    end = len(word)
    while end:
        start = best[end][2]
        found.append(word[start:end])
        end = start
    return tuple(reversed(found))


def _may_be_part(part: str, known: dict[str, str]) -> bool:
    return part in _SHORT_WORDS.split() if len(part) == 2 else part in known

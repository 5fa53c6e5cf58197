"""How characters are read: as ToJyutping says and, improved, as speakers do in that place."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from myna.extras import require
from myna.text import tables
from myna.text.traced import Traced


def readings(text: str) -> list[str | None]:
    """Jyutping of each character, as its word is read; None for one without a reading.

    A few characters are units of two syllables: 卅 is `saa1 aa6`.

    Raises:
        MissingExtraError: ToJyutping is not installed.
    """
    return [reading for _, reading in _tojyutping().get_jyutping_list(text)]


def corrected(text: Traced) -> list[str | None]:
    """The same, with the corrections of `words.txt` and `contexts.txt`; each that fires is noted.

    Simplified characters are looked up as the traditional ones they stand for.

    Raises:
        MissingExtraError: ToJyutping is not installed.
    """
    written = text.text.translate(_traditional())
    said = readings(written)
    place = 0
    while place < len(written):
        found = _word(written, place) or _context(written, place)
        for syllable in found:
            if said[place] != syllable:
                char = text.text[place]
                before = said[place] or ""
                text.journal.note(
                    f"yue.polyphone.{char}", text.span(place, place + 1), before, syllable
                )
                said[place] = syllable
            place += 1
        place += not found
    return said


def _word(text: str, place: int) -> tuple[str, ...]:
    """Readings of the longest word of `words.txt` that begins there, or nothing."""
    return next(
        (said for word, said in _words().get(text[place], ()) if text.startswith(word, place)), ()
    )


def _context(text: str, place: int) -> tuple[str, ...]:
    """The reading in a list of its own, or nothing."""
    return next(
        (said for said, fits in _contexts().get(text[place], ()) if fits.match(text, place)), ()
    )


@cache
def _words() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Words by their first character, the longest first."""
    words: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    lines = (line.split() for line in tables.lines("yue", "words.txt"))
    for word, *said in sorted(lines, key=lambda line: -len(line)):
        assert len(word) == len(said), "a reading for each character"
        words.setdefault(word[0], []).append((word, tuple(said)))
    return words


@cache
def _contexts() -> dict[str, list[tuple[tuple[str], re.Pattern[str]]]]:
    """Patterns by the character that they are about."""
    contexts: dict[str, list[tuple[tuple[str], re.Pattern[str]]]] = {}
    for line in tables.lines("yue", "contexts.txt"):
        said, pattern = line.split()
        chars = pattern[1 : pattern.index("]")] if pattern.startswith("[") else pattern[0]
        for char in chars:
            contexts.setdefault(char, []).append(((said,), re.compile(pattern)))
    return contexts


_SIMPLIFIED_TOO = frozenset("价种几惊坏厂听离胜岭适痒柜扑蜡洒肮")
"""In sets of traditional characters as well, but hardly used there."""
_NOT_SIMPLIFIED = frozenset("吓")
"""Cantonese has another use for it."""


@cache
def _traditional() -> dict[int, str]:
    """Characters that are simplified only, and those that Unicode has twice."""
    table = {
        code: unicodedata.normalize("NFC", chr(code))
        for code in (*range(0xF900, 0xFB00), *range(0x2F800, 0x2FA20))
    }
    for pair in " ".join(tables.lines("zh", "simplified.txt")).split():
        if _is_simplified_only(pair[1]):
            table.setdefault(ord(pair[1]), pair[0])
    return table


def _is_simplified_only(char: str) -> bool:
    """Whether the sets of characters of Taiwan and Hong Kong are without it."""
    if char in _NOT_SIMPLIFIED or char in _SIMPLIFIED_TOO:
        return char in _SIMPLIFIED_TOO
    try:
        char.encode("big5")
    except UnicodeEncodeError:
        return True
    return False


@cache
def _tojyutping() -> Any:
    return require("ToJyutping", extra="yue", feature="Cantonese")

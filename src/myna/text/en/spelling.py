"""Readings written by hand, in ARPAbet."""

from __future__ import annotations

import re

from myna.errors import MarkupError
from myna.text.en.arpabet import CONSONANTS, STRESSES, VOWELS
from myna.text.symbols import index_of

_SYMBOL = re.compile(r"[^\s/]+|/")
_FULL = {*CONSONANTS, *(f"{vowel}{stress}" for vowel in VOWELS for stress in STRESSES)}


def spelled(notation: str, table: str) -> list[list[str]]:
    """The phones of words in ARPAbet, word by word: `R EH1 D / B UH1 K`.

    Spaces stand between phones and a slash between words; upper and lower case are the same. Every
    vowel has a digit for its stress: 0 none, 1 main, 2 secondary.

    Args:
        notation: at least one phone.
        table: `v1` or `v2`; they are the same for English.

    Raises:
        MarkupError: something in `notation` is no phone, or a vowel without stress.
    """
    known = index_of(table)
    words: list[list[str]] = [[]]
    for match in _SYMBOL.finditer(notation):
        symbol = match[0].upper()
        if symbol == "/":
            words.append([])
        elif symbol in _FULL and symbol in known:
            words[-1].append(symbol)
        else:
            raise MarkupError(_what_is_wrong(match[0]), match.start())
    words = [word for word in words if word]
    if not words:
        raise MarkupError("The reading is empty. Write phones of ARPAbet with spaces: R EH1 D.", 0)
    return words


def _what_is_wrong(symbol: str) -> str:
    vowel = symbol.upper().rstrip("0123456789")
    if vowel in VOWELS:
        return (
            f"The vowel {symbol!r} needs one digit for its stress: {vowel}0 for none, {vowel}1 for "
            f"the main stress, {vowel}2 for a secondary one."
        )
    if vowel in CONSONANTS:
        return f"{symbol!r} is a consonant and has no stress. Write {vowel}."
    return (
        f"{symbol!r} is no phone of English. Write ARPAbet, with spaces between phones, a digit "
        f"for stress after each vowel and a slash between words: R EH1 D / B UH1 K."
    )

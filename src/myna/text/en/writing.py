"""Write out as a native reads: what these rules leave is words and marks alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.en import (
    abbreviations,
    addresses,
    casing,
    characters,
    codes,
    dates,
    money,
    quantities,
    signs,
    telephone,
)
from myna.text.rules import applied
from myna.text.traced import Traced

_PLAIN = re.compile("[A-Z]?[a-z ]*[.!?]?")
_NUMBER_RULES: tuple[Callable[[Traced], Traced], ...] = (
    *dates.RULES,
    *telephone.RULES,
    *money.RULES,
    *codes.RULES,
    *quantities.RULES,
)
_DIGIT = re.compile("[0-9]")


def written_out(text: Traced) -> Traced:
    """`text` with all that is no word written out."""
    if _PLAIN.fullmatch(text.text):
        return text
    text = applied(characters.RULES, text)
    text = applied(addresses.RULES, text)
    text = applied(signs.FIRST, text)
    text = applied(quantities.FIRST, text)
    text = applied(_NUMBER_RULES, text)
    text = applied(abbreviations.RULES, text)
    text = applied(casing.FIRST, text)
    text = applied(signs.RULES, text)
    return applied(casing.RULES, text)


def tidied(text: Traced) -> Traced:
    """Words and marks with each mark at the end of its word, and one of several marks in a row."""
    return applied(signs.LAST, text)

"""Settle Latin letters that Korean and Japanese say in their own sounds: TV를, KBS 뉴스, CDを."""

from __future__ import annotations

import re
from functools import cache

from myna.text import tables
from myna.text.segments.tokens import CODE, HAN, HANGUL, KANA, LATIN, SPACE, Token

_KOREAN_LETTERS = re.compile("[A-Z]{2,3}")
_JAPANESE_LETTERS = re.compile(r"[A-Z]{1,3}|(?:No|Vol|Ver|v)\.?[0-9][0-9.]*")


def settle_borrowed(text: str, tokens: list[Token]) -> list[Token]:
    """The tokens, with the language of borrowed letters; a word and its digits become one.

    Other words have their languages by now.
    """
    settled: list[Token] = []
    for i, token in enumerate(tokens):
        if token.kind == CODE and settled and settled[-1].end > token.start:
            continue  # it went into the word before it
        settled.append(token)
        if token.kind != LATIN:
            continue
        end = token.end
        if i + 1 < len(tokens) and tokens[i + 1].kind == CODE:
            end = tokens[i + 1].end
        after = next((one for one in tokens[i + 1 :] if one.start >= end), None)
        if after is not None and after.kind == SPACE:
            after = next((one for one in tokens[i + 1 :] if one.start >= after.end), None)
        before = tokens[i - 1] if i else None
        word = text[token.start : end]
        if after is not None and after.kind == HANGUL:
            if word.lower() in _korean_words() or _KOREAN_LETTERS.fullmatch(word):
                settled[-1] = Token(LATIN, token.start, end, "ko")
        elif _JAPANESE_LETTERS.fullmatch(word):
            touching = [one for one in (before, after) if one and _touches(one, token.start, end)]
            if any(one.kind in (HAN, KANA) and one.language == "ja" for one in touching):
                settled[-1] = Token(LATIN, token.start, end, "ja")
    return settled


def _touches(token: Token, start: int, end: int) -> bool:
    return token.end == start or token.start == end


@cache
def _korean_words() -> frozenset[str]:
    """Those the Korean frontend knows by heart, without English words such as `meeting`."""
    words = (line.split()[0].lower() for line in tables.lines("ko", "latin.txt"))
    return frozenset(word for word in words if len(word) <= 4 or not word.isalpha())

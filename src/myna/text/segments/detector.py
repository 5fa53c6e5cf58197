"""Tell the languages of a text as a reader who knows all five would, by rules alone.

Latin letters are English, but for those that Korean and Japanese say themselves; the other scripts,
numbers and marks go by what is around them, in this order. Nothing is lost.
"""

from __future__ import annotations

from itertools import groupby

from myna.text.segments.borrowed import settle_borrowed
from myna.text.segments.numbers import settle_numbers
from myna.text.segments.tokens import HAN, HANGUL, KANA, LATIN, OPENING, OTHER, QUOTE, Token, tokens
from myna.text.segments.words import settle_words


def stretches(text: str, mode: str) -> list[tuple[str, int, int]]:
    """Language, start and end of the stretches of a text, in any mode but `en`."""
    found = tokens(text)
    auto = mode.startswith("auto")
    language = {"auto": "zh", "auto_yue": "yue"}.get(mode, mode.removeprefix("all_"))
    for token in found:
        if token.kind == LATIN:
            token.language = "en"
        elif token.kind in (HAN, KANA, HANGUL) and not auto:
            token.language = language
    if auto:
        settle_words(text, found, "" if mode == "auto" else language)
    found = settle_borrowed(text, found)
    settle_numbers(text, found, language, everywhere=mode.startswith("all_"))
    _settle_others(found)
    _settle_marks(text, found, language)
    stretches = []
    for name, group in groupby(found, key=lambda token: token.language):
        same = list(group)
        stretches.append((name, same[0].start, same[-1].end))
    return stretches


def _settle_others(found: list[Token]) -> None:
    """Signs and letters of other scripts go with what they touch, or else what is before them."""
    after = ""
    following: list[str] = []
    for token in reversed(found):
        following.append(after)
        after = token.language or after
    following.reverse()
    before = ""
    for i, token in enumerate(found):
        if token.kind == OTHER:
            touching = [found[j].language for j in (i - 1, i + 1) if 0 <= j < len(found)]
            token.language = next(filter(None, [*touching, before, following[i]]), "")
        before = token.language or before


def _settle_marks(text: str, found: list[Token], default: str) -> None:
    """What opens goes with what follows, other marks and spaces with what is before them."""
    waiting: list[Token] = []
    before = ""
    inside = False
    for token in found:
        if token.language:
            before = token.language
            for one in waiting:
                one.language = before
            waiting = []
            continue
        opens = token.kind == OPENING
        if token.kind == QUOTE:
            inside = opens = _opens(text, token, inside=inside)
        if opens or waiting or not before:
            waiting.append(token)
        else:
            token.language = before
    for one in waiting:
        one.language = before or default


def _opens(text: str, quote: Token, *, inside: bool) -> bool:
    """Whether a straight quotation mark opens."""
    if text[quote.end : quote.end + 1].strip() == "":
        return False
    return not inside or text[quote.start - 1 : quote.start].isspace()

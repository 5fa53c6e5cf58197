"""Settle the language of numbers: that of what they count, or of a word they touch.

`第3章`, `50%的人` and `3月の会議` are read in the language around them, `Chapter 3` and `5 apples`
in English, and `5km` in the language of a Chinese, Japanese or Korean clause, which has words for
units. Where digits touch Latin letters, Mandarin reads them in Mandarin (`A4纸`, `5G网络`), and
the others in English, except before a counter (`B1階`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from myna.text.segments.tokens import (
    CLAUSE,
    CODE,
    LATIN,
    NUMBERS,
    QUANTITY,
    SENTENCE,
    WORDS,
    Token,
)

_COUNTERS = frozenset(
    "个個年月日号號點点分秒时時岁歲歳人名位元块塊圓円角毛万萬億亿千百只隻条條张張本部台辆輛次回度米公斤克吨层層楼樓页"
    "頁章节節期届集种種件套双雙对對倍成折两兩周週天小枚匹冊册階番杯頭羽通話话级級代款路室座版蚊つかカヶケ"
    "개명번월일년시분초원살층권대마리잔병장호회위차주만천백억도배세"
)


def settle_numbers(text: str, tokens: list[Token], default: str, *, everywhere: bool) -> None:
    """Give numbers their languages; words must have theirs.

    Args:
        text: what the tokens are of.
        tokens: all of them, in order.
        default: the language of numbers without words.
        everywhere: that of all others too, except beside Latin letters.
    """
    alone: list[list[Token]] = []
    for clause in _clauses(tokens):
        words = {token.language for token in clause if token.kind in WORDS}
        mandarin = "zh" in words or (everywhere and default == "zh")
        before: Token | None = None
        group: list[Token] = []
        for token in [*clause, None]:
            if token is not None and token.kind in NUMBERS:
                group.append(token)
            elif token is None or token.kind in WORDS:
                if group and (before or token):
                    _settle_group(text, group, before, token, mandarin=mandarin)
                elif group:
                    alone.append(group)
                before, group = token, []
    if alone:
        _settle_without_words(tokens, alone, default)
    if everywhere:
        for token in tokens:
            if token.kind in NUMBERS and token.kind != CODE:
                token.language = default


def _clauses(tokens: list[Token]) -> Iterator[list[Token]]:
    for ends, group in groupby(tokens, key=lambda token: token.kind in (CLAUSE, SENTENCE)):
        if not ends:
            yield list(group)


def _settle_group(
    text: str, group: list[Token], before: Token | None, after: Token | None, *, mandarin: bool
) -> None:
    """Numbers between two words, or between a word and the border of a clause."""
    counted = after is not None and after.language != "en" and text[after.start] in _COUNTERS
    language = _of_group(group, before, after, counted=counted)
    for token in group:
        token.language = language
        if token.kind != CODE:
            continue
        touching = after is not None and token.end == after.start
        leading = touching and after is not None and after.kind == LATIN
        other = before if leading else after
        if mandarin and (other is None or other.language != "en"):
            token.language = "zh"
        elif not (counted and touching):
            token.language = "en"


def _of_group(
    group: list[Token], before: Token | None, after: Token | None, *, counted: bool
) -> str:
    if before is None or after is None:
        word = before or after
        assert word is not None
        return word.language
    quantity = any(token.kind == QUANTITY for token in group)
    if after.language != "en" and (counted or group[-1].end == after.start):
        return after.language
    if before.language != "en" and (
        quantity or group[0].start == before.end or after.language != "en"
    ):
        return before.language
    return after.language if quantity else "en"


def _settle_without_words(tokens: list[Token], groups: list[list[Token]], default: str) -> None:
    """Numbers alone in a clause go with a word of their sentence, or else of the text."""
    before = _latest(tokens)
    native = _latest([token for token in tokens if token.language != "en" or token.kind != LATIN])
    after = _latest(tokens[::-1])
    sentences: dict[int, int] = {}
    sentence = 0
    for token in tokens:
        sentence += token.kind == SENTENCE
        sentences[token.start] = sentence
    quantities = any(token.kind == QUANTITY for group in groups for token in group)
    fallback = "en" if quantities and default in ("zh", "yue") else default
    for group in groups:
        place = group[0].start
        quantity = any(token.kind == QUANTITY for token in group)
        candidates = [native[place] if quantity else None, before[place], after[place]]
        words = [word for word in candidates if word is not None]
        words.sort(key=lambda word: sentences[word.start] != sentences[place])
        for token in group:
            token.language = words[0].language if words else fallback


def _latest(tokens: list[Token]) -> dict[int, Token | None]:
    """For the start of each token, the word before it."""
    found: dict[int, Token | None] = {}
    latest: Token | None = None
    for token in tokens:
        found[token.start] = latest
        if token.kind in WORDS:
            latest = token
    return found

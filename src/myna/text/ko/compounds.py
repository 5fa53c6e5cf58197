"""Where words meet within a word, what happens there is not in the letters."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from myna.text import tables
from myna.text.ko.jamo import coda
from myna.text.ko.words import any_of, word_list

_MARKS = {"'": "/T", "+": "/N", "*": "/L", "|": "/C"}


def seams(text: str, starts: Collection[int]) -> dict[int, str]:
    """Marks by index of the character that they follow.

    `starts` are the places where words begin; elsewhere, letters that look like a word are none.
    """
    words = _words()
    found: dict[int, str] = {}
    for start in starts:
        for length in _lengths().get(text[start : start + 1], ()):
            marks = words.get(text[start : start + length])
            if marks is not None:
                found.update({start + index: mark for index, mark in marks.items()})
                break
    for pattern, codas, mark in _PATTERNS:
        for match in pattern.finditer(text):
            if coda(match[0][-1]) and coda(match[0][-1]) in codas:
                found.setdefault(match.end() - 1, mark)
    for match in _ten_of().finditer(text):
        found.setdefault(match.end() - 1, "/T")
    for match in _NUMERALS.finditer(text):
        for index in range(match.start(), match.end() - 1):
            if text[index + 1] == "육" and coda(text[index]):
                found[index] = "/N"
    for match in _STATION.finditer(text):
        index = match.end() - 2
        if coda(text[index]) and text[index : index + 2] not in word_list("no_stations"):
            found.setdefault(index, "/N")
    return found


_NUMERAL = "(?<![가-힣])[이삼사오육칠팔구십백천만억]"
_FUTURE = "[할갈볼올줄될을킬릴칠낼쓸일]"
"""Syllables that end in ㄹ as an ending does."""
_ANY = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_PATTERNS = tuple(
    (re.compile(pattern), codas, mark)
    for pattern, codas, mark in (
        # numbers: 칠십, 열둘, 열 개, 이십일 세, 열여섯, 십육
        ("[칠팔](?=십)", "ㄹ", "/T"),
        (f"(?:(?<![가-힣])|{_NUMERAL}+)열(?= ?[둘두셋세다])", "ㄹ", "/T"),
        (f"{_NUMERAL}+[일칠팔](?=[등시점세주도단조절동대장자])", "ㄹ", "/T"),
        ("(?<![가-힣])[칠팔](?=[등시점세주도단조절동대장자])", "ㄹ", "/T"),
        ("(?:열|스물|서른|마흔|쉰|예순|일흔|여든|아흔)(?=여[섯덟])", _ANY, "/N"),
        ("(?<![가-힣])[이삼사오육칠팔구십백천만억]*[일칠팔](?= 점 )", "ㄹ", "/T"),
        ("점(?= 육)", _ANY, "/N"),
        # endings: 할게, 볼지, 올거야, 먹을게요
        (f"{_FUTURE}(?=게요?(?![가-힣]))", "ㄹ", "/T"),
        ("[가-힣](?=게요(?![가-힣]))", "ㄹ", "/T"),
        (f"{_FUTURE}(?=지(?:도|는|만|를|요)?(?![가-힣]))", "ㄹ", "/T"),
        (f"{_FUTURE}(?=거[야예에다니지고라면임])", "ㄹ", "/T"),
    )
)
_NUMERALS = re.compile("(?<![가-힣])[영공일이삼사오육칠팔구십백천만억조]{2,}")
_STATION = re.compile("(?<![가-힣])[가-힣]{2,8}?역(?![가-힣]{3})")


@cache
def _ten_of() -> re.Pattern[str]:
    """열 before a counter."""
    return re.compile(f"(?<![가-힣])[백천만]*열(?= (?:{any_of('native_counters')}))")


@cache
def _words() -> dict[str, dict[int, str]]:
    """Word to marks, by index of the character that they follow."""
    words = {}
    for line in tables.lines("ko", "compounds.txt"):
        for entry in line.split(", "):
            word = ""
            marks: dict[int, str] = {}
            for char in entry:
                if char in _MARKS:
                    marks[len(word) - 1] = _MARKS[char]
                else:
                    word += char
            words[word] = marks
    return words


@cache
def _lengths() -> dict[str, list[int]]:
    """Lengths of the words that begin with a character, longest first."""
    lengths: dict[str, set[int]] = {}
    for word in _words():
        lengths.setdefault(word[0], set()).add(len(word))
    return {first: sorted(found, reverse=True) for first, found in lengths.items()}

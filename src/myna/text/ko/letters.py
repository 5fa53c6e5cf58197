"""Latin letters as Koreans call them, and words in them that Koreans know.

Source: the names are those the published voices were trained with, GPT-SoVITS (MIT) revision
48b1a01.
"""

from __future__ import annotations

import re
from functools import cache

from myna.text import tables
from myna.text.traced import Match, Traced

_NAMES = {
    "a": "에이",
    "b": "비",
    "c": "시",
    "d": "디",
    "e": "이",
    "f": "에프",
    "g": "지",
    "h": "에이치",
    "i": "아이",
    "j": "제이",
    "k": "케이",
    "l": "엘",
    "m": "엠",
    "n": "엔",
    "o": "오",
    "p": "피",
    "q": "큐",
    "r": "아르",
    "s": "에스",
    "t": "티",
    "u": "유",
    "v": "브이",
    "w": "더블유",
    "x": "엑스",
    "y": "와이",
    "z": "제트",
}
_IMPROVED_NAMES = {**_NAMES, "c": "씨", "r": "알"}
_SAME_LETTER = {"ſ": "s", "K": "k", "İ": "i", "ı": "i"}
"""Letters that a search without regard to case takes for one of the 26."""


def spelled_out(text: Traced, *, improved: bool = False) -> Traced:
    """Every letter as its name."""
    if improved:
        return text.translate(_IMPROVED_TABLE, rule="ko.letter")
    return text.translate(_TABLE)


def known_words(text: Traced) -> Traced:
    """Words in Latin letters that Koreans know, as they are said."""
    text = text.sub(_SCHEME, "", "ko.address").sub(_POINT_IN_ADDRESS, " 점 ", "ko.address")
    return text.sub(_WORD, _known, "ko.latin_word")


def _table(names: dict[str, str]) -> dict[int, str]:
    return {
        **{ord(letter): name for letter, name in names.items()},
        **{ord(letter.upper()): name for letter, name in names.items()},
        **{ord(letter): names[plain] for letter, plain in _SAME_LETTER.items()},
    }


_TABLE = _table(_NAMES)
_IMPROVED_TABLE = _table(_IMPROVED_NAMES)

_SCHEME = re.compile("(?<![A-Za-z])[A-Za-z]{3,5}://")
_POINT_IN_ADDRESS = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z]{2})")
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]++(?>(?:-[A-Za-z]++)?)")


def _known(match: Match) -> str:
    words = _words()
    word = match[0]
    if found := words.get(word) or words.get(word.lower()):
        return found
    return "-".join(words.get(part.lower(), part) for part in word.split("-"))


@cache
def _words() -> dict[str, str]:
    rows = (line.split(" ", 1) for line in tables.lines("ko", "latin.txt"))
    return dict(rows)

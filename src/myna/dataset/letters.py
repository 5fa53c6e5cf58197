"""Which letters a text is written in, and which language most of it is in."""

from __future__ import annotations

import re
from collections import Counter

from myna.text.segments import segments
from myna.text.traced import Traced


def language_of(words: str) -> str:
    """The language that most of a text is in; empty if it has no letters."""
    shares = _weights(words)
    return max(shares, key=lambda language: shares[language]) if shares else ""


def own_and_foreign(words: str, language: str) -> tuple[int, Counter[str]]:
    """How much is written in the letters of a language, and in those of others by name."""
    own, foreign = 0, Counter[str]()
    for char in words:
        if weight := _weight(char):
            alphabet = _alphabet_of(char)
            if alphabet in _ALPHABETS[language]:
                own += weight
            else:
                foreign[alphabet] += weight
    return own, foreign


def _weights(words: str) -> Counter[str]:
    """How much is said in each language, in thirds of a syllable."""
    found: Counter[str] = Counter()
    for language, part in segments(Traced.of(words), "auto", improved=True):
        weight = sum(_weight(char) for char in part.text)
        if weight:
            found[language] += weight
    return found


def _weight(char: str) -> int:
    """In thirds of a syllable: three Latin letters are about as long as one ideograph."""
    if not char.isalpha():
        return 0
    return 3 if _alphabet_of(char) in ("ideographs", "kana", "hangul") else 1


def _alphabet_of(char: str) -> str:
    return next(
        (name for name, pattern in _LETTERS.items() if pattern.match(char)), "other letters"
    )


_LETTERS = {
    "Latin letters": re.compile("[A-Za-z\u00aa-\u024f\uff21-\uff3a\uff41-\uff5a]"),
    "ideographs": re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "kana": re.compile("[\u3041-\u30ff\uff66-\uff9f]"),
    "hangul": re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]"),
}
_ALPHABETS = {
    "en": ("Latin letters",),
    "zh": ("ideographs",),
    "yue": ("ideographs",),
    "ja": ("kana", "ideographs"),
    "ko": ("hangul",),
}

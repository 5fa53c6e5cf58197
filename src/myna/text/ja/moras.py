"""Kana to moras, and moras to phones.

Source: the mora table of Open JTalk 1.11 (BSD-3-Clause), written out by rows.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

LONG = "ー"
VOICELESS = "’"
"""After a mora whose vowel is whispered, in pronunciations of the analyser."""

_VOWELS = "aiueo"
_ROWS = (
    ("", "アイウエオ"),
    ("", "ァィゥェォ"),
    ("", " ヰ ヱヲ"),
    ("k", "カキクケコ"),
    ("k", "   ヶ "),
    ("g", "ガギグゲゴ"),
    ("s", "サ スセソ"),
    ("sh", " シ   "),
    ("z", "ザ ズゼゾ"),
    ("z", "  ヅ  "),
    ("j", " ジ   "),
    ("j", " ヂ   "),
    ("t", "タ  テト"),
    ("ch", " チ   "),
    ("ts", "  ツ  "),
    ("d", "ダ  デド"),
    ("n", "ナニヌネノ"),
    ("h", "ハヒ ヘホ"),
    ("f", "  フ  "),
    ("b", "バビブベボ"),
    ("p", "パピプペポ"),
    ("m", "マミムメモ"),
    ("y", "ヤ ユ ヨ"),
    ("y", "ャ ュ ョ"),
    ("r", "ラリルレロ"),
    ("w", "ワ    "),
    ("w", "ヮ    "),
    ("v", "  ヴ  "),
)
_PAIRS = (
    # a first kana, the small ones that may follow it, and the consonant of both
    *(
        (first, "ャ ュェョ", consonant)
        for first, consonant in (
            ("キ", "ky"),
            ("ギ", "gy"),
            ("シ", "sh"),
            ("ジ", "j"),
            ("チ", "ch"),
            ("ニ", "ny"),
            ("ヒ", "hy"),
            ("ビ", "by"),
            ("ピ", "py"),
            ("ミ", "my"),
            ("リ", "ry"),
        )
    ),
    ("イ", "   ェ ", "y"),
    ("ウ", " ィ ェォ", "w"),
    ("ヴ", "ァィ ェォ", "v"),
    ("ヴ", "ャ ュ ョ", "by"),
    ("ス", " ィ   ", "s"),
    ("ズ", " ィ   ", "z"),
    ("ツ", "ァィ ェォ", "ts"),
    ("テ", "ャ ュ ョ", "ty"),
    ("テ", " ィ   ", "t"),
    ("デ", "ャ ュ ョ", "dy"),
    ("デ", " ィ   ", "d"),
    ("ト", "  ゥ  ", "t"),
    ("ド", "  ゥ  ", "d"),
    ("フ", "ァィ ェォ", "f"),
    ("ク", "ヮ    ", "kw"),
    ("グ", "ヮ    ", "gw"),
)


class Mora(NamedTuple):
    """A beat of speech."""

    phones: tuple[str, ...]
    kana: str
    start: int
    """Where its kana begin in the pronunciation."""


def moras(pron: str, before: tuple[str, ...] = ()) -> list[Mora]:
    """The moras of a pronunciation in katakana, as far as it can be read.

    A whispered vowel is a capital. `ー` is the last phone before it once more: at the beginning
    that of `before`, and nothing if there is none.
    """
    found: list[Mora] = []
    table = _table()
    at = 0
    while at < len(pron):
        kana = pron[at]
        last = found[-1].phones if found else before
        if kana == LONG:
            if last:
                found.append(Mora(last[-1:], kana, at))
        elif kana == VOICELESS:
            if found:
                *consonant, vowel = last
                found[-1] = found[-1]._replace(phones=(*consonant, vowel.upper()))
        else:
            kana = pron[at : at + 2] if pron[at : at + 2] in table else kana
            if kana not in table:
                break
            found.append(Mora(table[kana], kana, at))
        at += len(kana)
    return found


def mora_phones(kana: str) -> tuple[str, ...] | None:
    """The phones of one mora in katakana, of one or two characters; None if it is none."""
    return _table().get(kana)


def katakana(text: str) -> str:
    """Hiragana as katakana, one for one; the rest as it is."""
    return text.translate(_KATAKANA)


_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


@cache
def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {"ン": ("N",), "ッ": ("cl",)}
    for consonant, row in _ROWS:
        for kana, vowel in zip(row, _VOWELS, strict=True):
            if kana != " ":
                table[kana] = (consonant, vowel) if consonant else (vowel,)
    for first, row, consonant in _PAIRS:
        for small, vowel in zip(row, _VOWELS, strict=True):
            if small != " ":
                table[first + small] = (consonant, vowel)
    return table

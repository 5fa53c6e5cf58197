"""Digits one at a time, as numbers of telephones and rooms are said."""

from __future__ import annotations

_NAMES = ("ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー")
_AT_ONCE = 2
"""Digits that share an accent phrase."""


def digits(number: str) -> str:
    """Each digit by name, drawn out to two beats, by twos: 1234 is イチニー サンヨン."""
    names = [_NAMES[int(digit)] for digit in number if digit in "0123456789"]
    return " ".join("".join(names[i : i + _AT_ONCE]) for i in range(0, len(names), _AT_ONCE))

"""Numbers in Korean words: 이십오 of Chinese origin, 스물다섯 before native counters."""

from __future__ import annotations

import re

from myna.text.ko.words import word_list
from myna.text.traced import Match, Traced

_DIGITS = "영일이삼사오육칠팔구"
_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_PLACES = (
    "",
    "십",
    "백",
    "천",
    "만",
    "십",
    "백",
    "천",
    "억",
    "십",
    "백",
    "천",
    "조",
    "십",
    "백",
    "천",
)
_MYRIADS = ("", "만", "억", "조", "경", "해")
_MOST_DIGITS = 4 * len(_MYRIADS)
"""A longer number is no quantity; it is read digit by digit."""


def digits(number: str, *, zero: str = "영") -> str:
    """Digit by digit; other characters stay."""
    return number.translate({ord(str(i)): name for i, name in enumerate(zero + _DIGITS[1:])})


def cardinal(number: str) -> str:
    """A whole number: 12345 is 만이천삼백사십오. Leading zeros count for nothing."""
    number = number.lstrip("0")
    if not number:
        return _DIGITS[0]
    if len(number) > _MOST_DIGITS:
        return digits(number)
    groups = [number[max(0, end - 4) : end] for end in range(len(number), 0, -4)]
    words = [
        _thousands(group) + myriad
        for group, myriad in zip(groups, _MYRIADS, strict=False)
        if group.strip("0")
    ]
    return re.sub("^일만", "만", "".join(reversed(words)))


def native(number: str) -> str:
    """As before a native counter: 25 is 스물다섯, 20 is 스무, 123 is 백스물세."""
    number = number.lstrip("0")
    if not number or len(number) > _MOST_DIGITS:
        return cardinal(number)
    rest = number[-2:].rjust(2, "0")
    upper = f"{number[:-2]}00"
    words = "스무" if rest == "20" else _TENS[int(rest[0])] + _ONES[int(rest[1])]
    return (cardinal(upper) if upper.strip("0") else "") + words


def decimal(number: str) -> str:
    """A number that may have a point: 3.14 is 삼 점 일사."""
    whole, point, fraction = number.partition(".")
    return f"{cardinal(whole)} 점 {digits(fraction)}" if point else cardinal(whole)


def _thousands(group: str) -> str:
    """Up to four digits."""
    words = ""
    for place, digit in zip(range(len(group) - 1, -1, -1), group, strict=True):
        if digit != "0":
            words += ("" if digit == "1" and place else _DIGITS[int(digit)]) + _PLACES[place]
    return words


_COUNTED = re.compile(r"(?<![\d,])(,*+)(\d[\d,]*+)([ㄱ-힣]++)(?=/B)")


def published(text: Traced) -> Traced:
    """All digits as the published voices were trained with them: numbers only before a counter.

    Source: g2pk2 0.0.3 (Apache-2.0), with its list of native counters and its mistakes: 11만 loses
    its 일. It takes numbers in no certain order, so that it may read 2시 inside 12시; here, each
    number is read as a whole.
    """
    text = text.sub(_COUNTED, _published_count, rule="ko.counter")
    return text.translate({ord(str(i)): name for i, name in enumerate(_DIGITS)}, rule="ko.digits")


def _published_count(match: Match) -> str:
    # A part of a counter counts as one, because g2pk2 searches its list as a text.
    native_counter = match[3] in " ".join(word_list("published_native_counters"))
    words = _published_number(match[2].replace(",", ""), native_counter)
    return f"{match[1]}{words}{match[3]}"


def _published_number(number: str, native: bool) -> str:
    if number == "0":
        return _DIGITS[0]
    if native and number == "20":
        return "스무"
    if len(number) > len(_PLACES):
        return digits(number)
    words: list[str] = []
    for place, digit in zip(range(len(number) - 1, -1, -1), number, strict=True):
        value = int(digit) if digit.isascii() else 0
        if digit == "0" and (place % 4 or not any(words[-3:])):
            words.append("")
        elif native and place < 2:
            words.append((_ONES if place == 0 else _TENS)[value])
        else:
            name = _DIGITS[value] if value else ""
            dropped = name == "일" and 1 <= place < 8
            words.append(("" if dropped else name) + _PLACES[place])
    return "".join(words)

"""Numbers in Chinese characters."""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_UNITS = {1: "十", 2: "百", 3: "千", 4: "万", 8: "亿"}
_MOST_DIGITS = 48
"""A longer number is no quantity; it is read digit by digit."""


def digits(number: str, *, one: str = "一") -> str:
    """Digit by digit; `one` is 幺 where 1 might be misheard as 7. Other characters are dropped."""
    return "".join(
        one if digit == "1" else _DIGITS[int(digit)] for digit in number if digit in "0123456789"
    )


def cardinal(number: str) -> str:
    """A whole number without sign: 105 is 一百零五. Leading zeros are dropped."""
    number = number.lstrip("0")
    if not number:
        return _DIGITS[0]
    if len(number) > _MOST_DIGITS:
        return digits(number)
    words = _quantity(number)
    return words.removeprefix("一") if words.startswith("一十") else words


def decimal(number: str) -> str:
    """A number that may have a decimal point: 1.80 is 一点八零, .5 is 零点五.

    Of several zeros at the end one is read.
    """
    whole, _, fraction = number.partition(".")
    words = cardinal(whole) if whole else ""
    if fraction.endswith("0"):
        fraction = fraction.rstrip("0") + "0"
    return f"{words or _DIGITS[0]}点{digits(fraction)}" if fraction else words


def spoken(number: str) -> str:
    """A number as people say it: as `decimal`, but 2000 is 两千 and 20000 is 两万."""
    whole, point, fraction = decimal(number).partition("点")
    return _LIANG.sub("两", whole) + point + fraction


def scaled(number: str, power: int) -> str:
    """`spoken` of a number that is to be multiplied by ten to the power."""
    whole, _, fraction = number.partition(".")
    fraction = fraction.ljust(power, "0")
    rest = fraction[power:].rstrip("0")
    return spoken(whole + fraction[:power] + (f".{rest}" if rest else ""))


_LIANG = re.compile(r"(?:^|(?<=[万亿]))二(?=[千万亿])|(?<=零)二(?=千)")


def _quantity(number: str) -> str:
    """Zeros before the first digit that counts are read as one 零."""
    stripped = number.lstrip("0")
    if not stripped:
        return ""
    if len(stripped) == 1:
        return (_DIGITS[0] if len(number) > 1 else "") + _DIGITS[int(stripped)]
    power = max(power for power in _UNITS if power < len(stripped))
    return _quantity(number[:-power]) + _UNITS[power] + _quantity(number[-power:])

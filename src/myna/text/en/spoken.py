"""Numbers as a native says them.

They are words and spaces only: no hyphen, which would make one unknown word of `thirty-two`, and no
comma between thousands, which would be a pause.
"""

from __future__ import annotations

import re

from myna.text.en import numbers

NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![0-9])\.[0-9]+"
"""Regular expression of what `amount` reads; use it where no digit or point stands before."""


def cardinal(number: str) -> str:
    """ "123" is "one hundred twenty three"."""
    return _plain(numbers.cardinal(number))


def ordinal(number: str) -> str:
    """ "103" is "one hundred third"."""
    return _plain(numbers.ordinal(number, joiner=""))


def amount(number: str) -> str:
    """A number with commas or a decimal point: "1,234.50", "3.14", ".25"."""
    whole, point, decimals = number.replace(",", "").partition(".")
    words = cardinal(whole) if whole else ""
    return f"{words} point {digits(decimals)}".strip() if point else words


def digits(number: str, *, zero: str = "zero") -> str:
    """Digit by digit: "404" is "four zero four"."""
    return " ".join(zero if digit == "0" else numbers.cardinal(digit) for digit in number)


def year(number: str) -> str:
    """ "1984", "2005", "1800"; other than four digits, and far years, are plain numbers."""
    if len(number) != 4 or not 1000 < int(number) < 3000:
        return cardinal(number)
    return _plain(numbers.year(int(number)))


def decade(number: str) -> str:
    """ "1980" is "nineteen eighties", "90" is "nineties"."""
    words = year(number)
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}s"


def in_pairs(number: str) -> str:
    """As rooms, flights and roads are named: "101" is "one oh one", "1408" "fourteen oh eight"."""
    if not 3 <= len(number) <= 4 or number[0] == "0":
        return cardinal(number) if number[0] != "0" else digits(number)
    first, rest = number[:-2], number[-2:]
    if rest == "00":
        return (
            f"{cardinal(first)} hundred" if len(first) == 1 or first[1] != "0" else cardinal(number)
        )
    if rest[0] == "0":
        return f"{cardinal(first)} oh {cardinal(rest)}"
    return f"{cardinal(first)} {cardinal(rest)}"


def code(number: str) -> str:
    """A number that may be a name: leading zeros are said, and long ones are digit by digit."""
    return digits(number) if number[0] == "0" and len(number) > 1 else cardinal(number)


def _plain(words: str) -> str:
    return re.sub("[ ,-]+", " ", words)

"""Text said in a way that the caller asks for: by characters, as a number, as a date."""

from __future__ import annotations

import re
import unicodedata

from myna.errors import TextError
from myna.text.frontend import SayAs
from myna.text.ja.numbers import digits
from myna.text.traced import Match, Traced


def say_as(text: Traced, kind: SayAs) -> Traced:
    """`text` written out in words that `normalise` leaves alone.

    Raises:
        TextError: `text` cannot be said in this way.
    """
    pattern, words = _WAYS[kind]
    plain = text.strip().sub(_WIDE, lambda match: unicodedata.normalize("NFKC", match[0]))
    said = (
        plain.sub(pattern, words, rule=f"ja.say_as.{kind}") if pattern.search(plain.text) else None
    )
    if said is None or (kind != "characters" and not pattern.fullmatch(plain.text)):
        raise TextError(f"{text.text[:40]!a} cannot be said as {kind} in Japanese.")
    return said


_WIDE = re.compile("[\uff01-\uff5e]")


def _character(match: Match) -> str:
    char = match[0]
    return f"{digits(char)} " if char.isascii() and char.isdecimal() else f"{char} "


def _digits(match: Match) -> str:
    return digits(match[0])


def _cardinal(match: Match) -> str:
    whole, _, fraction = match[0].replace(",", "").partition(".")
    sign = "マイナス" if whole[0] in "-\u2212" else ""
    whole = whole.lstrip("-\u2212")
    return sign + whole + (f"点{digits(fraction)}" if fraction else "")


def _ordinal(match: Match) -> str:
    return f"{int(match[0])}番目"


def _telephone(match: Match) -> str:
    plus = "プラス" if match[0].startswith("+") else ""
    return plus + "の ".join(digits(part) for part in re.findall("[0-9]+", match[0]))


def _date(match: Match) -> str:
    year, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        raise TextError(f"{match[0]} is no date: there is no such month or day.")
    return (f"{int(year)}年" if year else "") + f"{int(month)}月{int(day)}日"


_WAYS = {
    "characters": (re.compile(r"\w"), _character),
    "digits": (re.compile(r"[0-9][0-9 ,.\-]*"), _digits),
    "cardinal": (re.compile(r"[-\u2212]?[0-9][0-9,]{0,20}(?:\.[0-9]+)?"), _cardinal),
    "ordinal": (re.compile("[0-9]{1,16}"), _ordinal),
    "telephone": (re.compile(r"\+?[0-9(][0-9() \-]*"), _telephone),
    "date": (
        re.compile(r"(?:([0-9]{4})[/.年-]?)?([0-9]{1,2})[/.月-]?([0-9]{1,2})日?"),
        _date,
    ),
}

"""What the caller wants read in a way of its own: digit by digit, as a date, and so on."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.errors import TextError
from myna.text.frontend import SayAs
from myna.text.rules import Match
from myna.text.traced import Traced
from myna.text.yue import telephone
from myna.text.yue.numbers import cardinal, decimal, digits
from myna.text.yue.quantities import plain


def say_as(text: Traced, kind: SayAs) -> Traced:
    """As `Frontend.say_as`.

    Of `characters`, letters stay letters, for English to read. A `date` has its year first or
    last, or is as in 2024年5月1日, of which the year or the day may be missing.

    Raises:
        TextError: `text` cannot be said in this way.
    """
    written = plain(text).strip()
    if kind == "characters":
        return written.translate(_SIGNS, "yue.say_as")
    pattern, words = _KINDS[kind]
    match = pattern.fullmatch(written.text)
    if match is None:
        raise TextError(f"{text.text[:40]!a} cannot be said as {kind} in Cantonese.")
    said = words(match)
    return written.sub(_ALL, lambda _: said, "yue.say_as")


_ALL = re.compile(r"(?s)\A.+\Z")
_SIGNS = {
    **{ord(digit): digits(digit) for digit in "0123456789"},
    ord(" "): "",
    ord("."): "點",
    ord("-"): "橫線",
    ord("_"): "底線",
    ord("/"): "斜線",
    ord("#"): "井號",
    ord("*"): "星號",
    ord("+"): "加號",
    ord("="): "等號",
}
_WHOLE = "[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
_MONTH = "0?[1-9]|1[0-2]"
_DAY = "0?[1-9]|[12][0-9]|3[01]"


def _cardinal(match: Match) -> str:
    return ("負" if match[1] else "") + decimal(match[2].replace(",", ""))


def _date(match: Match) -> str:
    """Of its named groups, the first letter says whether it is year, month or day."""
    parts = {name[0]: number for name, number in match.groupdict().items() if number}
    return "".join(
        (
            f"{digits(parts['y'])}年" if "y" in parts else "",
            f"{cardinal(parts['m'])}月" if "m" in parts else "",
            f"{cardinal(parts['d'])}日" if "d" in parts else "",
        )
    )


_KINDS: dict[SayAs, tuple[re.Pattern[str], Callable[[Match], str]]] = {
    "digits": (
        re.compile(r"[- ,]*[0-9](?:[- .,]*[0-9])*"),
        lambda match: "點".join(digits(part) for part in match[0].split(".")),
    ),
    "cardinal": (re.compile(rf"(-)?((?:{_WHOLE})(?:\.[0-9]+)?|\.[0-9]+)"), _cardinal),
    "ordinal": (
        re.compile(rf"第? ?({_WHOLE})"),
        lambda match: f"第{cardinal(match[1].replace(',', ''))}",
    ),
    "telephone": (
        re.compile(r"[+]?[(]?[0-9](?:[-() ]*[0-9])*"),
        lambda match: telephone.read(re.sub("[-+() ]+", " ", match[0])),
    ),
    "date": (
        re.compile(
            rf"(?P<y1>[0-9]{{4}})[-/. ](?P<m1>{_MONTH})(?:[-/. ](?P<d1>{_DAY}))?|"
            r"(?P<y2>[0-9]{4})(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12][0-9]|3[01])|"
            rf"(?P<d3>{_DAY})[-/.](?P<m3>{_MONTH})(?:[-/.](?P<y3>[0-9]{{4}}))?|"
            rf"(?P<y4>[0-9]{{4}}|[0-9]{{2}})年(?:(?P<m4>{_MONTH})月(?:(?P<d4>{_DAY})[日號号]?)?)?|"
            rf"(?P<m5>{_MONTH})月(?:(?P<d5>{_DAY})[日號号]?)?|(?P<d6>{_DAY})[日號号]|(?P<y7>[0-9]{{4}})"
        ),
        _date,
    ),
}

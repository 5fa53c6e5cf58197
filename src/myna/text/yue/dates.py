"""Dates and times of day in words: years digit by digit, 10:30 as 十點半."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced
from myna.text.yue.numbers import COUNTED, amount, cardinal, digits

_MONTH = "0?[1-9]|1[0-2]"
_DAY = "0?[1-9]|[12][0-9]|3[01]"
_YEAR = "1[0-9]{3}|20[0-9]{2}"
_TO = " ?[-~至到] ?"
_YEAR_FIRST = re.compile(rf"(?<![0-9/.\-])({_YEAR})([-/. ])({_MONTH})\2({_DAY})(?![0-9/\-])")
_DAY_FIRST = re.compile(rf"(?<![0-9/.\-])({_DAY})([-/.])({_MONTH})\2({_YEAR})(?![0-9/\-])")
_DAY_OF_WEEK = re.compile(
    rf"(?<![0-9/.\-])({_DAY})/({_MONTH})(?= ?[(（]? ?(?:星期|禮拜|礼拜|週|周)[一二三四五六日])"
)
_DAY_AND_MONTH = re.compile(rf"(?<![0-9/.\-])(1[3-9]|2[0-9]|3[01])/({_MONTH})(?![0-9/])")
_YEAR_TO_YEAR = re.compile(
    rf"(?<![0-9])({_YEAR})年?(?:{_TO}|/)({_YEAR}|[0-9]{{2}})(?=年|學年|学年)"
)
_NAMED_YEAR = re.compile(rf"(?<![0-9])(?:{_YEAR}|[0-9]{{2}}(?=年[0-9]{{1,2}}月)|0[0-9])(?=年)")
_SHORT_YEAR = re.compile(
    r"(?<![0-9.第過过咗了近成約约達达足共每隔呢大])[4-9][1-9](?=年"
    r"(?![代前後后以之間间內内期嚟來来咁又不長长歷历]))"
)
_MONTH_AND_YEAR = re.compile(rf"(?<![0-9/.\-])({_MONTH})/({_YEAR})(?![0-9/])")
_SHORT_DATE = re.compile(rf"(?<![0-9/.\-])({_DAY})/({_MONTH})/([0-9]{{2}})(?![0-9/])")
_MONTHS = re.compile(rf"(?<![0-9.\-])({_MONTH})(月?){_TO}({_MONTH})(?=月)")
_MONTH_DAY = re.compile(rf"(?<![0-9.])({_MONTH})月(?:({_DAY})(?:{_TO}({_DAY}))?(?=[日號号]))?")
_BARE_YEAR = re.compile(
    r"(?<![0-9.,\-+/$])(?:19[0-9][1-9]|19[1-9]0|20[0-4][1-9]|20[1-4]0)"
    rf"(?![0-9]|[.,:/\-+][0-9]|[%℃°+號号]| ?[A-Za-z]| ?(?:{COUNTED}))"
)

_CLOCK = "([01]?[0-9]|2[0-4])[:：]([0-5][0-9])(?:[:：]([0-5][0-9]))?"
_HALF_OF_DAY = r" ?([AaPp])\.?[Mm](?![A-Za-z])"
_FROM_CLOCK = re.compile(rf"(?<![0-9:.])({_CLOCK}){_TO}(?={_CLOCK}(?![0-9:]))")
_TIME = re.compile(rf"(?<![0-9:.]){_CLOCK}(?![0-9:])(?:{_HALF_OF_DAY})?")
_HOUR = re.compile(rf"(?<![0-9:.])(1[0-2]|0?[1-9]){_HALF_OF_DAY}")
_O_CLOCK = re.compile(r"(?<![0-9:.])(?:[01]?[0-9]|2[0-4])(?=[點点時时](?!裝|裝|候|期|代|尚))")
_MINUTES = re.compile(r"(?<=[點点時时])0[0-9](?=分)")
_HALVES = {"a": "上晝", "p": "下晝"}


def _date(year: str, month: str, day: str) -> str:
    """A date in digits, in the order that Chinese says it."""
    return f"{digits(year)}年{cardinal(month)}月{cardinal(day)}日"


def _month_day(match: Match) -> str:
    month, first, last = match.groups()
    return "".join(
        (
            f"{cardinal(month)}月",
            cardinal(first) if first else "",
            f"至{cardinal(last)}" if last else "",
        )
    )


def _time(match: Match) -> str:
    hour, minute, second, half = match.groups()
    words = f"{_half_of_day(half)}{_hour(hour)}點"
    has_seconds = second not in (None, "00")
    if minute == "30" and not has_seconds:
        return f"{words}半"
    if minute != "00" or has_seconds:
        words += f"{_sixtieths(minute)}分"
    return f"{words}{_sixtieths(second)}秒" if has_seconds else words


def _hour(number: str) -> str:
    return amount(number.lstrip("0") or "0")


def _sixtieths(number: str) -> str:
    zero = "零" if number.startswith("0") and number != "00" else ""
    return zero + cardinal(number)


def _half_of_day(letter: str | None) -> str:
    return _HALVES[letter.lower()] if letter else ""


RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("yue.date", _YEAR_FIRST, lambda match: _date(match[1], match[3], match[4])),
    Rule("yue.date", _DAY_FIRST, lambda match: _date(match[4], match[3], match[1])),
    Rule("yue.date", _SHORT_DATE, lambda match: _date(match[3], match[2], match[1])),
    Rule("yue.date", _MONTH_AND_YEAR, lambda match: f"{digits(match[2])}年{cardinal(match[1])}月"),
    Rule("yue.date", _DAY_OF_WEEK, lambda match: f"{cardinal(match[2])}月{cardinal(match[1])}號"),
    Rule("yue.date", _DAY_AND_MONTH, lambda match: f"{cardinal(match[2])}月{cardinal(match[1])}號"),
    Rule("yue.year", _YEAR_TO_YEAR, lambda match: f"{digits(match[1])}至{digits(match[2])}"),
    Rule("yue.year", _NAMED_YEAR, lambda match: digits(match[0])),
    Rule("yue.year", _SHORT_YEAR, lambda match: digits(match[0])),
    Rule("yue.date", _MONTHS, lambda m: f"{cardinal(m[1])}{m[2]}至{cardinal(m[3])}"),
    Rule("yue.date", _MONTH_DAY, _month_day),
    Rule("yue.time", _FROM_CLOCK, lambda match: f"{match[1]}至"),
    Rule("yue.time", _TIME, _time),
    Rule("yue.time", _HOUR, lambda match: f"{_half_of_day(match[2])}{_hour(match[1])}點"),
    Rule("yue.time", _O_CLOCK, lambda match: _hour(match[0])),
    Rule("yue.time", _MINUTES, lambda match: f"零{cardinal(match[0])}"),
)
BARE_YEAR = Rule("yue.year", _BARE_YEAR, lambda match: digits(match[0]))
"""For after telephone numbers, ranges and money."""

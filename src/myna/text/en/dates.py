"""Dates, times of day, decades and spans of years."""

from __future__ import annotations

import re

from myna.text.en.spoken import cardinal, decade, ordinal, year
from myna.text.rules import Match, Rule

_MONTHS_JOINED = (
    "January February March April May June July August September October November December"
)
MONTHS = _MONTHS_JOINED.split()
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
)
_DAYS_JOINED = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_DAYS = _DAYS_JOINED.split()
_DAY = r"([12][0-9]|3[01]|0?[1-9])"
_NUMBERED = r"(?:st|nd|rd|th)?"
_YEAR = r"(1[0-9]{3}|20[0-9]{2})"

_ISO = re.compile(rf"(?<![\w.-]){_YEAR}([-/.])(1[0-2]|0?[1-9])\2{_DAY}(?![\w-]|[./][0-9])")
_SLASHED = re.compile(
    r"(?<![\w./-])([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![\w-]|[./][0-9])"
)
_SHORT = re.compile(
    r"(?i)\b(on|by|until|from|since|before|after|dated|due) (1[0-2]|0?[1-9])/([12][0-9]|3[01]|"
    r"0?[1-9])(?![\w/.-])"
)
_MONTH_DAYS = re.compile(
    rf"\b({_MONTH})\.? {_DAY}{_NUMBERED}\s?[-–]\s?{_DAY}{_NUMBERED}(?![\w:-])(?:,? {_YEAR}\b)?"
)
_MONTH_DAY = re.compile(
    rf"\b({_MONTH})\.? {_DAY}{_NUMBERED}(?![\w:%-]|[.,/][0-9])(?:,? {_YEAR}\b(?![-–]))?"
)
_DAY_MONTH = re.compile(
    rf"(?<![\w.,/:-])(the )?{_DAY}({_NUMBERED}) (of )?({_MONTH})\b\.?(?:,? {_YEAR}\b)?"
)
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\.?,? {_YEAR}\b(?![-–])")
_MONTH_ALONE = re.compile(r"\b(Jan|Feb|Apr|Aug|Sept?|Oct|Nov|Dec)\.")
_DAY_ALONE = re.compile(
    r"\b(Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)\.(?=,| (?:to|and|at|or|from|through|the|[0-9]|[-–]"
    rf"|{_MONTH})|[-–])"
)
_DAY_AFTER = re.compile(
    r"\b((?:on|every|next|last|this|until|by|since) )(Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)\b(\.?)"
)
_DECADE = re.compile(r"(?<![\w.,$€£])(1[0-9]{2}|20[0-9])0'?s\b")
_SHORT_DECADE = re.compile(r"(?<!\w)'([1-9]0)'?s\b")
_NAMED_DECADE = re.compile(
    r"(?i)\b(the|early|mid|late|my|his|her|their|our|your|in|roaring|swinging)([ -])([2-9]0)'?s\b"
)
_SHORT_YEAR = re.compile(r"(?<!\w)'([0-9]{2})(?![\w'])")
_YEARS = re.compile(rf"(?<![\w.,/$€£-]){_YEAR}\s?[-–]\s?({_YEAR}|[0-9]{{2}})(?![\w-]|[.,][0-9])")

_HALF = r"(?:[ap]\.m\.|[ap]m\b|[AP]\.M\.|[AP]M\b)"
_CLOCK = r"(2[0-4]|1[0-9]|0?[0-9])(?::([0-5][0-9]))?"
_TIMES = re.compile(
    rf"(?<![\w.,:/-]){_CLOCK} ?({_HALF})?\s?[-–]\s?{_CLOCK}(?: ?({_HALF}))?(?![\w:-])"
)
_TIME = re.compile(
    r"(?<![\w.,:/-])(2[0-4]|1[0-9]|0?[0-9]):([0-5][0-9])(?::([0-5][0-9])(?:\.[0-9]+)?)?"
    rf"(?: ?({_HALF}))?(?![\w:])"
)
_HOUR = re.compile(rf"(?<![\w.,:/$-])(1[0-2]|0?[1-9]) ?({_HALF})(?!\w)")
_STARTS_SENTENCE = re.compile(r"\s+[\"']?[A-Z][a-z]|\s*$")


def _month(name: str) -> str:
    return next(month for month in MONTHS if month.startswith(name[:3]))


def _with_year(words: str, digits: str | None) -> str:
    return f"{words}, {year(digits)}" if digits else words


def _iso(match: Match) -> str:
    return f"{MONTHS[int(match[3]) - 1]} {ordinal(match[4])}, {year(match[1])}"


def _slashed(match: Match) -> str:
    """The month goes first, as Americans write, unless it cannot; with points, the day does."""
    first, last = int(match[1]), int(match[3])
    month, day = (first, last) if match[2] != "." else (last, first)
    if month > 12:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    if len(match[4]) == 2 and match[2] != "/":
        return match[0]
    written = (
        match[4] if len(match[4]) == 4 else f"{'20' if int(match[4]) < 50 else '19'}{match[4]}"
    )
    return f"{MONTHS[month - 1]} {ordinal(str(day))}, {year(written)}"


def _short(match: Match) -> str:
    return f"{match[1]} {MONTHS[int(match[2]) - 1]} {ordinal(match[3])}"


def _month_days(match: Match) -> str:
    words = f"{_month(match[1])} {ordinal(match[2])} to {ordinal(match[3])}"
    return _with_year(words, match[4])


def _month_day(match: Match) -> str:
    return _with_year(f"{_month(match[1])} {ordinal(match[2])}", match[3])


def _day_month(match: Match) -> str:
    the, day, _, _, month, digits = match.groups()
    return _with_year(f"{the or 'the '}{ordinal(day)} of {_month(month)}", digits)


def _month_year(match: Match) -> str:
    return f"{_month(match[1])} {year(match[2])}"


def _day_name(match: Match) -> str:
    return next(day for day in _DAYS if day.startswith(match[1][:3]))


def _day_after(match: Match) -> str:
    point = "." if match[3] and _STARTS_SENTENCE.match(match.string, match.end()) else ""
    return f"{match[1]}{next(day for day in _DAYS if day.startswith(match[2][:3]))}{point}"


def _years(match: Match) -> str:
    return f"{year(match[1])} to {year(match[2]) if match[3] else cardinal(match[2])}"


def _short_year(match: Match) -> str:
    return f"oh {cardinal(match[1])}" if match[1][0] == "0" else cardinal(match[1])


def _half(written: str | None, rest: str) -> str:
    """`A M` or `P M` and, where a sentence ends there, its point."""
    if not written:
        return ""
    point = "." if written.endswith(".") and _STARTS_SENTENCE.match(rest) else ""
    return f" {written[0].upper()} M{point}"


def _clock(hour: str, minute: str | None, half: str | None) -> str:
    """Without `A M` or the like."""
    words = cardinal(hour)
    if minute is None:
        return words
    if minute == "00":
        if half:
            return words
        return f"{words} o'clock" if int(hour) <= 12 else f"{words} hundred"
    return f"{words} {'oh ' if minute[0] == '0' else ''}{cardinal(minute)}"


def _time(match: Match) -> str:
    hour, minute, second, half = match.groups()
    words = _clock(hour, minute, half)
    if second:
        words = f"{_clock(hour, minute, 'x')} {'oh ' if second[0] == '0' else ''}{cardinal(second)}"
    return words + _half(half, match.string[match.end() :])


def _times(match: Match) -> str:
    hour, minute, half, hour_2, minute_2, half_2 = match.groups()
    if not (minute or half or half_2 or minute_2):
        return match[0]
    first = _clock(hour, minute, half or half_2) + _half(half and half[:2], "")
    second = _clock(hour_2, minute_2, half or half_2) + _half(half_2, match.string[match.end() :])
    return f"{first} to {second}"


def _hour(match: Match) -> str:
    return cardinal(match[1]) + _half(match[2], match.string[match.end() :])


RULES = (
    Rule("en.date", _ISO, _iso),
    Rule("en.date", _SLASHED, _slashed),
    Rule("en.date", _SHORT, _short),
    Rule("en.date", _MONTH_DAYS, _month_days),
    Rule("en.date", _MONTH_DAY, _month_day),
    Rule("en.date", _DAY_MONTH, _day_month),
    Rule("en.date", _MONTH_YEAR, _month_year),
    Rule("en.month", _MONTH_ALONE, lambda match: _month(match[1])),
    Rule("en.weekday", _DAY_ALONE, _day_name),
    Rule("en.weekday", _DAY_AFTER, _day_after),
    Rule("en.decade", _DECADE, lambda match: decade(f"{match[1]}0")),
    Rule("en.decade", _SHORT_DECADE, lambda match: decade(match[1])),
    Rule("en.decade", _NAMED_DECADE, lambda match: f"{match[1]} {decade(match[3])}"),
    Rule("en.year", _SHORT_YEAR, _short_year),
    Rule("en.years", _YEARS, _years),
    Rule("en.time_range", _TIMES, _times),
    Rule("en.time", _TIME, _time),
    Rule("en.time", _HOUR, _hour),
)

"""Numbers and what belongs to them, in words: dates, times, amounts, ranges and the like."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from myna.text import tables
from myna.text.ko.counting import NUMBER, START, TILDE, counted, counted_pattern
from myna.text.ko.jamo import coda
from myna.text.ko.numbers import cardinal, decimal, digits, native
from myna.text.ko.words import any_of
from myna.text.traced import Match

Rule = tuple[re.Pattern[str], Callable[[Match], str], str]
"""What is written, its words, and the name of the rule."""

_END = "(?![0-9])"
_AMOUNT = rf"(?:{NUMBER})(?>(?:\.[0-9]++)?)"
_SCALE = "[십백천만억조]"
_CURRENCIES = {
    "$": ("달러", "센트"),
    "€": ("유로", "센트"),
    "£": ("파운드", "펜스"),
    "₩": ("원", ""),
    "¥": ("엔", ""),
    "元": ("위안", ""),
}


@cache
def rules() -> list[Rule]:
    """The rules in their order; the last one reads all numbers that are left."""
    return [(re.compile(written), words, f"ko.{name}") for written, words, name in _rules()]


def month(number: int) -> str:
    """The number of a month, before 월."""
    return {6: "유", 10: "시"}.get(number, cardinal(str(number)))


def _say(number: str) -> str:
    """A number as it is written: with commas, a point, or zeros in front."""
    number = number.replace(",", "")
    if len(number) > 1 and number[0] == "0" and number[1] != ".":
        return digits(number, zero="공")
    return decimal(number)


def _telephone(match: Match) -> str:
    return digits(re.sub("[^0-9]+", " ", match[0]).strip(), zero="공")


def _date(match: Match) -> str:
    number, day = int(match["month"]), str(int(match["day"]))
    return f"{cardinal(match['year'])}년 {month(number)}월 {cardinal(day)}일"


def _time(match: Match) -> str:
    hour, minute, second = (int(part or 0) for part in match.groups())
    words = [f"{native(str(hour))} 시" if 1 <= hour <= 12 else f"{cardinal(str(hour))}시"]
    words += [f"{cardinal(str(minute))}분"] * bool(minute or second)
    words += [f"{cardinal(str(second))}초"] * bool(second)
    return " ".join(words)


def _ratio(match: Match) -> str:
    return f"{_say(match[1])} 대 {_say(match[2])}"


def _day_of_history(match: Match) -> str:
    return digits(re.sub("[^0-9]", "", match[0]))


def _version(match: Match) -> str:
    return " 점 ".join(_say(part) for part in match[0].split("."))


def _currency(match: Match) -> str:
    large, small = _CURRENCIES[match["currency"]]
    whole, _, fraction = match["number"].partition(".")
    if small and len(fraction) == 2 and not match["scale"]:
        words = f"{_say(whole)}{large}"
        return words if fraction == "00" else f"{words} {cardinal(fraction)}{small}"
    return f"{_say(match['number'])}{match['scale'] or ''}{large}"


def _measure(match: Match) -> str:
    unit, before = _units()[match["unit"]]
    sign = {"-": "영하 " if unit == "도" else "마이너스 "}.get(match["sign"], "")
    first = f"{_say(match['first'])}에서 " if match["first"] else ""
    said = match["said"] or (f"{before} " if before else "")
    return f"{said}{sign}{first}{_say(match['number'])}{unit}"


@cache
def _units() -> dict[str, tuple[str, str]]:
    """What is said of a unit, and before its number."""
    rows = (line.split(" ") for line in tables.lines("ko", "units.txt"))
    return {row[0]: (row[1], row[2] if len(row) > 2 else "") for row in rows}


_SIGNS = {"+": "더하기", "-": "빼기", "×": "곱하기", "*": "곱하기", "÷": "나누기", "/": "나누기"}


def _arithmetic(match: Match) -> str:
    words = ""
    for part in re.findall(rf"{_AMOUNT}|[-+×*÷/=]", match[0]):
        if part == "=":
            words += "은 " if coda(words[-1]) else "는 "
        elif part in _SIGNS:
            minus = part == "-" and (not words or words.endswith(" "))
            words += "마이너스 " if minus else f" {_SIGNS[part]} "
        else:
            words += _say(part)
    return words


def _fraction(match: Match) -> str:
    return f"{cardinal(match[2])}분의 {cardinal(match[1])}"


def _ordinal(match: Match) -> str:
    number = match[1].replace(",", "")
    if match[2] == "째":
        return {"1": "첫", "2": "둘", "3": "셋", "4": "넷"}.get(number, native(number)) + "째"
    return f"{'첫' if number == '1' else native(number)} 번째"


def _number(match: Match) -> str:
    return _say(match[0])


def _always(words: str) -> Callable[[Match], str]:
    return lambda _: words


def _rules() -> list[tuple[str, Callable[[Match], str], str]]:
    units = "|".join(re.escape(unit) for unit in sorted(_units(), key=len, reverse=True))
    return [
        # numbers that are no quantities
        (
            rf"{START}(?P<year>[12][0-9]{{3}})(?P<mark>[-./]) ?(?P<month>1[0-2]|0?[1-9])(?P=mark) ?"
            rf"(?P<day>3[01]|[12][0-9]|0?[1-9])(?:\.(?=\s|$))?{_END}",
            _date,
            "date",
        ),
        (
            rf"{START}(?:\+82[- ]?[0-9]{{1,2}}|\(?0[0-9]{{1,3}}\)?)[-. ]{{1,2}}[0-9]{{3,4}}[-. ]"
            rf"[0-9]{{4}}{_END}",
            _telephone,
            "telephone",
        ),
        (rf"{START}1[568][0-9]{{2}}-[0-9]{{4}}{_END}", _telephone, "telephone"),
        (rf"{START}01[016789][0-9]{{7,8}}{_END}", _telephone, "telephone"),
        (rf"{START}[0-9]{{6}}-[0-9]{{7}}{_END}", _telephone, "digits"),
        (rf"{START}[0-9]{{2,6}}(?:-[0-9]{{2,7}}){{2,3}}{_END}", _telephone, "digits"),
        (
            rf"{START}([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?{_END}(?!:)",
            _time,
            "time",
        ),
        (rf"{START}([0-9]{{1,9}}) ?: ?([0-9]{{1,9}}){_END}", _ratio, "ratio"),
        (rf"{START}[0-9]{{1,2}}·[0-9]{{1,2}}{_END}", _day_of_history, "digits"),
        (
            rf"{START}[0-9]{{1,2}}\.[0-9]{{1,2}}(?= ?(?:{any_of('days_of_history')}))",
            _day_of_history,
            "digits",
        ),
        ("(?<=코로나)[ -]?19", _always("일구"), "digits"),
        (rf"{START}[0-9]{{1,9}}(?:\.[0-9]{{1,9}}){{2,}}{_END}", _version, "version"),
        # quantities
        (
            rf"(?:US)?(?P<currency>[$₩€¥£]) ?(?P<number>{_AMOUNT})(?>(?P<scale> ?{_SCALE}+)?)",
            _currency,
            "currency",
        ),
        (
            rf"{START}(?P<number>{_AMOUNT})(?>(?P<scale> ?{_SCALE}+)?) ?(?P<currency>[$₩€¥£元])",
            _currency,
            "currency",
        ),
        (
            rf"(?P<said>[시초]속 ?)?(?P<sign>(?<![0-9a-zA-Z가-힣])-)?{START}"
            rf"(?:(?P<first>{_AMOUNT}) ?{TILDE} ?)?(?P<number>{_AMOUNT}) ?"
            rf"(?P<unit>{units})(?![A-Za-z0-9²³/])",
            _measure,
            "unit",
        ),
        (rf"(?<![0-9a-zA-Z가-힣])-(?={_AMOUNT}도)", _always("영하 "), "minus"),
        (
            rf"{START}{_AMOUNT}(?: ?[-+×÷*/] ?{_AMOUNT}){{1,15}}+ ?= ?-?{_AMOUNT}",
            _arithmetic,
            "arithmetic",
        ),
        (rf"{START}{_AMOUNT}(?: ?[+×÷] ?{_AMOUNT}){{1,15}}+", _arithmetic, "arithmetic"),
        (rf"{START}([0-9]{{1,9}})/([0-9]{{1,9}}){_END}(?!/)", _fraction, "fraction"),
        (rf"{START}({NUMBER}) ?(번째|째(?![가-힣]|주))", _ordinal, "ordinal"),
        (
            rf"{START}([0-9]++)-(?=[0-9]++ ?(?:번지|호(?!선)))",
            lambda match: f"{_say(match[1])} 다시 ",
            "address",
        ),
        (
            rf"{START}([0-9]{{1,2}}) ?{TILDE} ?(?=[0-9]{{1,2}} ?월)",
            lambda match: f"{month(int(match[1]))}월에서 ",
            "range",
        ),
        (counted_pattern(), counted, "counter"),
        (
            rf"{START}({_AMOUNT}) ?{TILDE} ?(?=[0-9])",
            lambda match: f"{_say(match[1])}에서 ",
            "range",
        ),
        (rf"{START}0?6(?= ?월)", _always("유"), "month"),
        (rf"{START}10(?= ?월)", _always("시"), "month"),
        (rf"{START}1(?=[십백천만])", _always(""), "number"),
        (rf"(?<![0-9a-zA-Z가-힣)])-(?={_AMOUNT})", _always("마이너스 "), "minus"),
        (_AMOUNT, _number, "number"),
    ]

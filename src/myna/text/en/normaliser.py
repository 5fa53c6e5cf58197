"""English text to letters, spaces and `' . , ? ! -`; numbers and units are written out.

The order of the rules decides a lot: a minus between digits is gone before telephone numbers, and
every capital inside a word starts a new one, which spells acronyms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from myna.text.en.numbers import cardinal, ordinal, year
from myna.text.en.writing import tidied, written_out
from myna.text.rules import Match, Rule, applied
from myna.text.traced import Traced


def normalise(text: Traced, *, improved: bool = False) -> Traced:
    """Write out numbers, times, money, units and fractions; keep letters and `' . , ? ! -`.

    Accents are taken off letters. Letters of other scripts cannot be read: they are dropped and
    noted in the journal, and so is any other sign that has no words.

    Args:
        text: as the caller wrote it.
        improved: write out as a native reads, not as the published voices were trained.
    """
    if improved:
        text = written_out(text)
    text = applied(_RULES, text.translate(_PLAIN_MARKS))
    text = text.sub(_NOT_ASCII, _without_accents).sub(_PERCENT, " percent", "en.percent")
    text = text.kept(_is_read)
    text = text.sub(_THAT_IS, "that is", "en.abbreviation")
    text = text.sub(_FOR_EXAMPLE, "for example", "en.abbreviation")
    text = tidied(text) if improved else text.sub(_INNER_CAPITAL, r" \1", "en.capital")
    return text.sub(_RUN_OF_MARKS, r"\1")


_PLAIN_MARKS = dict(zip(map(ord, "。！？"), ".!?", strict=True))
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_PERCENT = re.compile("%")
_READ = frozenset(" ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.,?!-")
_THAT_IS = re.compile(r"i\.e\.", re.IGNORECASE)
_FOR_EXAMPLE = re.compile(r"e\.g\.", re.IGNORECASE)
_INNER_CAPITAL = re.compile(r"(?<!^)(?<!\s)([A-Z])")
_RUN_OF_MARKS = re.compile(r"([!?…,.\-\s])[!?…,.\-]+")


def _is_read(char: str) -> bool:
    return char in _READ


def _without_accents(match: Match) -> str:
    parts = unicodedata.normalize("NFD", match[0])
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


_WHOLE = r"(?<![0-9])[0-9]+"
"""All digits of a number: to try each of them as its start would take long on long numbers."""
_RAISED = "[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]"
_OPERAND = rf"(?:-?{_WHOLE}(?:\.[0-9]+)?|\.[0-9]+|[A-Za-z]){_RAISED}*"
_ARITHMETIC = re.compile(rf"({_OPERAND})\s+([+\-×÷=])\s+({_OPERAND})")
_OPERATORS = {"+": "plus", "-": "minus", "×": "times", "÷": "divided by", "=": "Equals"}

_LIST_NUMBER = re.compile(r"\b([0-9]+)\. ")
_NEGATIVE = re.compile(r"(?:^|(?<!\s)\s+)-([0-9]+)")
_WITH_COMMAS = re.compile(r"[0-9][0-9,]+[0-9]")
_TIME = re.compile(r"\b([01]?[0-9]|2[0-3]):([0-5][0-9])\b")
_MEASURE = re.compile(r"\b([0-9]+(?:\.[0-9]+)?)(m|km|km/h|ft|L|tbsp|tsp|h|min|s|°C|°F)\b")
_UNITS = {
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "ft": ("foot", "feet"),
    "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}
_POUNDS = ("pound", "pounds"), ("penny", "pence")
_DOLLARS = ("dollar", "dollars"), ("cent", "cents")
_MONEY = (
    (re.compile(r"£([0-9.,]*[0-9])"), *_POUNDS),
    (re.compile(r"(?<![0-9.,])([0-9.,]*[0-9])£"), *_POUNDS),
    (re.compile(r"\$([0-9.,]*[0-9])"), *_DOLLARS),
    (re.compile(r"(?<![0-9.,])([0-9.,]*[0-9])\$"), *_DOLLARS),
)
_DECIMAL = re.compile(rf"({_WHOLE})\.\s*([0-9]+)")
_FRACTION = re.compile(rf"({_WHOLE})/([0-9]+)")
_ORDINAL = re.compile(rf"({_WHOLE})(?:st|nd|rd|th)")
_NUMBER = re.compile(r"[0-9]+")


def _arithmetic(text: Traced) -> Traced:
    """Until nothing changes: an operand may belong to two operators."""
    before = None
    while text is not before:
        before = text
        text = text.sub(_ARITHMETIC, _operation, "en.arithmetic")
    return text


def _operation(match: Match) -> str:
    return f"{match[1]} {_OPERATORS[match[2]]} {match[3]}"


def _time(match: Match) -> str:
    hours, minutes = int(match[1]), int(match[2])
    half_day = "a.m." if hours < 12 else "p.m."
    hour = cardinal(str(hours - 12 if hours > 12 else hours))
    past = cardinal(match[2]) if minutes else "o'clock"
    return f"{hour} {past} {half_day}"


def _measure(match: Match) -> str:
    singular, plural = _UNITS[match[2]]
    return f"{match[1]} {singular if match[1].lstrip('0') == '1' else plural}"


def _money(units: tuple[str, str], cents: tuple[str, str]) -> Callable[[Match], str]:
    return lambda match: _amount(match[1], units, cents)


def _amount(number: str, units: tuple[str, str], cents: tuple[str, str]) -> str:
    whole, *fractions = number.replace(",", "").split(".")
    if len(fractions) > 1:
        return f"{number} {units[1]}"
    few = "".join(fractions).ljust(2, "0")
    amounts = (whole.lstrip("0"), units), (few.lstrip("0"), cents)
    named = [
        f"{amount} {names[0] if amount == '1' else names[1]}" for amount, names in amounts if amount
    ]
    return " and ".join(named) or f"zero {units[1]}"


def _decimal(match: Match) -> str:
    return f"{match[1]} point {' '.join(match[2])}"


def _fraction(match: Match) -> str:
    numerator, denominator = (part.lstrip("0") for part in match.groups())
    words = cardinal(numerator, joiner="and")
    several = numerator not in ("", "1")
    match denominator:
        case "1":
            return words
        case "2":
            return f"{words} {'halves' if several else 'half'}"
        case _:
            return f"{words} {ordinal(denominator)}{'s' if several else ''}"


def _number(match: Match) -> str:
    number = match[0].lstrip("0")
    if len(number) == 4 and 1000 < int(number) < 3000:
        return year(int(number))
    return cardinal(number)


_RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.list_number", _LIST_NUMBER, lambda match: f"{match[1]}th, "),
    _arithmetic,
    Rule("en.negative", _NEGATIVE, lambda match: f"negative {match[1]}"),
    Rule("en.thousands", _WITH_COMMAS, lambda match: match[0].replace(",", "")),
    Rule("en.time", _TIME, _time),
    Rule("en.unit", _MEASURE, _measure),
    *(Rule("en.money", pattern, _money(units, cents)) for pattern, units, cents in _MONEY),
    Rule("en.decimal", _DECIMAL, _decimal),
    Rule("en.fraction", _FRACTION, _fraction),
    Rule("en.ordinal", _ORDINAL, lambda match: ordinal(match[1])),
    Rule("en.number", _NUMBER, _number),
)

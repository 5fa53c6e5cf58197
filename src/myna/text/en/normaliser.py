"""English text to letters, spaces and `' . , ? ! -`; numbers and units are written out.

The order of the rules decides a lot: a minus between digits is gone before telephone numbers, and
every capital inside a word starts a new one, which spells acronyms.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable

from myna.text.en.numbers import cardinal, ordinal, year

logger = logging.getLogger(__name__)

Match = re.Match[str]


def normalise(text: str) -> str:
    """Write out numbers, times, money, units and fractions; split words at capitals.

    Letters of other scripts cannot be read: they are dropped with a warning in the log. Accents
    are taken off letters, and marks other than `' . , ? ! -` are dropped.
    """
    text = text.translate(_PLAIN_MARKS)
    for rule in _RULES:
        text = rule(text)
    text = _without_accents(text).replace("%", " percent")
    lost = sorted({char for char in text if char.isalnum() and not char.isascii()})
    if lost:
        logger.warning("English cannot read %s; dropped.", ascii("".join(lost)))
    text = _UNREAD.sub("", text)
    text = _FOR_EXAMPLE.sub("for example", _THAT_IS.sub("that is", text))
    text = _INNER_CAPITAL.sub(r" \1", text)
    return _RUN_OF_MARKS.sub(r"\1", text)


_PLAIN_MARKS = str.maketrans("。！？", ".!?")
_UNREAD = re.compile(r"[^ A-Za-z'.,?!\-]")
_THAT_IS = re.compile(r"i\.e\.", re.IGNORECASE)
_FOR_EXAMPLE = re.compile(r"e\.g\.", re.IGNORECASE)
_INNER_CAPITAL = re.compile(r"(?<!^)(?<!\s)([A-Z])")
_RUN_OF_MARKS = re.compile(r"([!?…,.\-\s])[!?…,.\-]+")


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


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
_MONEY = (
    (re.compile(r"£([0-9.,]*[0-9])"), ("pound", "pounds"), ("penny", "pence")),
    (re.compile(r"(?<![0-9.,])([0-9.,]*[0-9])£"), ("pound", "pounds"), ("penny", "pence")),
    (re.compile(r"\$([0-9.,]*[0-9])"), ("dollar", "dollars"), ("cent", "cents")),
    (re.compile(r"(?<![0-9.,])([0-9.,]*[0-9])\$"), ("dollar", "dollars"), ("cent", "cents")),
)
_DECIMAL = re.compile(rf"({_WHOLE})\.\s*([0-9]+)")
_FRACTION = re.compile(rf"({_WHOLE})/([0-9]+)")
_ORDINAL = re.compile(rf"({_WHOLE})(?:st|nd|rd|th)")
_NUMBER = re.compile(r"[0-9]+")


def _arithmetic(text: str) -> str:
    """Until nothing changes: an operand may belong to two operators."""
    before = None
    while text != before:
        before = text
        text = _ARITHMETIC.sub(lambda m: f"{m[1]} {_OPERATORS[m[2]]} {m[3]}", text)
    return text


def _time(match: Match) -> str:
    hours, minutes = int(match[1]), int(match[2])
    half_day = "a.m." if hours < 12 else "p.m."
    hour = cardinal(str(hours - 12 if hours > 12 else hours))
    past = cardinal(match[2]) if minutes else "o'clock"
    return f"{hour} {past} {half_day}"


def _measure(match: Match) -> str:
    singular, plural = _UNITS[match[2]]
    return f"{match[1]} {singular if match[1].lstrip('0') == '1' else plural}"


def _money(text: str) -> str:
    for pattern, units, cents in _MONEY:

        def words(
            match: Match, units: tuple[str, str] = units, cents: tuple[str, str] = cents
        ) -> str:
            return _amount(match[1], units, cents)

        text = pattern.sub(words, text)
    return text


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


def _substitution(pattern: re.Pattern[str], words: Callable[[Match], str]) -> Callable[[str], str]:
    return lambda text: pattern.sub(words, text)


_RULES: tuple[Callable[[str], str], ...] = (
    _substitution(_LIST_NUMBER, lambda match: f"{match[1]}th, "),
    _arithmetic,
    _substitution(_NEGATIVE, lambda match: f"negative {match[1]}"),
    _substitution(_WITH_COMMAS, lambda match: match[0].replace(",", "")),
    _substitution(_TIME, _time),
    _substitution(_MEASURE, _measure),
    _money,
    _substitution(_DECIMAL, _decimal),
    _substitution(_FRACTION, _fraction),
    _substitution(_ORDINAL, lambda match: ordinal(match[1])),
    _substitution(_NUMBER, _number),
)

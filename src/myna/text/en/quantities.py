"""Numbers and what they count: units, ranges, fractions, sums, ordinals, years and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from myna.text import tables
from myna.text.en.spoken import NUMBER, amount, cardinal, code, digits, in_pairs, ordinal, year
from myna.text.rules import Match, Rule
from myna.text.traced import Traced

# Units

_PER = {
    "h": "hour",
    "hr": "hour",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "m": "meter",
    "d": "day",
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "l": "liter",
    "gal": "gallon",
}
_POWERS = {"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "}
_TO = r"\s?[-–~]\s?"


class _Unit(NamedTuple):
    one: str
    many: str
    glued: bool


@cache
def _units() -> dict[str, _Unit]:
    rows = (line.split("|") for line in tables.lines("en", "units.txt"))
    return {sign: _Unit(one, many, how == "glued") for sign, one, many, how in rows}


@cache
def _measure_pattern() -> re.Pattern[str]:
    units = "|".join(re.escape(sign) for sign in sorted(_units(), key=len, reverse=True))
    return re.compile(
        rf"(?<![\w.,])(?P<sign>[-±~≈])?(?P<number>(?:[0-9]+[ -])?[0-9]/[0-9]{{1,2}}|{NUMBER})"
        rf"(?:{_TO}(?P<number_2>{NUMBER}))?(?P<gap>[ -]?)(?P<unit>{units})"
        r"(?P<power>[²³]|(?<=m)[23](?![0-9]))?(?:/(?P<per>[A-Za-z]+[²³]?))?(?![\w²³])"
        r"(?:\.(?= [a-z]))?"
    )


def _measures(text: Traced) -> Traced:
    return text.sub(_measure_pattern(), _measure, "en.unit")


def _measure(match: Match) -> str:
    sign, number, number_2, gap, unit, power, per = match.group(
        "sign", "number", "number_2", "gap", "unit", "power", "per"
    )
    names = _units()[unit]
    after = match.string[match.end() :]
    if gap and names.glued and not (unit == "in" and _INCHES.match(after)):
        return match[0]
    if gap and len(unit) == 1 and unit.isupper() and re.match("'|-[A-Za-z]", after):
        return match[0]
    if unit == "A" and re.match(r"\W*$|[ -][A-Z]", after):
        return match[0]
    words = {"-": "minus ", "±": "plus or minus ", "~": "about ", "≈": "about "}.get(sign or "", "")
    words += _quantity(number)
    if number_2:
        words += f" to {_quantity(number_2)}"
    one = (number in ("1", "1.0") or ("/" in number and " " not in number)) and not number_2
    if "/" in number and " " not in number:
        words += " of a" if re.match("[^aeiou]", names.one) else " of an"
    adjective = gap == "-" or (
        _ARTICLE.search(match.string[max(0, match.start() - 8) : match.start()])
        and _THING.match(after)
    )
    name = names.one if one or adjective else names.many
    words += f" {_POWERS[power] if power else ''}{name}"
    if per:
        bare = per.rstrip("²³")
        known = _units().get(bare)
        named = _PER.get(bare) or (known.one if known else bare)
        words += f" per {_POWERS[per[-1]] if per != bare else ''}{named}"
        if bare == "s" and per != bare:
            words = words.replace("per square second", "per second squared")
    return words


_ARTICLE = re.compile(r"(?i)\b(?:a|an|this|that|the) $")
_THING = re.compile(
    r" (?!(?:and|or|of|for|in|on|to|at|from|is|was|with|by|per|away|long|tall|high)\b)[a-z]{3,}"
)
_INCHES = re.compile(r"\W*$|[.,;]|\s(?:x|by|tall|wide|long|high|deep|thick|of|and|in diameter)\b")


def _quantity(number: str) -> str:
    if "/" not in number:
        return amount(number)
    return (
        _MIXED.sub(_mixed, number)
        if re.search("[ -]", number)
        else _FRACTION.sub(_fraction, number)
    )


_FEET = re.compile(r"(?<![\w.])([0-9])'\s?([0-9]{1,2})(?:\"|''|(?=\W|$))(?!s\b)")
_ONE_INCH = re.compile(
    r'(?<![\w.])([0-9]+(?:\.[0-9]+)?)"'
    r"(?=[- ](?:x|by|screen|tall|wide|long|thick|deep|monitor|display|"
    r"tv|TV|pizza|pipe|laptop|tablet|nail|cake|wheels?|tires?|subs?)\b)"
)


def _inch(match: Match) -> str:
    return f"{amount(match[1])} inch"


# Sums

_OPERATORS = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "×": "times",
    "x": "times",
    "·": "times",
    "÷": "divided by",
    "/": "divided by",
    "=": "equals",
    "<": "is less than",
    ">": "is greater than",
    "≤": "is at most",
    "≥": "is at least",
    "≠": "is not equal to",
    "≈": "is about",
    "^": "to the power of",
}
_TERM = rf"(?:-?(?:{NUMBER}|(?<![A-Za-z])[A-Za-z](?![A-Za-z]))[²³]?)"
_SUM = re.compile(rf"(?<![\w.,]){_TERM}(?:\s?[-+*×·÷/=<>≤≥≠≈^]\s?{_TERM}){{1,40}}(?![\w])")
_OPERATION = re.compile(rf"({_TERM})(?:\s?([-+*×·÷/=<>≤≥≠≈^])\s?)?")
_IS_SUM = re.compile(r"[=≤≥≠≈^÷×·+]|[A-Za-z0-9]\s?[*<>]\s?[A-Za-z0-9]|[0-9]\s-\s[0-9]")
_SIDE = r"[0-9]+(?:\.[0-9]+)?"
_DIMENSIONS = re.compile(
    rf"(?<![\w.])({_SIDE})\s?[x×]\s?({_SIDE})(?:\s?[x×]\s?({_SIDE}))?(?![\w=]| ?=)"
)
_PRODUCT = re.compile(rf"(?<![\w.,])({NUMBER}) ?x ?({NUMBER})(?=\s?=)")
_POWER_OF_TEN = re.compile(
    rf"(?<![\w.,])({NUMBER})\s?[x×*·]\s?10(?:\^\(?(-?[0-9]+)\)?|([⁻⁰¹²³⁴-⁹]+))(?![\w²³])"
)
_RAISED = re.compile("(?<=[A-Za-z0-9)])[⁻⁰¹²³⁴-⁹]+")
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_TIMES = re.compile(r"(?<![\w.])([0-9]+(?:\.[0-9]+)?)x\b")
_SQUARED = {"²": " squared", "³": " cubed"}


def _sum(match: Match) -> str:
    if not _IS_SUM.search(match[0]):
        return match[0]
    words: list[str] = []
    for term, operator in _OPERATION.findall(match[0]):
        negative, bare = term.startswith("-"), term.lstrip("-").rstrip("²³")
        words += ["minus"] if negative else []
        spoken = bare.upper() if bare.isalpha() else amount(bare)
        words.append(spoken + _SQUARED.get(term[-1], ""))
        words += [_OPERATORS[operator]] if operator else []
    return " ".join(words)


def _power_of_ten(match: Match) -> str:
    return f"{amount(match[1])} times ten{_power(match[2] or match[3])}"


def _power(written: str) -> str:
    if written in _SQUARED:
        return _SQUARED[written]
    number = written.translate(_SUPERSCRIPTS)
    sign = "minus " if number.startswith("-") else ""
    return f" to the power of {sign}{cardinal(number.strip('-') or '0')}"


def _dimensions(match: Match) -> str:
    numbers = [number for number in match.groups() if number]
    named = all(re.fullmatch("[1-9][0-9]{2,3}", number) for number in numbers)
    return " by ".join(in_pairs(number) if named else amount(number) for number in numbers)


# Fractions, ranges, ordinals

_FRACTION = re.compile(r"(?<![\w./])([0-9]+)/([0-9]+)(?![\w/]|\.[0-9])")
_MIXED = re.compile(r"(?<![\w./])([0-9]+)[ -]([1-9])/([0-9]{1,2})(?![\w/]|\.[0-9])")
_PART_OF = frozenset(
    ("2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "16", "20", "32", "64", "100", "1000")
)
_SAID_AS_NUMBERS = frozenset(("24/7", "9/11", "20/20", "50/50", "60/40", "80/20", "70/30"))
_RANGE = re.compile(
    rf"(?<![\w.,/])(?<!\w[-–])({NUMBER})(?:-|\s?[–—~]\s?)({NUMBER})(?![\w–-]|[/:.,][0-9])"
)
_ORDINAL = re.compile(r"(?<![\w.])([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:st|nd|rd|th)\b")
_ORDINALS = re.compile(r"(?<![\w.])([0-9]+)(?:st|nd|rd|th)?\s?[-–]\s?([0-9]+)(?:st|nd|rd|th)\b")


def _fraction(match: Match) -> str:
    if match[0] in _SAID_AS_NUMBERS:
        return f"{cardinal(match[1])} {cardinal(match[2])}"
    over, under = match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"
    if over == under:
        return f"{cardinal(over)} out of {cardinal(under)}"
    if len(over) == 4 and over[:2] in ("19", "20") and len(match[2]) == 2:
        return f"{year(over)} {code(match[2])}"
    if under in ("10", "100") and over != "1":
        return f"{cardinal(over)} out of {cardinal(under)}"
    if under not in _PART_OF or len(over) > 2:
        return f"{cardinal(over)} over {cardinal(under)}"
    return f"{cardinal(over)} {_part(under, several=over != '1')}"


def _part(under: str, *, several: bool) -> str:
    name = {"2": "half", "4": "quarter"}.get(under) or ordinal(under)
    if under == "2" and several:
        return "halves"
    return f"{name}s" if several else name


def _mixed(match: Match) -> str:
    if match[3] not in _PART_OF:
        return match[0]
    over = "a" if match[2] == "1" else cardinal(match[2])
    return f"{cardinal(match[1])} and {over} {_part(match[3], several=match[2] != '1')}"


def _range(match: Match) -> str:
    return f"{_alone(match[1])} to {_alone(match[2])}"


def _alone(number: str) -> str:
    return code(number) if number.isdigit() else amount(number)


# Single numbers

_NAMED = re.compile(r"(?<=[A-Za-z])-?([0-9]+)(?![0-9])")
_MILLIONS = re.compile(rf"(?<![\w.,])({NUMBER})(M|B|bn|mn|m)(?![\w])")
_GLUED = re.compile(r"(?<=[0-9])(?:-(?=[A-Za-z])|(?=[A-Za-z]))")
_MINUS = re.compile(r"(?<![\w.,)\]-])-(?=\.?[0-9])")
_PLUS = re.compile(r"(?<![\w+])\+(?=\.?[0-9])")
_MORE = re.compile(rf"(?<![\w.,])({NUMBER})\+(?![\w+])")
_APPROXIMATE = re.compile(r"[~≈]\s?(?=[0-9.])")
_RATIO = re.compile(r"(?<![\w.:])([0-9]+):([0-9]+)(?![\w:]|\.[0-9])")
_LIST_ITEM = re.compile(r"(?:(?<=^)|(?<=[.!?,] ))([0-9]{1,2})[.)] (?=[A-Z])")
_YEAR = re.compile(r"(?<![\w.,$€£/:-])(1[0-9]{3}|20[0-9]{2})(?![\w%/:]|[.,][0-9])(?= ?([A-Za-z]*))")
_COUNTED = frozenset(("people", "men", "women", "children", "kids", "percent", "feet", "point"))
_NOT_COUNTED = re.compile(
    r"(?:.{0,3}|this|does|news|elections|games|olympics|census|sales|results|finals|awards|models|"
    r"always|versus|series|crisis|business|perhaps|besides|towards|season's|.*ss|.*ous)"
)
_ERAS = frozenset(("AD", "BC", "CE", "BCE"))
_IN_YEAR = re.compile(r"(?i)\b(?:in|year|since) $")
_COUNTING = re.compile(
    r"(?i)\b(?:over|about|around|approximately|nearly|almost|exactly|least|most|than|costs?|weighs?|"
    r"total of|times|up to|some|another) $"
)
_NUMBER = re.compile(rf"(?<![0-9])(?:{NUMBER})")


def _named(match: Match) -> str:
    """The number of `B2B`, `COVID-19`, `A380`."""
    number = match[1]
    return f" {in_pairs(number) if len(number) == 3 else _code_or_year(number)} "


def _code_or_year(number: str) -> str:
    if len(number) > 4:
        return digits(number)
    return year(number) if len(number) == 4 and number[:2] in ("19", "20") else code(number)


def _year(match: Match) -> str:
    """A year, unless it counts what comes after it."""
    before = match.string[max(0, match.start() - 16) : match.start()]
    after = match[2]
    counts = after in _COUNTED or (after.endswith("s") and not _NOT_COUNTED.fullmatch(after))
    if match[1] < "1100" and after not in _ERAS and not _IN_YEAR.search(before):
        return match[0]
    return match[0] if counts or _COUNTING.search(before) else year(match[1])


def _ratio(match: Match) -> str:
    return f"{cardinal(match[1])} to {cardinal(match[2])}"


def _number(match: Match) -> str:
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    words = _alone(match[0]) if len(match[0]) < 40 else amount(match[0])
    return (
        f"{' ' if before.isalnum() or before == '.' else ''}{words}{' ' if after.isalnum() else ''}"
    )


_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = (
    "one|two|three|four|five|six|seven|eight|nine|"
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
)
_HYPHENATED = re.compile(rf"\b({_TENS})-(?=(?:{_ONES})\b)", re.IGNORECASE)


FIRST: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.feet", _FEET, lambda match: f"{cardinal(match[1])} foot {cardinal(match[2])}"),
    Rule("en.inches", _ONE_INCH, _inch),
)
"""Before quotes are taken off."""
RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.hyphenated_number", _HYPHENATED, r"\1 "),
    Rule("en.list_item", _LIST_ITEM, lambda match: f"{cardinal(match[1])}, "),
    _measures,
    Rule("en.sum", _PRODUCT, r"\1 × \2"),
    Rule("en.power", _POWER_OF_TEN, _power_of_ten),
    Rule("en.dimensions", _DIMENSIONS, _dimensions),
    Rule("en.sum", _SUM, _sum),
    Rule("en.power", _RAISED, lambda match: _power(match[0])),
    Rule("en.times", _TIMES, lambda match: f"{amount(match[1])} times"),
    Rule("en.fraction", _MIXED, _mixed),
    Rule("en.fraction", _FRACTION, _fraction),
    Rule("en.ordinal", _ORDINALS, lambda match: f"{ordinal(match[1])} to {ordinal(match[2])}"),
    Rule("en.ordinal", _ORDINAL, lambda match: ordinal(match[1].replace(",", ""))),
    Rule("en.range", _RANGE, _range),
    Rule("en.ratio", _RATIO, _ratio),
    Rule(
        "en.millions",
        _MILLIONS,
        lambda m: f"{amount(m[1])} {'million' if m[2][0] in 'Mm' else 'billion'}",
    ),
    Rule("en.negative", _MINUS, "minus "),
    Rule("en.plus", _PLUS, "plus "),
    Rule("en.plus", _MORE, lambda match: f"{amount(match[1])} plus"),
    Rule("en.about", _APPROXIMATE, "about "),
    Rule("en.year", _YEAR, _year),
    Rule("en.named_number", _NAMED, _named),
    Rule("en.hyphen", _GLUED, " "),
    Rule("en.number", _NUMBER, _number),
)

"""Signs that have words, and marks that are pauses."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced

_WITH_SLASH = {
    "w/o": "without",
    "w/": "with",
    "c/o": "care of",
    "n/a": "not applicable",
    "s/he": "she or he",
    "he/she": "he or she",
    "she/he": "she or he",
    "him/her": "him or her",
    "his/her": "his or her",
    "and/or": "and or",
    "either/or": "either or",
}
_SLASHED = re.compile(
    rf"(?i)(?<![\w/])(?:{'|'.join(map(re.escape, _WITH_SLASH))})(?![\w/])|(?<![\w/])w/(?=\w)"
)
_PER = {
    "hr": "hour",
    "h": "hour",
    "yr": "year",
    "mo": "month",
    "wk": "week",
    "min": "minute",
    "sec": "second",
    "s": "second",
    "kg": "kilogram",
    "lb": "pound",
    "km": "kilometer",
    "gal": "gallon",
}
_PER_UNIT = re.compile(
    r"(?<=[a-z]) ?/ ?(hour|hr|h|day|week|wk|month|mo|year|yr|person|people|night|gallon|gal|"
    r"liter|litre|mile|"
    r"minute|min|second|sec|s|kg|km|lb|unit|piece|seat|user|head|student|share|employee)\b(?!/)"
)
_AFTER_NUMBER_WORD = re.compile(
    r"(?:dollars?|cents?|euros?|pounds?|yen|yuan|rupees?|[a-z]*meters?|miles?|[a-z]*grams?|liters?|"
    r"times|days?|hours?|[a-z]*bits?|[a-z]*bytes?|calories|pages|words|won|pence|teen|ty|one|"
    r"two|three|"
    r"four|five|six|seven|eight|nine|ten|hundred|thousand|million|billion|price|cost|rate|fee)$"
)
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega"
)
_GREEK = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK_NAMES.split(), strict=True))
_ONE_GREEK = re.compile("(?<![\u0370-\u03ff])[α-ωΑ-Ωµ](?![\u0370-\u03ff])")
_WORDS = {
    "&": "and",
    "@": "at",
    "+": "plus",
    "=": "equals",
    "%": "percent",
    "‰": "per mille",
    "°": "degrees",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "≈": "approximately",
    "≤": "less than or equal to",
    "≥": "greater than or equal to",
    "≠": "not equal to",
    "<": "less than",
    ">": "greater than",
    "²": "squared",
    "³": "cubed",
    "√": "square root of",
    "∞": "infinity",
    "§": "section",
    "$": "dollar",
    "€": "euro",
    "£": "pound",
    "¥": "yen",
    "¢": "cents",
    "→": "to",
    "#": "hash",
}
_ARROW = re.compile("[-=]+>|→")
_TAG = re.compile(r"<[/A-Za-z][^<>]{0,200}>|&(?:nbsp|amp|lt|gt|quot);")
_EMOTICON = re.compile(r"(?<![\w])(?:[:;=8]['-]?[)(\]\[DPp|/\\3*oO]|<3|[xX]D)(?!\w)")
_SIGN = re.compile(f" ?([{re.escape(''.join(_WORDS))}])(?: |(?=\\S)|$)")

_CLITICS = {
    "cause": "cuz",
    "em": "em",
    "til": "till",
    "till": "till",
    "tis": "tis",
    "twas": "twas",
    "bout": "bout",
    "round": "round",
    "cuz": "cuz",
    "n": "and",
    "kay": "kay",
    "ello": "ello",
}
_CLITIC = re.compile(rf"(?i)(?<![\w'])'({'|'.join(_CLITICS)})\b'?")
_QUOTE = re.compile("(?<![A-Za-z0-9])'+|'+(?![A-Za-z0-9])")
_DOUBLE_QUOTE = re.compile('"+')
_IN_BRACKETS = re.compile(r"\s[(\[{]([^()\[\]{}]{1,300})[)\]}]")
_BRACKET = re.compile(r"[()\[\]{}]")
_BETWEEN_WORDS = re.compile(r"(?<=\w)[/\\|_*~^]+(?=\w)")
_SEPARATOR = re.compile(r"(?<!\s)\s+[|/\\]+\s+")
_STRAY = re.compile(r"[*_~^|`\\/]+")
_DASH = re.compile(r"(?<!\s)\s*(?:—|–|--+)\s*|(?<!\s)\s+-+\s+")
_LONE_HYPHEN = re.compile(r"(?<![A-Za-z])-+|-+(?![A-Za-z])")
_PAUSE = re.compile(r"(?<!\s)\s*[;:]")
_SPACE_BEFORE = re.compile(r"(?<!\s)\s+(?=[,.!?])")
_SPACES = re.compile(r"\s{2,}")
_MARKS = re.compile(r"[,.!?](?:\s*[,.!?])+")
_ENDS = re.compile(r"^[\s,]+|(?<!\s)\s+$")
_NO_SPACE = re.compile(r"([,!?]|(?<=[a-z])\.(?=[A-Z]))(?=[A-Za-z])")


def _slashed(match: Match) -> str:
    words = _WITH_SLASH.get(match[0].lower(), "with")
    return f"{words} " if match.string[match.end() : match.end() + 1].isalnum() else words


def _per(match: Match) -> str:
    if not _AFTER_NUMBER_WORD.search(match.string[max(0, match.start() - 24) : match.start()]):
        return match[0]
    return f" per {_PER.get(match[1], match[1])}"


def _greek(match: Match) -> str:
    letter = "μ" if match[0] == "µ" else match[0]
    return f" {_GREEK.get(letter.lower(), letter)} "


def _sign(match: Match) -> str:
    return f" {_WORDS[match[1]]} "


def _bracketed(match: Match) -> str:
    inner = match[1].strip()
    return f", {inner}, " if re.search(r"\w", inner) else " "


def _strongest(match: Match) -> str:
    """Of several marks in a row the one that says most; points one after the other are a pause."""
    for mark in "?!.":
        if mark in match[0]:
            return mark
    return ","


_COMPARED = re.compile(r"(?<![<>=!-])(?:>=|<=|!=|==)(?![<>=])")
_COMPARISONS = {">=": "≥", "<=": "≤", "!=": "≠", "==": "="}


FIRST: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.markup", _TAG, " "),
    Rule("en.emoticon", _EMOTICON, " "),
    Rule("en.slash", _SLASHED, _slashed),
    Rule("en.sign", _COMPARED, lambda match: _COMPARISONS[match[0]]),
)
"""Before numbers."""
RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("en.per", _PER_UNIT, _per),
    Rule("en.sign", _ARROW, " to "),
    Rule("en.clitic", _CLITIC, lambda match: _CLITICS[match[1].lower()]),
    Rule("en.quote", _QUOTE, ""),
    Rule("en.quote", _DOUBLE_QUOTE, ""),
    Rule("en.brackets", _IN_BRACKETS, _bracketed),
    Rule("en.brackets", _BRACKET, ""),
    Rule("en.dash", _DASH, ", "),
    Rule("en.pause", _SEPARATOR, ", "),
    Rule("en.slash", _BETWEEN_WORDS, " "),
    Rule("en.sign", _SIGN, _sign),
    Rule("en.greek", _ONE_GREEK, _greek),
    Rule("en.stray_sign", _STRAY, " "),
    Rule("en.hyphen", _LONE_HYPHEN, " "),
    Rule("en.pause", _PAUSE, ", "),
)
LAST: tuple[Callable[[Traced], Traced], ...] = (
    Rule("", _SPACE_BEFORE, ""),
    Rule("en.marks", _MARKS, _strongest),
    Rule("", _NO_SPACE, r"\1 "),
    Rule("", _SPACES, " "),
    Rule("", _ENDS, ""),
)
"""When all else is gone that is no word."""

"""Telephone numbers, and other numbers that are said digit by digit."""

from __future__ import annotations

import re

from myna.text.en.spoken import cardinal, digits
from myna.text.rules import Match, Rule

_ENDS = r"(?![\w-]|[.,][0-9])"
_AMERICAN = re.compile(
    r"(?<![\w.,$-])(?:\+?1[ .-]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}" + _ENDS
)
_LOCAL = re.compile(r"(?<![\w.,$€£/-])(?<!pages )[0-9]{3}-[0-9]{4}(?![\w-]|[.,][0-9])")
_INTERNATIONAL = re.compile(r"(?<!\w)\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,5}\)?){2,6}(?![\w-])")
_NATIONAL = re.compile(
    r"(?<![\w.,$-])(?:\(0[0-9]{2,5}\)[ -]?|0[0-9]{2,4}[ -])[0-9]{3,4}[ -]?[0-9]{3,4}" + _ENDS
)
_WITH_WORD = re.compile(r"(?<!\w)1-(8[0-9]{2})-(?=[A-Z])")
_GROUPS = re.compile(r"(?<![\w.,$-])[0-9]{2,5}(?:-[0-9]{2,5}){2,5}(?![\w-])")
_CARD = re.compile(r"(?<!\w)[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?!\w)")
_EMERGENCY = re.compile(
    r"(?i)\b((?:call|calls|called|calling|dial|dialed|dialled|dialing|phone|ring|text) )"
    r"([0-9]{3,6})(?![\w-]|[.,:/][0-9])(?! (?:people|times|of|men|women|friends|customers))"
)
_POLICE = re.compile(
    r"(?<!Porsche )(?<![\w.,$€£/-])911(?![\w-]|[.,:/%][0-9]| (?:people|points|Turbo))"
)
_CODED = "code|pin|zip|postcode|extension|ext|account|password|passcode|serial|id"
_CODE = re.compile(
    rf"(?i)\b((?:{_CODED})(?: (?:number|code))?(?: is|:| was)?\.? #?)([0-9]{{3,12}})" + _ENDS
)
_ZIP = re.compile(r"\b([A-Z]{2} )([0-9]{5})(?:-([0-9]{4}))?(?![\w-])")
_LONG = re.compile(r"(?<![\w.,$€£-])[0-9]{10,}(?![\w,]|\.[0-9])")
_RUN = re.compile("[0-9]+")


def _in_groups(match: Match) -> str:
    """Group by group, with short pauses."""
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in _RUN.findall(match[0]))


def _after_word(match: Match) -> str:
    return match[1] + digits(match[2])


def _zip(match: Match) -> str:
    words = match[1] + digits(match[2])
    return f"{words}, {digits(match[3])}" if match[3] else words


RULES = (
    Rule("en.card_number", _CARD, _in_groups),
    Rule("en.telephone", _AMERICAN, _in_groups),
    Rule("en.telephone", _LOCAL, _in_groups),
    Rule("en.telephone", _INTERNATIONAL, _in_groups),
    Rule("en.telephone", _NATIONAL, _in_groups),
    Rule("en.telephone", _WITH_WORD, lambda match: f"one {cardinal(match[1])} "),
    Rule("en.number_groups", _GROUPS, _in_groups),
    Rule("en.telephone", _EMERGENCY, _after_word),
    Rule("en.telephone", _POLICE, _in_groups),
    Rule("en.code", _CODE, _after_word),
    Rule("en.zip_code", _ZIP, _zip),
    Rule("en.long_number", _LONG, _in_groups),
)

"""Numbers and letters read as the caller says they are."""

from __future__ import annotations

import re
import unicodedata

from myna.errors import TextError
from myna.text.frontend import SayAs
from myna.text.ko import letters
from myna.text.ko.numbers import cardinal, decimal, digits, native
from myna.text.ko.quantities import month as month_words
from myna.text.traced import Match, Traced


def say_as(text: Traced, kind: SayAs) -> Traced:
    """`text` in words.

    Characters are hangul, Latin letters and digits, one by one. A date is a year, a month and a
    day, or the last two; the digits of a telephone number have 공 for 0.

    Raises:
        TextError: `text` cannot be said in this way.
    """
    pattern, words = _KINDS[kind]
    plain = unicodedata.normalize("NFKC", text.text)
    match = pattern.fullmatch(plain.strip())
    said = words(match) if match else None
    if said is None:
        raise TextError(f"{text.text!a} cannot be read as {kind} in Korean.")
    return text.sub(_ALL, lambda _: said, f"ko.say_as.{kind}")


_ALL = re.compile(r"(?s)\A.+\Z")
_DIGIT_NAMES = str.maketrans({str(i): digits(str(i)) for i in range(10)})


def _characters(match: Match) -> str:
    names = (
        letters.spelled_out(Traced.of(char), improved=True).text.translate(_DIGIT_NAMES)
        for char in match[0]
        if char.isalnum()
    )
    return " ".join(names)


def _number(match: Match) -> str:
    number = match[2].replace(",", "")
    return ("마이너스 " if match[1] else "") + decimal(number)


def _ordinal(match: Match) -> str:
    number = match[1].replace(",", "").lstrip("0")
    return f"{'첫' if number == '1' else native(number)} 번째"


def _telephone(match: Match) -> str:
    return " ".join(digits(group, zero="공") for group in re.findall("[0-9]+", match[0]))


def _date(match: Match) -> str | None:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    words = f"{month_words(month)}월 {cardinal(str(day))}일"
    return f"{cardinal(year)}년 {words}" if year else words


_WHOLE = "[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
_KINDS = {
    "characters": (re.compile(r"[가-힣A-Za-z0-9][가-힣A-Za-z0-9 .,\-]*"), _characters),
    "digits": (
        re.compile(r"[0-9](?:[ ,.\-]?[0-9])*"),
        lambda m: digits(re.sub("[^0-9]", "", m[0])),
    ),
    "cardinal": (re.compile(rf"([-−]?)((?:{_WHOLE})(?:\.[0-9]+)?)"), _number),
    "ordinal": (re.compile(rf"({_WHOLE})(?: ?(?:번째|째))?"), _ordinal),
    "telephone": (re.compile(r"\+?\(?[0-9][0-9()\- .]*"), _telephone),
    "date": (
        re.compile(
            r"(?:(?P<year>[0-9]{2,4})(?:[-./]|년) ?)?(?P<month>[0-9]{1,2})(?:[-./]|월) ?"
            r"(?P<day>[0-9]{1,2})[.일]?"
        ),
        _date,
    ),
}

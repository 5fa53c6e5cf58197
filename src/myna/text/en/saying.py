"""What is not a word, written out in the way the caller wants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NoReturn

from myna.errors import TextError
from myna.text.en import dates
from myna.text.en.spoken import NUMBER, amount, cardinal, digits, ordinal, year
from myna.text.frontend import SayAs
from myna.text.rules import Match, applied
from myna.text.traced import Traced


def say_as(text: Traced, kind: SayAs) -> Traced:
    """`text` written out in words that `normalise` leaves alone, whatever else is in it.

    Letters and signs are named for `characters`; other kinds need digits, and words around them
    stay as they are. A date is written in numbers, in ISO's order or the American one, or with the
    month in words.

    Raises:
        TextError: `text` cannot be said in this way.
    """
    said = _KINDS[kind](text)
    if not _LETTER.search(said.text):
        _refuse(text, kind)
    return said


def _characters(text: Traced) -> Traced:
    return text.sub(_ANY, _character, "en.say_as.characters").sub(_SPACES, " ").strip()


def _digits(text: Traced) -> Traced:
    _need_digits(text, "digits")
    return text.sub(_BETWEEN, " ").sub(_RUN, lambda match: digits(match[0]), "en.say_as.digits")


def _cardinal(text: Traced) -> Traced:
    _need_digits(text, "cardinal")
    return text.sub(_NUMBER, _signed, "en.say_as.cardinal")


def _ordinal(text: Traced) -> Traced:
    _need_digits(text, "ordinal")
    return text.sub(_ORDINAL, lambda match: ordinal(match[1].replace(",", "")), "en.say_as.ordinal")


def _telephone(text: Traced) -> Traced:
    """Groups as they are written, with short pauses."""
    _need_digits(text, "telephone")
    return text.sub(_TELEPHONE, _groups, "en.say_as.telephone")


def _date(text: Traced) -> Traced:
    _need_digits(text, "date")
    done = applied(dates.RULES, text)
    return done.sub(_RUN, lambda match: year(match[0]), "en.say_as.date")


_LETTER = re.compile("[A-Za-z]")
_ANY = re.compile(".", re.DOTALL)
_SPACES = re.compile(r"\s+")
_RUN = re.compile("[0-9]+")
_BETWEEN = re.compile("(?<=[0-9])[-.,/()]+(?=[0-9])")
_NUMBER = re.compile(rf"(?<![0-9])(-?)(?:{NUMBER})")
_ORDINAL = re.compile(r"(?<![0-9])([0-9]+(?:,[0-9]{3})*)(?:st|nd|rd|th)?")
_TELEPHONE = re.compile(r"\+?[0-9(][0-9() .\-/]*")
_NAMES = {
    " ": ", ",
    ".": "dot",
    ",": "comma",
    "-": "dash",
    "_": "underscore",
    "/": "slash",
    "\\": "backslash",
    "@": "at",
    "#": "hash",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "*": "star",
    "%": "percent",
    "$": "dollar",
    "€": "euro",
    "£": "pound",
    ":": "colon",
    ";": "semicolon",
    "?": "question mark",
    "!": "exclamation mark",
    "'": "apostrophe",
    '"': "quote",
    "(": "open bracket",
    ")": "close bracket",
    "<": "less than",
    ">": "greater than",
    "~": "tilde",
    "|": "bar",
    "^": "caret",
}


def _character(match: Match) -> str:
    char = unicodedata.normalize("NFD", match[0])[:1]
    if char.isascii() and char.isalnum():
        return f" {cardinal(char) if char.isdigit() else char.upper()} "
    if char.isspace():
        return _NAMES[" "]
    return f" {_NAMES[char]} " if char in _NAMES else match[0]


def _signed(match: Match) -> str:
    number = amount(match[0].removeprefix("-"))
    return f"minus {number}" if match[1] else number


def _groups(match: Match) -> str:
    spoken = ", ".join(digits(group) for group in _RUN.findall(match[0]))
    if not spoken:
        return match[0]
    end = " " if match[0][-1] == " " else ""
    return ("plus " if match[0].startswith("+") else "") + spoken + end


def _need_digits(text: Traced, kind: SayAs) -> None:
    if not _RUN.search(text.text):
        _refuse(text, kind)


def _refuse(text: Traced, kind: SayAs) -> NoReturn:
    shown = ascii(text.text if len(text) <= 40 else f"{text.text[:40]}...")
    wanted = "letters or digits" if kind == "characters" else "digits"
    raise TextError(f"{shown} cannot be said as {kind}: there are no {wanted} in it.")


_KINDS: dict[SayAs, Callable[[Traced], Traced]] = {
    "characters": _characters,
    "digits": _digits,
    "cardinal": _cardinal,
    "ordinal": _ordinal,
    "telephone": _telephone,
    "date": _date,
}

"""Jyutping to the two phones of a syllable, which say an initial, and a rest with its tone.

The tables do not have all rimes of Cantonese. Where one is missing, a rime next to it serves: of
`deu6` that of `diu6`, and `ang1` is said with the initial that many speakers give it, `ngang1`.

Source: the order of `_BEGINNING` is that of GPT-SoVITS (MIT), revision 48b1a01, with which the
published voices were trained; it divides some syllables in a strange place. Compared with recorded
phones in tests/parity.
"""

from __future__ import annotations

import re
from functools import cache

from myna.errors import MarkupError
from myna.text.symbols import UNKNOWN, symbols

_BEGINNING = re.compile(
    "aa|aai|aak|aap|aat|aau|ai|au|ap|at|ak|a|p|b|e|ts|t|dz|d|kw|k|gw|g|f|h|l|m|ng|n|s|y|w|c|z|j|"
    "ong|on|ou|oi|ok|o|uk|ung"
)
"""What becomes the first phone of a syllable. `aai` never does, for `aa` goes before."""

_INITIAL = "b|p|m|f|d|t|ng|n|l|gw|g|kw|k|w|h|z|c|s|j"
_RIME = (
    "aa(?:i|u|m|n|ng|p|t|k)?|a(?:i|u|m|n|ng|p|t|k)?|eo(?:i|n|t)|e(?:i|u|m|n|ng|p|t|k)?|"
    "i(?:u|m|n|ng|p|t|k)?|oe(?:ng|t|k)?|o(?:i|u|n|ng|t|k)?|u(?:i|n|ng|t|k)?|yu(?:n|t)?|m|ng"
)
_SYLLABLE = re.compile(rf"({_INITIAL})?({_RIME})[1-6]", re.ASCII | re.IGNORECASE)
_NEAR_RIMES = {"eu": "iu", "em": "im", "en": "in", "ep": "ip", "et": "it", "oet": "eot"}
_NEAR_INITIAL = {"a": "ng", "e": "ng", "i": "j", "o": "ng", "u": "ng", "y": "j", "m": "", "n": ""}


def spelled(notation: str, table: str) -> list[list[str]]:
    """As `Frontend.spelled`: syllables with tones 1 to 6, with or without spaces between them."""
    del table  # whether it has Cantonese at all, the caller knows
    found: list[list[str]] = []
    place = len(notation) - len(notation.lstrip())
    while place < len(notation):
        match = _SYLLABLE.match(notation, place)
        phones = nearest(match[0].lower()) if match else None
        if match is None or phones is None:
            raise MarkupError(
                f"{notation[place:].split()[0][:20]!r} does not begin with a syllable of jyutping. "
                "Write it like `gwong2 dung1 waa2`, each syllable with its tone, 1 to 6.",
                place,
            )
        found.append(list(phones))
        place = match.end()
        place += len(notation[place:]) - len(notation[place:].lstrip())
    if not found:
        raise MarkupError("There is no jyutping. Write it like `gwong2 dung1 waa2`.", 0)
    return found


def divided(reading: str) -> tuple[str, str]:
    """The phones that the published voices were trained with; `UNK` for what is not in the table.

    `reading` is what the dictionary has for one character, though that be two syllables.
    """
    syllable, tone = reading[:-1], reading[-1:]
    beginning = _BEGINNING.match(syllable)
    if beginning is None:
        return UNKNOWN, UNKNOWN
    rest = syllable[beginning.end() :] or syllable[-1]
    return _known(f"Y{beginning[0]}"), _known(f"Y{rest}{tone}")


@cache
def nearest(syllable: str) -> tuple[str, str] | None:
    """The phones of one syllable or, if the table lacks them, of the one that sounds most like it.

    None for what is no syllable of Cantonese.
    """
    match = _SYLLABLE.fullmatch(syllable)
    if match is None:
        return None
    initial, rime, tone = match[1] or "", match[2], syllable[-1]
    near = _NEAR_RIMES.get(rime, rime)
    for written in (initial + rime, initial + near, (initial or _NEAR_INITIAL[near[0]]) + near):
        phones = divided(written + tone)
        if UNKNOWN not in phones:
            return phones
    return divided(rime + tone)  # h before a nasal that is a syllable


def _known(phone: str) -> str:
    return phone if phone in _phones() else UNKNOWN


@cache
def _phones() -> frozenset[str]:
    return frozenset(phone for phone in symbols("v2") if phone.startswith("Y") and len(phone) > 1)

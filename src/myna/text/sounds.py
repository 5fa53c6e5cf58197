"""Phones as they can be heard: what of a reading a recogniser tells apart.

English without stress; Mandarin as initials, and finals with their tones. What makes no sound, such
as a mark or the empty initial of a Mandarin syllable, is nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from myna.errors import TextError
from myna.text.en.arpabet import CONSONANTS, VOWELS

if TYPE_CHECKING:
    from myna.datatypes import Sentence

LANGUAGES = ("en", "zh")
"""Languages whose sounds are in the inventory."""

TONES = 5
"""Of a Mandarin final; the fifth is the neutral one."""

_INITIALS = "b c ch d f g h j k l m n p q r s sh t w x y z zh"
_FINALS = (
    "E En a ai an ang ao e ei en eng er i i0 ia ian iang iao ie in ing iong ir iu "
    "o ong ou u ua uai uan uang ui un uo v van ve vn"
)

PLAIN = (*sorted(CONSONANTS + VOWELS), *_INITIALS.split())
"""Sounds without a tone: English in capitals, and Mandarin initials."""

TONED = tuple(_FINALS.split())
"""Mandarin finals; one sound for each of their tones."""

SOUNDS = ("", *PLAIN, *(f"{final}{tone}" for final in TONED for tone in range(1, TONES + 1)))
"""The inventory, in the order of a recogniser's outputs; the first is a pause."""


def language_of(sound: str) -> str:
    """The language that a sound of the inventory belongs to; empty for a pause."""
    if not sound:
        return ""
    return "en" if sound in _ENGLISH else "zh"


def heard(symbols: Iterable[str], language: str) -> list[str]:
    """The sounds of phones as `myna.text` gives them; fewer, since some make none.

    Raises:
        TextError: the inventory has no sounds of this language.
    """
    if language not in LANGUAGES:
        raise TextError(
            f"The sounds of {language!r} are not known; those of {', '.join(LANGUAGES)} are."
        )
    return [sound for symbol in symbols if (sound := _sound(symbol, language))]


def heard_in(sentence: Sentence) -> list[str]:
    """The sounds of a sentence that was read, in its languages.

    Raises:
        TextError: a part of it is in a language without sounds here.
    """
    return [sound for part in sentence.parts for sound in heard(part.symbols, part.language)]


def spoken(sentence: Sentence) -> list[int]:
    """What each phone of a sentence sounds like: its place in the inventory, 0 for no sound.

    Raises:
        TextError: a part of it is in a language without sounds here.
    """
    return [
        _index()[sound[0]] if (sound := heard([symbol], part.language)) else 0
        for part in sentence.parts
        for symbol in part.symbols
    ]


def ids(sounds: Iterable[str]) -> list[int]:
    """Places of sounds in the inventory.

    Raises:
        TextError: one is not in it.
    """
    index = _index()
    found = []
    for sound in sounds:
        if sound not in index:
            raise TextError(f"{sound!r} is no sound that the recogniser knows.")
        found.append(index[sound])
    return found


_ENGLISH = frozenset(CONSONANTS + VOWELS)


def _sound(symbol: str, language: str) -> str:
    if language == "en":
        bare = symbol.rstrip("012")
        return bare if bare in _ENGLISH else ""
    return symbol if symbol in _index() and symbol not in _ENGLISH else ""


@cache
def _index() -> dict[str, int]:
    return {sound: index for index, sound in enumerate(SOUNDS)}

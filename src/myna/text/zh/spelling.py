"""Pinyin and the two phones of each syllable."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from myna.errors import MarkupError
from myna.text import tables
from myna.text.zh.readings import Syllable

Pair = tuple[str, str]


def phones(syllable: Syllable) -> Pair | None:
    """The two phones of a syllable; None if Mandarin has no such syllable."""
    pair = _symbols().get(_bare(syllable)) if syllable.tone else None
    return pair and (pair[0], f"{pair[1]}{syllable.tone}")


def written(syllable: Syllable) -> str:
    """A syllable in pinyin, its tone a digit."""
    return f"{_bare(syllable)}{syllable.tone}" if syllable.tone else syllable.initial


def spelled(notation: str, table: str) -> list[list[str]]:
    """The phones of syllables in pinyin: `zhong4 guo2`, `zhòng guó`, `nar3`, `lv4`.

    Digits 1 to 5 are the tones, 5 or 0 the neutral one. Where tones are written as accents a
    syllable without one is neutral. A syllable that ends in `r` is two, the second for 儿.

    Args:
        notation: syllables, with or without spaces between those that end in a digit.
        table: `v1` or `v2`; voices of `v1` were trained without erhua.

    Raises:
        MarkupError: something in `notation` is no syllable.
    """
    accented = any(char in _ACCENTS for char in unicodedata.normalize("NFD", notation))
    found: list[list[str]] = []
    for match in _SYLLABLE.finditer(notation):
        letters, tone = _plain(match["letters"], match["digit"])
        if not tone and accented:
            tone = "5"
        if not tone:
            raise MarkupError(
                f"{match[0]!r} has no tone. Write pinyin with a tone digit after each syllable, "
                f"1 to 4, or 5 for the neutral tone: zhong4 guo2.",
                match.start(),
            )
        tone = "5" if tone == "0" else tone
        ends_in_r = letters not in _symbols() and letters.endswith("r")
        bare = letters.removesuffix("r") if ends_in_r else letters
        pair = _symbols().get(bare)
        if pair is not None:
            found.append([pair[0], f"{pair[1]}{tone}"])
        elif bare or not found:
            raise MarkupError(
                f"{match[0]!r} is no syllable of Mandarin. Write pinyin with a tone digit after "
                f"each syllable, v or ü for the vowel of 女: nv3 ren2.",
                match.start(),
            )
        if ends_in_r:
            found.append(["EE", f"er{2 if table == 'v1' else found[-1][1][-1]}"])
    return found


_SYLLABLE = re.compile(
    r"(?P<letters>[^\W\d_](?:[^\W\d_]|[\u0300-\u036f:])*|[^\s'’,·-])(?P<digit>[0-9]?)"
)
_ACCENTS = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}


def _plain(letters: str, digit: str) -> tuple[str, str]:
    """Letters without accents, and the tone; empty for none."""
    tone = digit
    plain = ""
    for char in unicodedata.normalize("NFD", letters.lower()):
        if char in _ACCENTS:
            tone = tone or _ACCENTS[char]
        else:
            plain += char
    for vowel in ("u\u0308", "u:", "v"):
        plain = plain.replace(vowel, "v")
    plain = plain.replace("lue", "lve").replace("nue", "nve")
    if plain[:1] in ("j", "q", "x", "y"):
        plain = plain.replace("v", "u")
    return plain, tone if tone in {*"012345"} else ""


_CONTRACTED = {"uei": "ui", "iou": "iu", "uen": "un"}
_WHOLE = {"ing": "ying", "i": "yi", "in": "yin", "u": "wu"}
_FIRST = {"v": "yu", "i": "y", "u": "w"}


def _bare(syllable: Syllable) -> str:
    """A syllable as pinyin spells it: `uei` alone is `wei`, after `g` it is `ui`."""
    initial, final = syllable.initial, syllable.final[:-1]
    if initial:
        return initial + _CONTRACTED.get(final, final)
    return _WHOLE.get(final) or _FIRST.get(final[:1], final[:1]) + final[1:]


@cache
def _symbols() -> dict[str, Pair]:
    rows = (line.split() for line in tables.lines("zh", "syllables.txt"))
    return {syllable: (initial, final) for syllable, initial, final in rows}

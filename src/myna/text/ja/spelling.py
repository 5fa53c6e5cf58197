"""A reading written by hand: kana as they sound, with the places where the pitch moves.

`]` (or `'`, `’`, `ꜜ`) stands after the mora from which the pitch falls, `[` (or `ꜛ`) where it
rises; a space parts accent phrases. Without `[` the pitch rises after the first mora, unless it
falls there; without either the word is flat: はし is h a [ sh i, は]し is h a ] sh i. おう and えい
are long vowels; `・` keeps two kana apart: おも・う.
"""

from __future__ import annotations

from myna.errors import MarkupError
from myna.text.ja.moras import LONG, katakana, mora_phones
from myna.text.symbols import index_of

_FALLS = "]'’ꜜ"
_RISES = "[ꜛ"
_APART = "・"
_BORDERS = " \u3000"
_DRAWN_OUT = {("o", "ウ"), ("u", "ウ"), ("e", "イ")}


def spelled(notation: str, table: str) -> list[list[str]]:
    """Phones of a reading in kana, mora by mora; a mark of pitch belongs to the mora before it.

    Voices of table v1 know no marks of pitch; they get none.

    Raises:
        MarkupError: there is something else than kana and marks of pitch, or no kana at all.
    """
    kana = katakana(notation)
    known = index_of(table)
    said: list[list[str]] = []
    marks: list[str] = []  # after each mora: `[`, `]`, `#`, or nothing
    apart = True
    at = 0
    while at < len(kana):
        char = kana[at]
        size = 1
        if char in _FALLS or char in _RISES or char in _BORDERS:
            if not said:
                if char in _FALLS:
                    raise MarkupError("The pitch cannot fall before the first kana.", at)
            elif char in _BORDERS:
                marks[-1] = marks[-1].removesuffix("#") + "#"
            elif marks[-1]:
                raise MarkupError("The pitch moves twice in one place.", at)
            else:
                marks[-1] = "]" if char in _FALLS else "["
            apart = apart or char in _BORDERS
        elif char == _APART:
            apart = True
        elif char == LONG or (said and not apart and (said[-1][-1], char) in _DRAWN_OUT):
            if not said:
                raise MarkupError("There is no vowel before this that could be long.", at)
            said.append([said[-1][-1]])
            marks.append("")
            apart = False
        else:
            pair = mora_phones(kana[at : at + 2])
            size = 2 if at + 2 <= len(kana) and pair and set(pair) <= known.keys() else 1
            phones = mora_phones(kana[at : at + size])
            if phones is None:
                raise MarkupError(f"{notation[at]!a} is no kana.", at)
            said.append(list(phones))
            marks.append("")
            apart = False
        at += size
    if not said:
        raise MarkupError("There is no kana to read.", 0)
    if table == "v1":
        return said
    return [[*mora, *mark] for mora, mark in zip(said, _with_rises(marks), strict=True)]


def _with_rises(marks: list[str]) -> list[str]:
    """Each accent phrase with the rise that it has if nothing else is said."""
    done = list(marks)
    first = 0
    for i, mark in enumerate(marks):
        if "#" in mark or i + 1 == len(marks):
            if first < i and not done[first] and not any("[" in m for m in marks[first : i + 1]):
                done[first] = "["
            first = i + 1
    return done

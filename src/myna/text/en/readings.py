"""Words with two readings, as a native chooses: by the words around them.

The choices are the rows of `data/readings.txt`, and for words that are not there the role alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from myna.text import tables
from myna.text.en import homographs
from myna.text.en.roles import Role, role

_NEAR = 6
_SENTENCE_END = frozenset(".!?")


def reading(written: Sequence[str], words: Sequence[str], index: int) -> tuple[str, ...] | None:
    """Phones of `words[index]`, or None where that word has one reading only.

    Args:
        written: all words of the text as they are written, marks among them.
        words: the same in lower case.
        index: of the word asked for.
    """
    rows = _table().get(words[index])
    if rows is not None:
        place = _Place(written, words, index, role(words, index))
        return next((row.phones for row in rows if all(holds(place) for holds in row.holds)), None)
    entry = homographs.table().get(words[index])
    if entry is None:
        return None
    first, second, expected = entry
    if expected == "JJ":
        is_first = _word(words, index + 1).isalpha()
    else:
        is_first = (role(words, index) in _VERBAL) == (expected[0] == "V")
    return tuple((first if is_first else second).split())


def usual(word: str) -> tuple[str, ...]:
    """The reading of a word with several that goes unsaid: the one of a noun."""
    rows = _table().get(word)
    if rows is not None:
        return rows[-1].phones
    return tuple(homographs.table()[word][1].split())


_VERBAL = ("verb", "past", "participle")


class _Place(NamedTuple):
    written: Sequence[str]
    words: Sequence[str]
    at: int
    role: Role


class _Row(NamedTuple):
    phones: tuple[str, ...]
    holds: tuple[Callable[[_Place], bool], ...]


@cache
def _table() -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for line in tables.lines("en", "readings.txt"):
        word, phones, conditions = line.split("|")
        holds = tuple(_condition(condition) for condition in conditions.split())
        found.setdefault(word, []).append(_Row(tuple(phones.split()), holds))
    return found


def _condition(text: str) -> Callable[[_Place], bool]:
    kind, _, values = text.partition("=")
    wanted = frozenset(values.split(","))
    return {
        "role": lambda place: place.role in wanted,
        "before": lambda place: _word(place.words, place.at - 1) in wanted,
        "next": lambda place: _word(place.words, place.at + 1) in wanted,
        "then": lambda place: _word(place.words, place.at + 2) in wanted,
        "near": lambda place: not wanted.isdisjoint(_around(place)),
        "case": _is_name,
    }[kind]


def _word(words: Sequence[str], index: int) -> str:
    """The word there; beyond the text and at any mark, a full stop."""
    if not 0 <= index < len(words):
        return "."
    return words[index] if words[index][:1].isalnum() else "."


def _around(place: _Place) -> set[str]:
    words, index = place.words, place.at
    first = last = index
    while first > 0 and index - first < _NEAR and words[first - 1] not in _SENTENCE_END:
        first -= 1
    while last < len(words) - 1 and last - index < _NEAR and words[last + 1] not in _SENTENCE_END:
        last += 1
    return {*words[first:index], *words[index + 1 : last + 1]}


def _is_name(place: _Place) -> bool:
    return place.written[place.at].istitle() and _word(place.words, place.at - 1) != "."

"""When each word of a sentence is said, from when its phones are.

Every phone knows the characters that it came from, so words are the caller's own, however they are
read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from myna.datatypes import Word

if TYPE_CHECKING:
    from myna.datatypes import Sentence, Written

Times = tuple[float, float]
"""Start and end, in seconds."""


def words(
    sentence: Sentence, sounds: Sequence[int], times: Sequence[Times | None], seconds: float
) -> tuple[Word, ...]:
    """The words of a sentence that were said.

    Words that share a phone are one. What has no sound, because no rule can read it, is with the
    word before it, or else the one behind it.

    Args:
        sounds: of each phone, 0 for none.
        times: of each phone, from the start of the sentence; None if it was not said.
        seconds: that the sentence lasts; nothing is later.

    Returns:
        in order, none overlapping another.
    """
    found: list[Word] = []
    for group in _groups(sentence, sounds):
        said = [time for phone in group.phones if (time := times[phone]) is not None]
        if said:
            start, end = min(start for start, _ in said), max(end for _, end in said)
            found.append(Word(start, end, " ".join(word.text for word in group.words)))
    return within(found, seconds)


def within(found: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """Words with times from 0 to `seconds`, none overlapping another."""
    kept: list[Word] = []
    ended = 0.0
    for word in found:
        start = min(max(word.start, ended), seconds)
        ended = min(max(word.end, start), seconds)
        kept.append(Word(start, ended, word.text))
    return tuple(kept)


@dataclass(slots=True)
class _Group:
    """Words that are read as one."""

    words: list[Written]
    phones: list[int]
    """Those that sound."""


def _groups(sentence: Sentence, sounds: Sequence[int]) -> list[_Group]:
    """All words, in order; each group has phones, unless nothing of the sentence sounds."""
    written = sentence.words
    if not written:
        return []
    first: list[tuple[int, int]] = []
    """The word that each phone is in, or the first of several."""
    apart = [True] * len(written)
    """Whether a word is read apart from the one before it."""
    place = last = 0
    for phone, span in enumerate(sentence.spans):
        if not sounds[phone]:
            continue
        while place < len(written) - 1 and written[place].span[1] <= span[0]:
            place += 1
        last = max(last, place)
        while last < len(written) - 1 and written[last + 1].span[0] < span[1]:
            last += 1
            apart[last] = False
        first.append((place, phone))
    starts = [number for number, alone in enumerate(apart) if alone]
    groups = [_Group(list(written[a:b]), []) for a, b in pairwise([*starts, len(written)])]
    owners = [number for number, group in enumerate(groups) for _ in group.words]
    for word, phone in first:
        groups[owners[word]].phones.append(phone)
    return _sounding(groups)


def _sounding(groups: Sequence[_Group]) -> list[_Group]:
    """Those without a sound become part of their neighbours."""
    found: list[_Group] = []
    waiting: list[Written] = []
    for group in groups:
        if group.phones:
            found.append(_Group(waiting + group.words, group.phones))
            waiting = []
        elif found:
            found[-1].words += group.words
        else:
            waiting += group.words
    return found

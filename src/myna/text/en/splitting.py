"""Split a run of letters into the words it is made of, as the package wordsegment does.

Its word counts are used (extra `en`, loaded at the first call); the search is our own, because the
package's own is recursive and goes too deep for long input.

Source: the scores are those of wordsegment 1.3.1 (Apache-2.0), after "Natural Language Corpus Data"
by Peter Norvig in "Beautiful Data" (2009): counts of words and pairs, "stupid backoff".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from myna.errors import MissingExtraError
from myna.extras import require

_AT_ONCE = 250
"""Longer input is split piece by piece; the last words of one piece are split again with the next.
"""
_SPLIT_AGAIN = 5
_NOT_ALPHANUMERIC = re.compile("[^a-z0-9]+")

_Words = tuple[Any, ...]
"""`()` or `(first, rest)`: compares like a list, and is made in no time."""


@lru_cache(maxsize=4096)
def split(letters: str) -> tuple[str, ...] | None:
    """The words in a run of lower-case letters; None if wordsegment is not installed."""
    counts = _counts()
    if counts is None:
        return None
    letters = _NOT_ALPHANUMERIC.sub("", letters)
    found: list[str] = []
    again = ""
    for start in range(0, len(letters), _AT_ONCE):
        words = _likeliest(again + letters[start : start + _AT_ONCE], counts)
        again = "".join(words[-_SPLIT_AGAIN:])
        found += words[:-_SPLIT_AGAIN]
    return (*found, *_likeliest(again, counts))


@dataclass(frozen=True, slots=True)
class _Counts:
    words: Mapping[str, float]
    pairs: Mapping[str, float]
    total: float
    longest: int

    def score(self, word: str) -> float:
        count = self.words.get(word)
        if count is None:
            return 10.0 / float(self.total * 10 ** len(word))
        return count / self.total


@cache
def _counts() -> _Counts | None:
    try:
        wordsegment = require("wordsegment", extra="en", feature="Splitting English compounds")
    except MissingExtraError:
        return None
    segmenter = wordsegment.Segmenter()  # not the module's own, which other packages may load too
    segmenter.load()
    return _Counts(segmenter.unigrams, segmenter.bigrams, segmenter.total, segmenter.limit)


def _likeliest(letters: str, counts: _Counts) -> list[str]:
    """The words of the best score, from the end of the letters to the start."""
    size = len(letters)
    best: dict[tuple[int, int], tuple[float, _Words]] = {}
    """By place and length of the word before it: score and words from there on."""
    for place in range(size, -1, -1):
        if place == size:
            alone: list[tuple[float, _Words]] = [(0.0, ())]
            words: list[str] = []
        else:
            words = [
                letters[place : place + length]
                for length in range(1, min(size - place, counts.longest) + 1)
            ]
            rests = [best[place + len(word), len(word)] for word in words]
            alone = [
                (math.log10(counts.score(word)) + rest, (word, more))
                for word, (rest, more) in zip(words, rests, strict=True)
            ]
        top = max(alone)
        for length in range(min(place, counts.longest) + 1) if place else (0,):
            before = letters[place - length : place] if length else "<s>"
            if (length == 0 and place) or not words or before not in counts.words:
                best[place, length] = top
                continue
            first = counts.words[before] / counts.total
            after = list(alone)
            for i, word in enumerate(words):
                pair = counts.pairs.get(f"{before} {word}")
                if pair is not None:
                    score = math.log10(pair / counts.total / first)
                    rest, more = rests[i]
                    after[i] = (score + rest, (word, more))
            best[place, length] = max(after)
    found: list[str] = []
    left = best[0, 0][1]
    while left:
        found.append(left[0])
        left = left[1]
    return found

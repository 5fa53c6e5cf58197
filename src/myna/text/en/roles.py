"""What a word does in its sentence, judged by the words beside it: a few rules, not a tagger.

They serve words that are a verb in one reading and a noun or adjective in another, so the question
is always whether a verb may stand here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Literal

from myna.text import tables

Role = Literal["verb", "past", "participle", "noun", "adjective"]


def role(words: Sequence[str], index: int) -> Role:
    """The likeliest role of `words[index]`.

    Args:
        words: all words of the text, in lower case, marks among them.
        index: of a word that may be a verb.
    """
    word = words[index]
    before, place = _before(words, index)
    after = words[index + 1] if index + 1 < len(words) else ""
    if before in ("that", "which", "this") and word.endswith("s") and not word.endswith("ss"):
        return "verb"
    if before in _words("object") and place and words[place - 1] in _words("causative"):
        return "verb"
    if before in _words("be") or before.endswith(("'re", "'m")):
        return "participle" if _looks_past(word) else "adjective"
    if before in _words("have") or before.endswith("'ve"):
        return "participle" if _looks_past(word) else "noun"
    if before in _words("before_verb") or before.endswith(("n't", "'ll", "'d")):
        return "verb"
    if before in _words("determiner"):
        return "adjective" if _looks_past(word) and _is_word(after) else "noun"
    if before in _words("subject"):
        asked = place and (words[place - 1] in _words("have")) and _looks_past(word)
        return "participle" if asked else "verb"
    if before in _words("subject_of_s"):
        if word.endswith("s") or _is_asked(words, place):
            return "verb"
        return "past" if _looks_past(word) else "noun"
    if any(before in _words(kind) for kind in ("object", "preposition", "adjective")):
        return "noun"
    if before in ("and", "or", "but", "then") or not _is_word(before):
        return _at_start(words, index, after)
    return _after_content(word, before, after)


def _before(words: Sequence[str], index: int) -> tuple[str, int]:
    """The nearest word on the left that is no adverb, and its place."""
    place = index - 1
    while place > 0 and _is_adverb(words[place]):
        place -= 1
    return (words[place], place) if place >= 0 else ("", -1)


def _at_start(words: Sequence[str], index: int, after: str) -> Role:
    """Of a word at the start of a clause: an order has an object."""
    if after in _words("determiner") | _words("object") | {"it", "you", "up", "out"}:
        return "verb"
    if _looks_past(words[index]):
        return "past"
    if index and words[index - 1] in ("and", "or", "then") and after in _words("preposition"):
        return "verb" if index > 1 and words[index - 2] in ("up", "down", "out") else "noun"
    return "noun"


def _after_content(word: str, before: str, after: str) -> Role:
    """Of a word after a noun, a verb or an adjective that no list has."""
    if _looks_past(word):
        return "past"
    if _ADJECTIVE_ENDING.search(before):
        return "noun"
    goes_on = (
        after in _words("determiner")
        or after in _words("object")
        or after in _words("preposition")
        or after in ("it", "that", "not", "to")
        or _is_adverb(after)
        or not _is_word(after)
    )
    plural = before in _words("plural") or bool(re.search(r"[^siu]s$", before))
    if word.endswith("s") and not word.endswith("ss"):
        return "verb" if goes_on and not plural and _is_word(after) else "noun"
    return "verb" if plural and goes_on else "noun"


def _is_asked(words: Sequence[str], place: int) -> bool:
    """Whether `did he`, `can she` or the like comes before."""
    return place > 0 and words[place - 1] in _words("before_verb")


def _looks_past(word: str) -> bool:
    return word == "read" or word.endswith("ed")


def _is_adverb(word: str) -> bool:
    if word in _words("adverb"):
        return True
    return len(word) > 4 and word.endswith("ly") and word not in _words("no_adverb")


def _is_word(word: str) -> bool:
    return word[:1].isalpha()


_ADJECTIVE_ENDING = re.compile(r"...(?:ful|ous|ical|ional|ive|able|ible|less|ish|ese|ian|ary)$")


@cache
def _words(kind: str) -> frozenset[str]:
    """The words of a kind, from `data/roles.txt`."""
    lines = (line.partition(": ") for line in tables.lines("en", "roles.txt"))
    return frozenset(word for name, _, words in lines if name == kind for word in words.split())

"""Words with two readings: which one is meant, judged by the words beside it.

The judgement is a few rules about what may stand before a verb, not a tagger.
"""

from __future__ import annotations

from functools import cache

from myna.text import tables

_BEFORE_VERB = (
    "to please not cannot can could will would shall should may might must do does did let's "
    "don't doesn't didn't can't couldn't won't wouldn't shouldn't mustn't never always"
)
_SUBJECTS = "i you we they who"
_BEFORE_PARTICIPLE = (
    "am is are was were be been being have has had having i've you've we've they've"
)


def reading(words: list[str], index: int) -> list[str] | None:
    """Phones of `words[index]`, or None where that word has one reading only.

    Args:
        words: all words of the text, in lower case, marks among them.
        index: of the word asked for.
    """
    entry = _table().get(words[index])
    if entry is None:
        return None
    first, second, part_of_speech = entry
    tag = _tag(words, index, part_of_speech)
    as_first = tag.startswith(part_of_speech) or (tag and part_of_speech.startswith(tag))
    return (first if as_first else second).split()


def _tag(words: list[str], index: int, expected: str) -> str:
    """Part of speech in Penn Treebank's names, or the start of one."""
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    if expected == "JJ":
        return "JJ" if after.isalpha() else "NN"
    if before in _BEFORE_VERB.split():
        return "VB"
    if before in _SUBJECTS.split():
        return "VBP"
    if before in _BEFORE_PARTICIPLE.split():
        return "VBN"
    return "NN"


@cache
def _table() -> dict[str, tuple[str, str, str]]:
    rows = (line.split("|") for line in tables.lines("en", "homographs.txt"))
    return {word: (first, second, tag) for word, first, second, tag in rows}

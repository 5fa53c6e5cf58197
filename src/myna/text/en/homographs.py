"""Words with two readings, as the published reader chooses: by part of speech.

The parts of speech were given by a tagger, whose slips are known in part: a capital at the start
of a sentence makes a name of a verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from myna.text import tables
from myna.text.en.roles import role

_TAGS = {"verb": "VB", "past": "VBD", "participle": "VBN", "noun": "NN", "adjective": "JJ"}


def reading(written: Sequence[str], words: Sequence[str], index: int) -> list[str] | None:
    """Phones of `words[index]`, or None where that word has one reading only.

    Args:
        written: all words of the text as they are written, marks among them.
        words: the same in lower case.
        index: of the word asked for.
    """
    entry = table().get(words[index])
    if entry is None:
        return None
    first, second, expected = entry
    tag = _tag(written, words, index, expected)
    as_first = tag.startswith(expected) or expected.startswith(tag)
    return (first if as_first else second).split()


@cache
def table() -> dict[str, tuple[str, str, str]]:
    """Word to two readings, and the tag for which the first is right. Shared."""
    rows = (line.split("|") for line in tables.lines("en", "homographs.txt"))
    return {word: (first, second, tag) for word, first, second, tag in rows}


def _tag(written: Sequence[str], words: Sequence[str], index: int, expected: str) -> str:
    """Part of speech in Penn Treebank's names."""
    after = words[index + 1] if index + 1 < len(words) else ""
    if expected == "JJ":
        return "JJ" if after.isalpha() else "NN"
    at_start = not index or words[index - 1] in (".", "!", "?")
    if written[index].istitle() and (at_start or words[index - 1].isalpha()):
        return "NNP"
    found = role(words, index)
    return "VBP" if found == "verb" and words[index] == "read" else _TAGS[found]

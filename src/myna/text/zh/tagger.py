"""Words and their parts of speech, from jieba.

jieba's own default dictionary object is left alone: it would log to standard error and keep its
cache in a temporary folder that others can write to.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

from myna.extras import require


class Token(NamedTuple):
    """A word and its part of speech, in jieba's tags: n noun, v verb, a adjective, m number ..."""

    word: str
    tag: str


def tokens(text: str) -> list[Token]:
    """The words of a clause, in order.

    Raises:
        MissingExtraError: jieba is not installed.
    """
    _, tagger = _jieba()
    readable = _SURROGATE.sub("\ufffd", text)
    found = []
    end = 0
    for pair in tagger.cut(readable):
        start, end = end, end + len(pair.word)
        found.append(Token(text[start:end], pair.flag))
    return found


@lru_cache(maxsize=4096)
def split(word: str) -> tuple[str, str]:
    """A word as two: its shortest part known to the dictionary, and the rest; in text order.

    The second is empty if the dictionary knows no part.
    """
    words, _ = _jieba()
    part = min(words.cut_for_search(word), key=len)
    if word.startswith(part):
        return part, word[len(part) :]
    return word[: -len(part)], part


_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character: no text, and jieba writes what it cuts as UTF-8."""


@cache
def _jieba() -> tuple[Any, Any]:
    """A tokenizer and a tagger that share its dictionary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in its source, and pkg_resources
        jieba = require("jieba", extra="zh", feature="Mandarin")
        posseg = require("jieba.posseg", extra="zh", feature="Mandarin")
    words = jieba.Tokenizer()
    tagger = posseg.POSTokenizer.__new__(posseg.POSTokenizer)
    tagger.tokenizer = words
    with words.get_dict_file() as file:
        words.FREQ, words.total, tagger.word_tag_tab = _dictionary(file.read().decode("utf-8"))
    words.initialized = True

    from myna.text.zh.hidden import HiddenMarkovModel  # it needs numpy

    model = HiddenMarkovModel(posseg)

    def cut(text: str) -> Iterator[Any]:
        """Words of characters that are in none of the dictionary's, as its `__cut` does."""
        start = 0
        states = model.states(text)
        for end, (place, tag) in enumerate(states, 1):
            if place in "ES" or end == len(text):
                yield posseg.pair(text[start:end], tag if place in "ES" else states[start][1])
                start = end

    tagger._POSTokenizer__cut = cut
    return words, tagger


def _dictionary(text: str) -> tuple[dict[str, int], int, dict[str, str]]:
    """Count of each word, their sum, and the tag of each word.

    The beginnings of words count nothing. jieba reads its dictionary line by line, and twice;
    this is the same in a fifth of the time.
    """
    fields = text.split()
    words, counts, tags = fields[0::3], list(map(int, fields[1::3])), fields[2::3]
    beginnings = {word[:end] for word in words for end in range(1, len(word))}
    found = dict.fromkeys(beginnings, 0)
    found.update(zip(words, counts, strict=True))
    return found, sum(counts), dict(zip(words, tags, strict=True))

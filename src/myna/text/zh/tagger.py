"""Words and their parts of speech, from jieba.

jieba's own default dictionary object is left alone: it would log to standard error and keep its
cache in a temporary folder that others can write to.
"""

from __future__ import annotations

import warnings
from functools import cache
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
    return [Token(pair.word, pair.flag) for pair in tagger.cut(text)]


def split(word: str) -> tuple[str, str]:
    """A word as two: its shortest part known to the dictionary, and the rest; in text order.

    The second is empty if the dictionary knows no part.
    """
    words, _ = _jieba()
    part = min(words.cut_for_search(word), key=len)
    if word.startswith(part):
        return part, word[len(part) :]
    return word[: -len(part)], part


@cache
def _jieba() -> tuple[Any, Any]:
    """A tokenizer and a tagger that share its dictionary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in its source, and pkg_resources
        jieba = require("jieba", extra="zh", feature="Mandarin")
        posseg = require("jieba.posseg", extra="zh", feature="Mandarin")
    words = jieba.Tokenizer()
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words, posseg.POSTokenizer(words)

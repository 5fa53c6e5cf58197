"""Words and marks of normalised English, cut as NLTK's TweetTokenizer cuts them."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    [a-z]+ (?:[.\-][a-z]+)* [.][a-z]{2,13} \b   # what looks like an address stays whole
    | [a-z] [a-z'\-]+ [a-z]                     # a word, with apostrophes or hyphens inside
    | [a-z]+
    | \S                                        # a mark
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MANY = re.compile(r"([^a-zA-Z])\1{3,}")


def tokens(text: str) -> list[str]:
    """Words and marks in order, without spaces."""
    return _TOKEN.findall(_MANY.sub(r"\1\1\1", text))

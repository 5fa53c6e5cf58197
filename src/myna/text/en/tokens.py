"""Words and marks of normalised English, cut as NLTK's TweetTokenizer cuts them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from myna.text.frontend import Forced
from myna.text.traced import Span, Traced

_TOKEN = re.compile(
    r"""
    (?<! [a-z][.\-] ) [a-z]+ (?:[.\-][a-z]+)* [.][a-z]{2,13} \b   # an address stays whole
    | [a-z] [a-z'\-]+ [a-z]      # a word, with apostrophes or hyphens inside
    | [a-z]+
    | \S                         # a mark
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MANY = re.compile(r"([^a-zA-Z])\1{3,}")


class Token(NamedTuple):
    """A word or a mark."""

    text: str
    span: Span
    """Where in the caller's text it is."""
    phones: tuple[str, ...] | None = None
    """As the caller gave them."""


def tokens(text: Traced, forced: Sequence[Forced] = ()) -> list[Token]:
    """Words and marks in order, without spaces; what has a forced reading is one word."""
    found: list[Token] = []
    start = 0
    for begin, end, reading in forced:
        found += _cut(text[start:begin])
        phones = tuple(phone for word in reading for phone in word)
        found.append(Token(text.text[begin:end].strip(), text.span(begin, end), phones))
        start = end
    return [*found, *_cut(text[start:])]


def _cut(text: Traced) -> Iterator[Token]:
    text = text.sub(_MANY, r"\1\1\1")
    for match in _TOKEN.finditer(text.text):
        yield Token(match[0], text.span(*match.span()))

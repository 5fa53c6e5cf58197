"""Parts of speech from python-mecab-ko, where it is installed."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from myna.errors import MissingExtraError
from myna.extras import require


class Morpheme(NamedTuple):
    """The smallest part of a word that means something."""

    text: str
    tag: str
    """Of the Sejong tag set, as the dictionary mecab-ko-dic has it; joined by `+` if contracted."""
    reading: str
    """In hangul; empty if the dictionary has none."""


def morphemes(text: str) -> list[Morpheme] | None:
    """The morphemes of `text`, without its spaces; None if python-mecab-ko is not installed."""
    tagger = _mecab()
    if tagger is None:
        return None
    found = tagger.parse(_encodable(text))
    return [Morpheme(m.surface, m.pos, m.feature.reading or "") for m in found]


def _encodable(text: str) -> str:
    """The same characters, but for those that end a string in C or have no UTF-8."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


@cache
def _mecab() -> Any:
    try:
        mecab = require("mecab", extra="ko", feature="Tagging Korean")
    except MissingExtraError:
        return None  # it has no wheel for every Python; the caller guesses, and says so
    return mecab.MeCab()

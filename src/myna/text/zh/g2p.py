"""Normalised Mandarin to phones: words, their readings, tone sandhi, and two phones a syllable."""

from __future__ import annotations

import logging
import re
from functools import cache

from myna.text import tables
from myna.text.frontend import Phones
from myna.text.symbols import MARKS, UNKNOWN
from myna.text.zh import tagger
from myna.text.zh.merging import merged
from myna.text.zh.readings import Syllable, syllables
from myna.text.zh.tones import erhua, sandhi

logger = logging.getLogger(__name__)

_AFTER_MARK = re.compile(r"(?<=[!?…,.\-])\s*")


def g2p(text: str, table: str) -> Phones:
    """The phones of a normalised text: two for an ideograph, one for a mark.

    An ideograph without a reading is two times `UNK`, with a warning in the log. Table v1 belongs
    to voices trained without erhua.

    Raises:
        MissingExtraError: pypinyin or jieba is not installed.
    """
    symbols: list[str] = []
    per_char: list[int] = []
    for clause in filter(None, _AFTER_MARK.split(text)):
        for token in merged(tagger.tokens(clause)):
            said = sandhi(token, syllables(token.word))
            if table != "v1":
                said = erhua(token, said)
            for syllable in said:
                phones = _phones(syllable)
                symbols += phones
                per_char.append(len(phones))
    return Phones(symbols, per_char)


def _phones(syllable: Syllable) -> tuple[str, ...]:
    initial, final = syllable
    if initial == final and initial in MARKS:
        return (initial,)
    pair = _symbols().get(_spelled(initial, final[:-1])) if syllable.tone else None
    if pair is None:
        logger.warning("Mandarin has no reading for %s; it stays unspoken.", ascii(syllable))
        return (UNKNOWN, UNKNOWN)
    return (pair[0], f"{pair[1]}{syllable.tone}")


_CONTRACTED = {"uei": "ui", "iou": "iu", "uen": "un"}
_WHOLE = {"ing": "ying", "i": "yi", "in": "yin", "u": "wu"}
_FIRST = {"v": "yu", "i": "y", "u": "w"}


def _spelled(initial: str, final: str) -> str:
    """A syllable as pinyin spells it: `uei` alone is `wei`, after `g` it is `ui`."""
    if initial:
        return initial + _CONTRACTED.get(final, final)
    return _WHOLE.get(final) or _FIRST.get(final[:1], final[:1]) + final[1:]


@cache
def _symbols() -> dict[str, tuple[str, str]]:
    rows = (line.split() for line in tables.lines("zh", "syllables.txt"))
    return {syllable: (initial, final) for syllable, initial, final in rows}

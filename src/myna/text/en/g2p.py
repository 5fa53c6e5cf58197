"""Normalised English to phones, word by word."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from myna.text.en import dictionary, homographs, lookup, native, readings
from myna.text.en.tokens import Token, tokens
from myna.text.frontend import Forced, Phones
from myna.text.symbols import index_of
from myna.text.traced import Span, Traced


def g2p(
    text: Traced, table: str, *, improved: bool = False, forced: Sequence[Forced] = ()
) -> Phones:
    """The phones of a normalised text: ARPAbet with stress, and marks.

    A word in no dictionary is guessed, and noted as `en.unknown_word`. English has no phones per
    character; the phones of a word all have its place.

    Args:
        text: from `normalise`.
        table: `v1` or `v2`; they are the same for English.
        improved: read as a native does.
        forced: readings that are taken as they are.
    """
    known = index_of(table)
    words = tokens(text, forced)
    said = _improved(words, text) if improved else _compatible(words, text)
    symbols: list[str] = []
    spans: list[Span] = []
    start = end = 0
    for word, phones in zip(words, said, strict=True):
        # What was put in among the words of a number has no place of its own, but theirs.
        start, end = max(start, word.span[0]), max(end, word.span[1])
        # The bare UW is no phone of any table, and the published reader drops what is none.
        kept = [phone for phone in phones if phone in known]
        symbols += kept
        spans += [(start, end)] * len(kept)
    return Phones(symbols, spans, None)


_LETTER = re.compile("[a-z]", re.IGNORECASE)


def _compatible(words: Sequence[Token], text: Traced) -> list[Sequence[str]]:
    written = [word.text for word in words]
    lower = [word.lower() for word in written]
    return [_as_published(word, written, lower, i, text) for i, word in enumerate(words)]


def _as_published(
    word: Token, all_written: list[str], lower: list[str], i: int, text: Traced
) -> Sequence[str]:
    if word.phones is not None:
        return word.phones
    written = word.text
    if not _LETTER.search(written):
        return ["-" if written == "'" else written]
    if len(written) == 1:
        return ["EY1"] if written == "A" else dictionary.pronunciation(lower[i]) or []
    phones = homographs.reading(all_written, lower, i)
    if phones is not None:
        return phones
    reading = lookup.read(written)
    if reading.guessed:
        text.journal.note("en.unknown_word", word.span, written, " ".join(reading.phones))
    return ["-" if phone == "'" else phone for phone in reading.phones]


def _improved(words: Sequence[Token], text: Traced) -> list[Sequence[str]]:
    written = [word.text for word in words]
    lower = [word.lower() for word in written]
    return [_as_native(words, written, lower, i, text) for i in range(len(words))]


def _as_native(
    words: Sequence[Token], written: list[str], lower: list[str], i: int, text: Traced
) -> Sequence[str]:
    word = words[i]
    if word.phones is not None:
        return word.phones
    if not _LETTER.search(word.text):
        return () if word.text == "'" else (word.text,)
    if len(word.text) == 1:
        next_start = words[i + 1].span[0] if i + 1 < len(words) else -1
        touching = word.span[0] < word.span[1] == next_start  # A4
        is_letter = lower[i] != "a" or touching or _is_letter_a(written, i)
        return lookup.letters(lower[i]) if is_letter else ("AH0",)
    if lower[i] in _LETTERS_S:
        return lookup.with_s(lookup.letters(lower[i][0]))
    phones = readings.reading(written, lower, i)
    if phones is not None:
        usual = readings.usual(lower[i])
        if phones != usual:
            before, after = " ".join(usual), " ".join(phones)
            text.journal.note(f"en.homograph.{lower[i]}", word.span, before, after)
        return phones
    found = native.read(word.text)
    if found.guessed:
        text.journal.note("en.unknown_word", word.span, word.text, " ".join(found.phones))
    return found.phones


_LETTERS_S = frozenset(f"{letter}'s" for letter in string.ascii_lowercase)
_BEFORE_LETTER_JOINED = (
    "letter plan vitamin grade type class group section part option point team hepatitis "
    "appendix exhibit series category block gate room unit model phase bus and or the an"
)
_BEFORE_LETTER = frozenset(_BEFORE_LETTER_JOINED.split())


_LETTER_JOINED = (
    "is was equals plus minus times to and or of in on over squared cubed divided has dot can"
)
_AFTER_LETTER = frozenset(_LETTER_JOINED.split())


def _is_letter_a(written: Sequence[str], i: int) -> bool:
    """Whether `a` is the letter: beside other capitals, in `Plan A`, or with nothing after it."""
    before = written[i - 1] if i else "."
    after = written[i + 1] if i + 1 < len(written) else "."
    if not after[0].isalpha():
        return before[0].isalpha() or written[i] == "A"
    if written[i] == "a":
        return False
    if after in _AFTER_LETTER:
        return True
    in_sentence = before[0].isalpha() and not before[0].isupper()
    if in_sentence and not after[0].isupper():
        return True
    single = [word for word in (before, after) if len(word) == 1 and word.isupper()]
    return (
        bool(single)
        or (after[1:] == "'s" and after[0].isupper())
        or (before.lower() in _BEFORE_LETTER)
    )

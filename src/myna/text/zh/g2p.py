"""Normalised Mandarin to phones: words, their readings, tone sandhi, and two phones a syllable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from myna.errors import TextError
from myna.text.frontend import Forced, Phones
from myna.text.symbols import MARKS, UNKNOWN
from myna.text.traced import Span, Traced
from myna.text.zh import polyphones as rules
from myna.text.zh import tagger
from myna.text.zh.merging import merged
from myna.text.zh.readings import Syllable, corrected, syllable, syllables
from myna.text.zh.spelling import phones, spelled, written
from myna.text.zh.tones import across, erhua, sandhi, unchanging

if TYPE_CHECKING:
    from myna.text.zh.polyphones import Polyphones

__all__ = ["g2p", "spelled"]

_CLAUSE = re.compile(r"[^!?…,.\-]*[!?…,.\-]|[^!?…,.\-]+")


def g2p(
    text: Traced,
    table: str,
    *,
    improved: bool = False,
    forced: Sequence[Forced] = (),
    polyphones: Polyphones | None = None,
) -> Phones:
    """The phones of a normalised text: two for an ideograph, one for a mark, none for a space.

    An ideograph without a reading is two times `UNK`, and unread.

    Args:
        text: from `normalise`.
        table: `v1` or `v2`. Voices of `v1` were trained without erhua and without a model of
            polyphones.
        improved: read as a native does.
        forced: readings that are taken as they are; the tones around them go by them.
        polyphones: reads the characters instead of pypinyin.

    Raises:
        MissingExtraError: pypinyin or jieba is not installed.
        TextError: a forced reading, or one of `polyphones`, is not of as many characters.
    """
    given = _given(forced)
    settled = unchanging(text) if improved else set()
    symbols: list[str] = []
    spans: list[Span] = []
    per_char = [0] * len(text)
    for match in _CLAUSE.finditer(text.text):
        clause = match[0].strip()
        if not clause:
            continue
        start = match.start() + match[0].index(clause)
        places = range(start, start + len(clause))
        fixed = {i: given[place] for i, place in enumerate(places) if place in given}
        yi = {i for i, place in enumerate(places) if place in settled}
        model = polyphones if table != "v1" else None
        said = _said(text[start : places.stop], table, improved, fixed, yi, model)
        for i, (place, one) in enumerate(zip(places, said, strict=True)):
            span = text.span(place, place + 1)
            found = fixed[i] if i in fixed else _phones(one)
            if found == (UNKNOWN, UNKNOWN):
                text.journal.note_unread(span, clause[i])
            symbols += found
            spans += [span] * len(found)
            per_char[place] = len(found)
    return Phones(symbols, spans, per_char)


def _said(
    clause: Traced,
    table: str,
    improved: bool,
    forced: Mapping[int, Sequence[str]],
    yi: Iterable[int],
    polyphones: Polyphones | None,
) -> list[Syllable]:
    """The syllables of a clause as they are said, one for each character.

    Args:
        clause: without spaces at its ends.
        table: of symbols.
        improved: as for `g2p`.
        forced: phones that characters are given, by place in the clause.
        yi: places of 一 that is `yi1` whatever comes after it.
        polyphones: as for `g2p`.
    """
    tokens = tagger.tokens(clause.text)
    read: dict[int, Syllable] = {}
    fixed: set[int] = set()
    if improved:
        for i, pinyin in rules.decided(tokens).items():
            read[i] = syllable(pinyin)
            if read[i].tone != "3" or clause.text[i] in _OFTEN_NEUTRAL:
                fixed.add(i)
    chosen = frozenset(read)
    for i in yi:
        read[i] = _YI
        fixed.add(i)
    for i, given in forced.items():
        read[i] = Syllable(given[0], given[-1])
        fixed.add(i)

    model = None if polyphones is None else _opinions(polyphones, clause.text)
    words = merged(tokens, {i: one.tone for i, one in read.items()})
    said: list[list[Syllable]] = []
    start = 0
    for token in words:
        end = start + len(token.word)
        if model is None:
            heard = list(syllables(token.word))
        else:
            heard = corrected(token.word, model[start:end])
        for i in range(start, end):
            if i in read:
                if i in chosen and i not in forced and heard[i - start] != read[i]:
                    _note(clause, i, heard[i - start], read[i])
                heard[i - start] = read[i]
        here = {i - start for i in fixed if start <= i < end}
        heard = sandhi(token, tuple(heard), improved=improved, fixed=here)
        if table != "v1":
            heard = erhua(token, heard, improved=improved, fixed=here)
        said.append(heard)
        start = end
    if improved:
        said = across(words, said, fixed)
    return [one for word in said for one in word]


_OFTEN_NEUTRAL = frozenset("得地的子了着过")
"""Said lightly at the end of a word; where a rule has decided otherwise they are not."""
_YI = Syllable("", "i1")


def _given(forced: Sequence[Forced]) -> dict[int, tuple[str, ...]]:
    """The phones that single characters are given, by place in the text."""
    given: dict[int, tuple[str, ...]] = {}
    for start, end, readings in forced:
        if len(readings) != end - start:
            raise TextError(
                f"A reading of {len(readings)} syllables is given for {end - start} characters; "
                f"each needs one."
            )
        given.update(zip(range(start, end), map(tuple, readings), strict=True))
    return given


def _opinions(polyphones: Polyphones, clause: str) -> list[str]:
    opinions = polyphones.readings(clause)
    if len(opinions) != len(clause):
        raise TextError(
            f"The model of polyphones gave {len(opinions)} readings for {len(clause)} characters."
        )
    return opinions


def _note(clause: Traced, i: int, before: Syllable, after: Syllable) -> None:
    if clause.journal.explain:
        rule = f"zh.polyphone.{clause.text[i]}"
        clause.journal.note(rule, clause.span(i, i + 1), written(before), written(after))


def _phones(one: Syllable) -> tuple[str, ...]:
    if one.initial == one.final and one.initial in MARKS:
        return (one.initial,)
    return phones(one) or (UNKNOWN, UNKNOWN)

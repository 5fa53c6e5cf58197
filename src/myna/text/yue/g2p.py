"""Normalised Cantonese to phones: the reading of each character, two phones a syllable."""

from __future__ import annotations

from collections.abc import Sequence

from myna.text.frontend import Forced, Phones
from myna.text.symbols import MARKS, UNKNOWN
from myna.text.traced import Span, Traced
from myna.text.yue.jyutping import divided, nearest
from myna.text.yue.readings import corrected, readings


def g2p(
    text: Traced,
    table: str,
    *,
    improved: bool = False,
    forced: Sequence[Forced] = (),
) -> Phones:
    """As `Frontend.g2p`: two phones for each syllable, one for a mark.

    A character without a reading is two times `UNK`, and noted as unread.

    Raises:
        MissingExtraError: ToJyutping is not installed.
    """
    del table  # only one has Cantonese
    said = corrected(text) if improved else readings(text.text)
    phones = [
        _phones(text, place, reading, improved=improved) for place, reading in enumerate(said)
    ]
    for each in forced:
        phones[each.start : each.end] = each.phones
    assert len(phones) == len(text), "each character that is forced has a reading of its own"
    spans = [_span(text, place) for place, each in enumerate(phones) for _ in each]
    return Phones([phone for each in phones for phone in each], spans, [*map(len, phones)])


def _phones(text: Traced, place: int, reading: str | None, *, improved: bool) -> Sequence[str]:
    char = text.text[place]
    if char in MARKS:
        return (char,)
    if reading is None:
        text.journal.note_unread(_span(text, place), char)
        return UNKNOWN, UNKNOWN
    if not improved:
        return divided(reading)
    return [phone for syllable in reading.split() for phone in nearest(syllable) or (UNKNOWN,) * 2]


def _span(text: Traced, place: int) -> Span:
    return text.starts[place], text.ends[place]

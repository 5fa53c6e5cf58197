"""Normalised Korean to phones, one letter of hangul each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from myna.text.frontend import Forced, Phones
from myna.text.ko import jamo, letters, sounds
from myna.text.ko.idioms import respelled
from myna.text.ko.marks import marked
from myna.text.ko.numbers import published
from myna.text.symbols import index_of
from myna.text.traced import Traced, joined

SPACE, OTHER = "空", "停"
"""The phones of a space, and of what has none."""


def g2p(
    text: Traced,
    table: str,  # noqa: ARG001 (only one table has Korean)
    *,
    improved: bool = False,
    forced: Sequence[Forced] = (),
) -> Phones:
    """The phones of a normalised text: letters of hangul, marks, and in compatible mode a last one.

    No rule of pronunciation looks across the border of a forced reading. Without python-mecab-ko
    (extra `ko`) parts of speech are guessed, which the journal says.
    """
    parts: list[Traced] = []
    done = 0
    for reading in forced:
        parts.append(_letters(text[done : reading.start], improved))
        parts.append(_given(text[reading.start : reading.end], reading.phones))
        done = reading.end
    parts.append(_letters(text[done:], improved))
    # A stop wherever another language begins is no stop that anybody would make.
    spoken = joined(parts) if improved else _closed(joined(parts))
    phones = [_PHONES.get(char, char) for char in spoken.text]
    known = index_of("v2")
    for i, phone in enumerate(phones):
        if phone not in known:
            phones[i] = OTHER
            text.journal.note_unread(spoken.span(i, i + 1), spoken.text[i])
    return Phones(phones, list(zip(spoken.starts, spoken.ends, strict=True)), None)


def _letters(text: Traced, improved: bool) -> Traced:
    """`text` as it sounds, in plain letters; other characters stay."""
    if not text:
        return text
    text = letters.spelled_out(text, improved=improved)
    if improved:
        text = marked(text, improved=True)
    else:
        text = published(marked(respelled(text), improved=False))
    spoken = jamo.phones(sounds.spoken(jamo.decomposed(text), improved=improved))
    # The published reader takes back an ㄹ that its rules bring in after the particle 을 or 를.
    return spoken.sub(_L_AFTER_PARTICLE, r"\1 ㄴ")


def _given(text: Traced, syllables: Sequence[Sequence[str]]) -> Traced:
    """Phones in the place of `text`: one syllable for each character, if there are as many."""
    each = len(syllables) == len(text)
    spans = [
        text.span(i, i + 1) if each else text.span()
        for i, syllable in enumerate(syllables)
        for _ in syllable
    ]
    return Traced(
        "".join(phone for syllable in syllables for phone in syllable),
        [start for start, _ in spans],
        [end for _, end in spans],
        text.journal,
    )


def _closed(text: Traced) -> Traced:
    """With a full stop after a last letter; a newline at the very end counts for nothing."""
    match = _LAST_LETTER.search(text.text)
    return text if match is None else text[: match.end()] + "." + text[match.end() :]


_L_AFTER_PARTICLE = re.compile("([ㅇㄹ]ㅡㄹ) ㄹ")
_LAST_LETTER = re.compile("[\u3131-\u3163]$")
_PHONES = {
    **dict.fromkeys("：；，·、", ","),
    **dict.fromkeys("。\n", "."),
    "！": "!",
    "？": "?",
    " ": SPACE,
}

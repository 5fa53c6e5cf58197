"""A recording as the decoder reads it: tokens, in parts, and the phones of each.

Where tokens are spelled, a recording says by itself what it says: our recogniser hears which sounds
are said when, or a text that is known is laid on it, and the melody is followed. Other families
hear tokens with their content encoder, and read the words, which must be given.

Letters in shapes: P phones, T tokens, F frames of the filter bank, S frames of sounds, Y sounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from myna import text
from myna.audio import alignment
from myna.audio.filterbank import FRAMES_PER_SECOND as BANDS_PER_SECOND
from myna.audio.filterbank import fbank
from myna.audio.spelling import FRAMES_PER_TOKEN, LEAST_VOICED, melody, spell
from myna.datatypes import Phonemes, Sentence, Timing
from myna.errors import AudioError, TextError
from myna.specs import CONTENT_RATE, TOKENS_PER_SECOND
from myna.synthesis.wording import words
from myna.text.en.arpabet import VOWELS
from myna.text.sounds import LANGUAGES, SOUNDS, language_of

if TYPE_CHECKING:
    from myna.datatypes import Audio, Floats, Ids
    from myna.engines.base import Ears
    from myna.specs import FamilySpec, SpellingSpec
    from myna.synthesis.coverage import Hears
    from myna.synthesis.script import Line

_TAIL = 9600
"""Silent samples after what the content encoder hears, as in cloning."""
_MOST_FOREIGN = 0.5
"""Share of sounds in a language that the model does not speak."""
_LEAST_SOUNDS = 2

_LONGEST_PART = 10.0
"""Seconds that are spelled and decoded together, about what decoders have learnt with."""
_LEAST_PART = 2.0
"""Seconds that are not cut off from others next to them but at a long pause."""
_LONG_PAUSE = 0.8
"""Seconds; parts end there in any case."""
_PAUSE = 0.12
"""Seconds between two sounds, where a text would have a mark."""
_MARGIN = 0.2
"""Seconds of a pause before and after a part that belong to it."""
_UNSTRESSED = ("AH", "ER", "IH")
"""Vowels that mostly are; the others mostly are not."""

_Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What is decoded at once."""

    first: int
    """Token of the recording at which it starts."""
    tokens: Ids
    phones: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A recording, understood."""

    parts: tuple[Part, ...]
    sentences: tuple[Sentence, ...]
    timings: tuple[Timing, ...]
    """One per sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class _Retold:
    """The sounds of a recording in their places."""

    sounds: Sequence[int]
    spans: _Spans
    """Of each sound, in frames of the filter bank."""


def spelled(
    spec: FamilySpec,
    spelling: SpellingSpec,
    sound: Audio,
    recogniser: Hears,
    given: Sequence[Line],
    language: str,
) -> Plan:
    """By the sounds that are heard, or those of the text in their places.

    Args:
        sound: at `CONTENT_RATE`.
        given: what is said; empty if nobody knows.
        language: of the recording, or `auto`; matters if nobody knows what is said.

    Raises:
        AudioError: there are no sounds, in another language or another text; or no voice.
        TextError: nothing in the text sounds; or the model does not speak the language.
    """
    bands = fbank(sound)
    heard = recogniser.hear(bands, LANGUAGES)
    if not given:
        _check_language(heard, spec, language)
    heard[:, spelling.sounds :] = -np.inf
    found = _laid(heard, bands, given) if given else _named(heard, bands)
    hertz = melody(sound)
    ranges = _voiced(_ranges(found.spans), found.spans, hertz)
    borders = _borders(ranges, found.spans, len(bands))
    phones = _phones_of(given, ranges) if given else _phones_as_heard(found, ranges, spec)
    parts = []
    for (first, stop), (begin, end), said in zip(ranges, borders, phones, strict=True):
        since = begin * FRAMES_PER_TOKEN
        there = slice(since, end * FRAMES_PER_TOKEN)
        spans = [(max(0.0, a - since), max(0.0, b - since)) for a, b in found.spans[first:stop]]
        tokens, _ = spell(found.sounds[first:stop], spans, hertz[there], bands[there], spelling)
        parts.append(Part(begin, tokens, said))
    if given:
        sentences = tuple(line.sentence for line in given)
        return Plan(tuple(parts), sentences, tuple(_timings(given, found.spans)))
    sentences = tuple(_unwritten(found, *each) for each in ranges)
    timings = [
        Timing(*_seconds(found.spans[first:stop]), sentence.source)
        for (first, stop), sentence in zip(ranges, sentences, strict=True)
    ]
    return Plan(tuple(parts), sentences, tuple(timings))


def encoded(engine: Ears, sound: Audio, given: Sequence[Line]) -> Plan:
    """By the family's content encoder, in one part.

    Args:
        sound: at `CONTENT_RATE`.
        given: what is said.

    Raises:
        TextError: nothing is given.
    """
    if not given:
        raise TextError(
            f"text is missing: models of the family {engine.spec.name} read the words that they "
            f"convert. Give what is said in the recording."
        )
    count = -(-len(sound.samples) * TOKENS_PER_SECOND // CONTENT_RATE)
    heard = np.concatenate([sound.samples, np.zeros(_TAIL, dtype=np.float32)])
    phones = np.concatenate([line.phones for line in given])
    sentences = [line.sentence for line in given]
    whole = Sentence(
        source=" ".join(each.source.strip() for each in sentences),
        parts=tuple(part for each in sentences for part in each.parts),
        unread=tuple(unread for each in sentences for unread in each.unread),
    )
    part = Part(0, engine.tokens(heard)[:count], phones)
    return Plan((part,), (whole,), (Timing(0.0, sound.seconds, whole.source),))


def _sounds(line: Line) -> Ids:
    assert line.sounds is not None, "models that spell know the sounds of their lines"
    return line.sounds


def _check_language(heard: Floats, spec: FamilySpec, language: str) -> None:
    """Refuse what is in a language that the model does not speak, as far as can be heard."""
    if language != "auto":
        if language.removeprefix("all_") not in spec.languages:
            raise TextError(
                f"{spec.name} does not speak the language {language!r}; it converts "
                f"{', '.join(spec.languages)}."
            )
        return
    named = [language_of(SOUNDS[each.sound]) for each in alignment.free(heard).placed]
    foreign = sum(each not in spec.languages for each in named)
    if named and foreign > _MOST_FOREIGN * len(named):
        raise AudioError(
            f"The recording does not seem to be in a language that {spec.name} speaks "
            f"({', '.join(spec.languages)}). If it is, say so with `language`."
        )


def _named(heard: Floats, bands: Floats) -> _Retold:
    """The sounds that are heard."""
    placed = alignment.free(heard).placed
    if len(placed) < _LEAST_SOUNDS:
        raise no_speech()
    return _Retold([each.sound for each in placed], alignment.extents(placed, bands))


def _laid(heard: Floats, bands: Floats, given: Sequence[Line]) -> _Retold:
    """The sounds of a text."""
    sounds = [sound for line in given for sound in _sounds(line).tolist() if sound]
    if not sounds:
        raise TextError("Nothing in the text makes a sound. Give what is said in the recording.")
    spans, score = alignment.laid(heard, bands, sounds)
    if score < alignment.LEAST_SCORE:
        raise AudioError(
            "The text is not what is heard in the recording. Give exactly what is said, or leave "
            "the text out."
        )
    return _Retold(sounds, spans)


def _phones_of(given: Sequence[Line], ranges: Sequence[tuple[int, int]]) -> list[Ids]:
    """The phones of a text for each part: marks go with the sounds before them."""
    phones = np.concatenate([line.phones for line in given])
    places = np.flatnonzero(np.concatenate([_sounds(line) for line in given]))
    return np.split(phones, [int(places[first]) for first, _ in ranges[1:]])


def _phones_as_heard(
    found: _Retold, ranges: Sequence[tuple[int, int]], spec: FamilySpec
) -> list[Ids]:
    return [text.ids(_symbols(found, *each), spec.symbols) for each in ranges]


def _unwritten(found: _Retold, first: int, stop: int) -> Sentence:
    """Sounds of which nobody knows how they are written: they stand for themselves."""
    return Sentence(
        source=" ".join(SOUNDS[each] for each in found.sounds[first:stop]),
        parts=(Phonemes(_symbols(found, first, stop), "en", text=""),),
    )


def _timings(given: Sequence[Line], spans: _Spans) -> Iterator[Timing]:
    """When sentences of a text are said whose sounds have these places, and their words."""
    coming = iter(spans)
    end = 0.0
    for line in given:
        sounds = _sounds(line).tolist()
        times = [_seconds([next(coming)]) if sound else None for sound in sounds]
        said = [time for time in times if time is not None]
        start, end = (said[0][0], said[-1][1]) if said else (end, end)
        since = [None if time is None else (time[0] - start, time[1] - start) for time in times]
        spoken = words(line.sentence, sounds, since, end - start)
        yield Timing(0.0, end - start, line.sentence.source.strip(), spoken).later(start)


def _ranges(spans: _Spans) -> list[tuple[int, int]]:
    """First sound of each part, and one past its last: cut at long pauses, and at the longest of
    others where a part would be too long."""
    found: list[tuple[int, int]] = []
    pauses = np.array([after[0] - before[1] for before, after in pairwise(spans)])
    long = (np.flatnonzero(pauses >= _LONG_PAUSE * BANDS_PER_SECOND) + 1).tolist()
    waiting = list(pairwise([0, *long, len(spans)]))[::-1]
    while waiting:
        first, stop = waiting.pop()
        start, end = spans[first][0], spans[stop - 1][1]
        if end - start <= _LONGEST_PART * BANDS_PER_SECOND or stop - first < 2:
            found.append((first, stop))
            continue
        least = _LEAST_PART * BANDS_PER_SECOND
        inner = [
            place
            for place in range(first + 1, stop)
            if spans[place][0] - start >= least and end - spans[place][0] >= least
        ]
        cut = max(inner or range(first + 1, stop), key=lambda place: float(pauses[place - 1]))
        waiting += [(cut, stop), (first, cut)]
    return found


def _voiced(
    ranges: Sequence[tuple[int, int]], spans: _Spans, hertz: Floats
) -> list[tuple[int, int]]:
    """Ranges of which each has a pitch: one without goes with the one before it, or behind it."""
    found: list[tuple[int, int]] = []
    for first, stop in ranges:
        alone = [_has_voice(*each, spans, hertz) for each in (*found[-1:], (first, stop))]
        since = first if all(alone) or not found else found.pop()[0]
        found.append((since, stop))
    return found


def _has_voice(first: int, stop: int, spans: _Spans, hertz: Floats) -> bool:
    inside = hertz[int(spans[first][0]) : int(spans[stop - 1][1])]
    return int(np.count_nonzero(inside)) >= LEAST_VOICED


def _borders(
    ranges: Sequence[tuple[int, int]], spans: _Spans, frames: int
) -> list[tuple[int, int]]:
    """First token of each part, and one past its last: with a margin, or half the pause."""
    found: list[tuple[int, int]] = []
    margin = _MARGIN * BANDS_PER_SECOND
    for number, (first, stop) in enumerate(ranges):
        start, end = spans[first][0], spans[stop - 1][1]
        before = spans[first - 1][1] if number else -start
        after = spans[stop][0] if stop < len(spans) else 2 * frames - end
        begin = round((start - min(margin, (start - before) / 2)) / FRAMES_PER_TOKEN)
        last = -(-frames // FRAMES_PER_TOKEN)
        until = min(last, round((end + min(margin, (after - end) / 2)) / FRAMES_PER_TOKEN))
        found.append((begin, max(until, begin + 1)))
    return found


def _symbols(found: _Retold, first: int, stop: int) -> tuple[str, ...]:
    """Phones of sounds that were heard: marks at pauses, and stress as it usually is."""
    symbols: list[str] = []
    before = found.spans[first][0]
    for sound, (start, end) in zip(found.sounds[first:stop], found.spans[first:stop], strict=True):
        if start - before >= _PAUSE * BANDS_PER_SECOND:
            symbols.append(",")
        before = end
        symbol = SOUNDS[sound]
        if symbol in VOWELS:
            symbol += "0" if symbol in _UNSTRESSED else "1"
        symbols.append(symbol)
    return (*symbols, ".")


def _seconds(spans: _Spans) -> tuple[float, float]:
    return spans[0][0] / BANDS_PER_SECOND, spans[-1][1] / BANDS_PER_SECOND


def no_speech() -> AudioError:
    """That a recording holds none."""
    return AudioError(
        "No clear speech was found in the recording, only noise, tones or music. Give a recording "
        "of one person speaking, without music behind."
    )

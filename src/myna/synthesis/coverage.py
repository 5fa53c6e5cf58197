"""How much of a sentence is heard in what was made of it, and what else is.

Our recogniser hears the samples. The sounds of the text are laid on what it hears; a word whose
sounds are unlikely where they had to be laid is missing, and sounds that are named between two of
the text's are extra: something was repeated, invented, or carried over from the reference.

Letters in shapes: P phones, S frames of sounds (50 per second), Y sounds, N samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from myna.audio import alignment
from myna.audio.alignment import Placed
from myna.audio.filterbank import fbank
from myna.audio.resample import HIGH_QUALITY, resample
from myna.errors import AudioError
from myna.specs import CONTENT_RATE
from myna.text.sounds import spoken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio, Sentence, Span

    Floats = NDArray[np.float32]

LANGUAGES = ("en",)
"""Those whose words can be told to be missing. The recogniser knows Mandarin, too, but from so few
people that it takes a stranger's right words for wrong ones too often."""

_LEAST_WORD = -4.0
"""Mean log-probability of a word's sounds below which it is missing.

Set on 240 takes of `tiny`, a word cut out of each: 93 % of these words are found, and 0.35 % of the
others are called missing, 0.14 % where another recogniser hears no error. Of the words of strangers
on LibriSpeech 4 % are at most, errors of their transcripts among them.
"""
_LONGEST_WORD = 8
"""Sounds; a longer one, as a number may be, is judged in parts."""
_LEAST_EXTRA = 2
"""Sounds between two of the text's that are not there by mistake of the recogniser.

Of the same takes 3 % have so many, and 6 % are not whole. Of takes in which a second was repeated
99 % are not, of half a second 96 %, of a word 93 %; nor is any with a second of other speech behind
it, or without its last half second.
"""
_LEAST_LEAK = 5
"""Extra sounds that can be compared with those of the reference."""
_LEAK_ERRORS = 0.5
"""Share of them that may differ."""
_LOST_WORD = 20.0
"""How much likelier it must be that the text is in a part of what is heard than in all of it, for
each word that is not heard in this part; as a logarithm."""
_MARGIN = 0.06
"""Seconds kept on both sides of the text where something else is cut off."""
_FADE = 0.01
"""Seconds."""
_BANDS_PER_SECOND = 100
"""Frames of the filter bank; two for each of sounds."""


class Hears(Protocol):
    """A recogniser, such as `myna.engines.hearing.Hearing`."""

    def hear(self, bands: Floats, languages: Iterable[str]) -> Floats:
        """(S, Y) log-probabilities of sounds in frames of the filter bank."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """The sounds of a sentence, word by word."""

    sounds: tuple[tuple[int, ...], ...]
    """Of each word, as `myna.text.sounds` counts; none is empty."""
    spans: tuple[Span, ...]
    """Where each word is in the caller's text."""

    @property
    def in_a_row(self) -> list[int]:
        """All sounds."""
        return [sound for word in self.sounds for sound in word]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What of a sentence is heard."""

    share: float
    """Of its words, 0 to 1."""
    missing: tuple[Span, ...]
    """Where in the caller's text the others are."""
    extra: int
    """Sounds that are heard and not in the text."""
    leaked: bool
    """Whether they are some of the reference's words."""
    score: float
    """Log-probability of the likeliest way to hear the text and nothing else in it, per sound; at
    most 0. Of several takes of a sentence, the highest is the clearest.

    Of three takes of 129 sentences of `tiny`, some of them hard, it chose ones with 27.7 % of words
    wrong for another recogniser, and of two, 29.3 %; any one had 32.5 %, and the best of three had
    21.0 %. Means over the sounds alone, ratios to the likeliest way to hear anything, and sounds
    heard otherwise chose worse, if not by much.
    """
    start: float
    """In seconds: where the text starts if something extra is before it, else 0."""
    end: float
    """Where it ends if something extra is behind it, else the length of the audio."""
    places: tuple[tuple[float, float], ...] = ()
    """Start and end of each sound of the text, in seconds; none if the audio is too short."""

    @property
    def whole(self) -> bool:
        """Whether every word is heard, and nothing else."""
        return self.share == 1 and not self.extra


def words_of(sentence: Sentence) -> Words | None:
    """The words whose sounds can be listened for; None if a part is in another language.

    None, too, if nothing in it sounds.
    """
    if any(part.language not in LANGUAGES for part in sentence.parts):
        return None
    sounds: list[list[int]] = []
    spans: list[Span] = []
    for sound, span in zip(spoken(sentence), sentence.spans, strict=True):
        if not sound:
            continue
        if not spans or spans[-1] != span:
            spans.append(span)
            sounds.append([])
        sounds[-1].append(sound)
    return Words(tuple(map(tuple, sounds)), tuple(spans)) if spans else None


def coverage(
    recogniser: Hears, audio: Audio, words: Words, reference: Sequence[int] = ()
) -> Coverage:
    """Listen to a sentence.

    Args:
        audio: of any rate; what was made of these words.
        reference: sounds of what is said in the voice's reference, which must not be heard.
    """
    sounds = words.in_a_row
    try:
        bands = fbank(resample(audio, CONTENT_RATE, HIGH_QUALITY))
        heard = recogniser.hear(bands, LANGUAGES)
        path = alignment.forced(heard, sounds)
    except AudioError:  # it is shorter than its text could be
        return Coverage(
            share=0.0,
            missing=words.spans,
            extra=0,
            leaked=False,
            score=-np.inf,
            start=0.0,
            end=audio.seconds,
        )
    between = _between(path, alignment.free(heard), len(heard))
    strays = [run for run in between if _is_extra(run)]
    missing = _missing(words, path)
    first, last = _text(heard, words, path, strays)
    rest = alignment.forced(heard[first:last], sounds) if strays else path
    places = alignment.extents(rest.placed, bands[2 * first : 2 * last])
    start = _seconds(2 * first + places[0][0]) if _is_extra(between[0]) or first else 0.0
    end = audio.seconds
    if _is_extra(between[-1]) or last < len(heard):
        end = min(_seconds(2 * first + places[-1][1]), end)
    return Coverage(
        share=1 - len(missing) / len(words.spans),
        missing=missing,
        extra=sum(map(len, strays)),
        leaked=any(_is_from([each.sound for each in run], reference) for run in strays),
        score=-path.cost / len(sounds),
        start=start,
        end=end,
        places=tuple((_seconds(2 * first + a), _seconds(2 * first + b)) for a, b in places),
    )


def kept(audio: Audio, found: Coverage) -> tuple[int, int]:
    """The samples from which the text is heard until where: (first, one past the last)."""
    first = max(0, round((found.start - _MARGIN) * audio.rate)) if found.start else 0
    last = len(audio.samples)
    if found.end < audio.seconds:
        last = min(last, round((found.end + _MARGIN) * audio.rate))
    return first, last


def trimmed(audio: Audio, found: Coverage) -> Audio:
    """Without what is heard before the text and behind it; the audio itself if there is nothing."""
    first, last = kept(audio, found)
    if (first, last) == (0, len(audio.samples)):
        return audio
    samples = audio.samples[first:last].copy()
    fade = np.linspace(0, 1, min(round(_FADE * audio.rate), len(samples)), dtype=np.float32)
    if first:
        samples[: len(fade)] *= fade
    if last < len(audio.samples):
        samples[len(samples) - len(fade) :] *= fade[::-1]
    return replace(audio, samples=samples)


def _between(path: alignment.Path, free: alignment.Path, frames: int) -> list[list[Placed]]:
    """The sounds that are named before the first of the text's, between any two, and at the end."""
    ends = [0, *(each.end for each in path.placed)]
    starts = [*(each.start for each in path.placed), frames]
    return [
        [each for each in free.placed if end <= each.start and each.end <= start]
        for end, start in zip(ends, starts, strict=True)
    ]


def _is_extra(run: Sequence[Placed]) -> bool:
    return len(run) >= _LEAST_EXTRA


def _text(
    heard: Floats, words: Words, path: alignment.Path, strays: Sequence[Sequence[Placed]]
) -> tuple[int, int]:
    """The frames that the text is in: all, or some of them, if that is likelier.

    Where something comes before the text, its first sounds may have been laid on that.
    """
    first, last, cost = 0, len(heard), path.cost
    sounds, missing = words.in_a_row, len(_missing(words, path))
    free = np.concatenate([[0.0], np.cumsum(-heard.max(1, initial=-np.inf), dtype=np.float64)])
    for run in strays:
        for start, end in ((run[-1].end, last), (first, run[0].start)):
            if end - start <= 2 * len(sounds):
                continue
            inside = alignment.forced(heard[start:end], sounds)
            lost = max(0, len(_missing(words, inside)) - missing)
            whole = free[start] + inside.cost + free[-1] - free[end] + _LOST_WORD * lost
            if whole < cost:
                first, last, cost = start, end, whole
    return first, last


def _missing(words: Words, path: alignment.Path) -> tuple[Span, ...]:
    """The spans of words that are not heard."""
    scores = np.array([each.log_probability for each in path.placed])
    missing = []
    place = 0
    for word, span in zip(words.sounds, words.spans, strict=True):
        parts = np.array_split(scores[place : place + len(word)], -(-len(word) // _LONGEST_WORD))
        place += len(word)
        if min(part.mean() for part in parts) < _LEAST_WORD:
            missing.append(span)
    return tuple(missing)


def _is_from(run: Sequence[int], reference: Sequence[int]) -> bool:
    """Whether extra sounds are about those of some part of the reference.

    Source: Sellers (1980), the edit distance of which both ends in the longer sequence are free.
    """
    if len(run) < _LEAST_LEAK or not len(reference):
        return False
    before = [0] * (len(reference) + 1)
    for row, one in enumerate(run, 1):
        now = [row]
        for column, other in enumerate(reference, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (one != other)))
        before = now
    return min(before) <= _LEAK_ERRORS * len(run)


def _seconds(bands: int) -> float:
    return bands / _BANDS_PER_SECOND

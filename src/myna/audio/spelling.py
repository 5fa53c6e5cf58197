"""Semantic tokens that are spelled: a sound, how high it is and how loud, 25 times per second.

Pitch is relative to the clip, and loudness to the clip and to what is usual of the sound, so that
tokens carry what is said and how, and little of who says it.

Letters in shapes: P sounds (or phones) of a text, F frames of the filter bank, K bands, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from myna.audio import filterbank, pitch
from myna.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio
    from myna.specs import SpellingSpec

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int64]

SILENCE = 0

FRAMES_PER_TOKEN = 4
"""Of the filter bank."""
_NEXT_TO = 1.0
"""Frames between two equal sounds below which they are heard as one."""
_STRAY = 0.05
"""What a frame of distance costs a token that lies outside of its sound, in frames of overlap."""
_IMPOSSIBLE = -1e9
LEAST_VOICED = 5
"""Frames with a voice that a clip needs to have a middle pitch."""

_USUAL = np.array(
    [
        *(-7.5, 1.56, 1.62, 0.44, 1.19, 1.71, 1.56, -2.19, 0.44, -1.41, -1.48, 1.71, 0.54),
        *(1.44, -1.63, -1.81, -0.59, 0.66, 0.59, -0.01, -2.32, 0.2, -0.55, -0.52, -0.78, 0.99),
        *(1.2, -3.27, 0.56, 1.29, 1.62, -1.33, -1.32, 0.9, 0.04, -1.55, -0.72, -0.21, 0.64, 1.18),
    ]
)
"""Loudness of each sound relative to its clip. Means over the training corpora of `tiny`."""


def units(sounds: Sequence[int], joined: Sequence[bool]) -> list[int]:
    """The place of each sound among those that can be told apart: equal neighbours are one.

    Args:
        sounds: (P,) ids.
        joined: (P,), whether nothing lies between a sound and the one before it.
    """
    places: list[int] = []
    for number, sound in enumerate(sounds):
        same = number > 0 and joined[number] and sounds[number - 1] == sound
        places.append(places[-1] if same else (places[-1] + 1 if places else 0))
    return places


@dataclass(frozen=True, slots=True)
class Told:
    """The sounds of a text that can be told apart in its tokens: equal neighbours are one."""

    sounds: tuple[int, ...]
    """Ids."""
    phones: tuple[tuple[int, ...], ...]
    """Of each, its places among the phones of the text."""
    after_mark: tuple[bool, ...]
    """Of each, whether a phone that is no sound is before it, and speech may pause there."""


def told_apart(sounds: Ids) -> Told:
    """The sounds of phones (P,), of which those that are 0 make none, and one at least does."""
    spoken = np.flatnonzero(sounds)
    joined = (np.diff(spoken, prepend=-1) == 1).tolist()
    places = units(sounds[spoken].tolist(), joined)
    phones: list[list[int]] = [[] for _ in range(places[-1] + 1)]
    for phone, place in zip(spoken.tolist(), places, strict=True):
        phones[place].append(phone)
    return Told(
        tuple(int(sounds[of[0]]) for of in phones),
        tuple(map(tuple, phones)),
        tuple(not joined[places.index(place)] for place in range(len(phones))),
    )


def said_when(tokens: Ids, sounds: Ids, spec: SpellingSpec) -> list[tuple[float, float] | None]:
    """Where among its tokens each phone of a text is said.

    Neighbours that cannot be told apart share the time that both take.

    Args:
        tokens: (T,) that say the sounds in their order, with silence at most between those that a
            mark divides; maybe not to the end.
        sounds: (P,) ids, 0 of a phone that makes none.
        spec: of the tokens.

    Returns:
        for each phone its first token and one past its last, in fractions; None if it makes no
        sound, or was not reached.
    """
    found: list[tuple[float, float] | None] = [None] * len(sounds)
    told = told_apart(sounds)
    ids = np.asarray(tokens) // spec.levels
    borders = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    runs = [(start, end) for start, end in pairwise(borders) if start < end and ids[start]]
    for (start, end), sound, phones in zip(runs, told.sounds, told.phones, strict=False):
        assert ids[start] == sound, "tokens say the sounds of the text"
        each = (end - start) / len(phones)
        for number, phone in enumerate(phones):
            found[phone] = (start + number * each, start + (number + 1) * each)
    return found


def melody(sound: Audio) -> Floats:
    """(F,) pitch in Hz of a recording, at the frames of its filter bank; 0 where no voice is."""
    step = pitch.FRAMES_PER_SECOND // filterbank.FRAMES_PER_SECOND
    return pitch.pitch(sound).hz[::step].astype(np.float32)


def spell(
    sounds: Sequence[int],
    spans: Sequence[tuple[float, float]],
    hertz: Floats,
    bands: Floats,
    spec: SpellingSpec,
) -> tuple[Ids, Floats]:
    """The tokens of a clip whose sounds are known.

    Every sound gets a token at least, be it ever so short.

    Args:
        sounds: (P,) ids in the order of `myna.text.sounds`, at least one.
        spans: of each, the first frame and one past the last; in order, none overlaps another.
        hertz: (F,) pitch, 0 where there is no voice.
        bands: (F, K) log power of the same frames.
        spec: of the tokens.

    Returns:
        Tokens (T,), T = ceil(F / 4); and the sound that each belongs to (T,), in fractions: half a
        number in the silence between two, -0.5 in front of the first.

    Raises:
        AudioError: there are fewer tokens than sounds, or hardly any voice.
    """
    if max(sounds) >= spec.sounds or min(sounds) <= SILENCE:
        raise AudioError("These sounds cannot be spelled: the tokens know those of English alone.")
    joined = [False] + [after[0] - before[1] < _NEXT_TO for before, after in pairwise(spans)]
    places = units(sounds, joined)
    firsts = [places.index(unit) for unit in range(places[-1] + 1)]
    lasts = [len(places) - 1 - places[::-1].index(unit) for unit in range(places[-1] + 1)]
    count = -(-len(bands) // FRAMES_PER_TOKEN)
    extents = [
        (spans[a][0], max(spans[b][1], spans[a][0])) for a, b in zip(firsts, lasts, strict=True)
    ]
    way = _way(count, extents)
    middles = np.full(len(extents) * 2 + 1, -0.5)
    middles[1::2] = (np.array(firsts) + np.array(lasts)) / 2
    middles[2::2] = np.array(lasts) + 0.5
    said = np.zeros(len(middles), dtype=np.int64)
    said[1::2] = [sounds[first] for first in firsts]
    ids = said[way]
    pitch = np.searchsorted(spec.pitch, _semitones(hertz, count))
    loud = np.searchsorted(spec.loudness, _loudness(bands, ids) - _USUAL[ids])
    tokens = (ids * (len(spec.pitch) + 1) + pitch) * (len(spec.loudness) + 1) + loud
    return np.where(ids == SILENCE, SILENCE, tokens), middles[way].astype(np.float32)


def moved(
    tokens: Ids, spec: SpellingSpec, random: np.random.Generator, pitch: float, loudness: float
) -> Ids:
    """Tokens (T,) with some levels one off; sounds stay, and so does silence.

    Args:
        tokens: of `spell`.
        spec: of the tokens.
        random: what is drawn from.
        pitch, loudness: up to which share of tokens, itself drawn, gets another level.
    """
    rest, loud = np.divmod(tokens, len(spec.loudness) + 1)
    sounds, high = np.divmod(rest, len(spec.pitch) + 1)
    for levels, most, share in (
        (high, len(spec.pitch), pitch),
        (loud, len(spec.loudness), loudness),
    ):
        wrong = random.random(len(tokens)) < random.uniform(0, share)
        levels += wrong * random.choice((-1, 1), len(tokens))
        levels.clip(0, most, out=levels)
    changed = (sounds * (len(spec.pitch) + 1) + high) * (len(spec.loudness) + 1) + loud
    return np.where(sounds == SILENCE, tokens, changed)


def meaning(spec: SpellingSpec, codes: int) -> Floats:
    """What tokens stand for, as a decoder reads it: (codes, `SpellingSpec.content`)."""
    table = np.zeros((codes, spec.content), dtype=np.float32)
    tokens = np.arange(spec.levels, spec.codes)
    rest, loud = np.divmod(tokens, len(spec.loudness) + 1)
    sounds, pitch = np.divmod(rest, len(spec.pitch) + 1)
    table[0, SILENCE] = 1
    table[tokens, sounds] = 1
    table[tokens, spec.sounds] = _middles(spec.pitch)[pitch]
    table[tokens, spec.sounds + 1] = _middles(spec.loudness)[loud]
    return table


def _way(count: int, extents: Sequence[tuple[float, float]]) -> Ids:
    """(T,) state of each token: 1, 3, 5 ... the units, and before, between and behind them silence.

    Tokens overlap their units as much as they can; no unit is left out.
    """
    if count < len(extents):
        raise AudioError(
            f"The recording has room for {count} sounds, its text has {len(extents)}; it says more "
            f"than is heard."
        )
    edges = [0.0, *(edge for extent in extents for edge in extent), float(count * FRAMES_PER_TOKEN)]
    starts, ends = np.array(edges[:-1]), np.array(edges[1:])
    times = np.arange(count)[:, None] * float(FRAMES_PER_TOKEN)
    later = times + FRAMES_PER_TOKEN
    overlap = np.maximum(np.minimum(later, ends) - np.maximum(times, starts), 0)
    overlap -= _STRAY * np.maximum(np.maximum(starts - later, times - ends), 0)
    states = len(starts)
    spoken = np.arange(states) % 2 == 1
    came_from = np.zeros((count, states), dtype=np.int8)
    best = np.full(states, _IMPOSSIBLE)
    best[:2] = overlap[0, :2]
    for token in range(1, count):
        options = np.full((3, states), _IMPOSSIBLE)
        options[0] = best
        options[1, 1:] = best[:-1]
        options[2, 2:] = np.where(spoken[2:], best[:-2], _IMPOSSIBLE)
        came_from[token] = options.argmax(0)
        best = options.max(0) + overlap[token]
    state = states - 1 if best[-1] > best[-2] else states - 2
    way = np.empty(count, dtype=np.int64)
    for token in range(count - 1, -1, -1):
        way[token] = state
        state -= int(came_from[token, state])
    return way


def _semitones(hertz: Floats, count: int) -> Floats:
    """(T,) from the median of the clip; goes on evenly where there is no voice."""
    hertz = _fitted(hertz, count)
    voiced = np.flatnonzero(hertz > 0)
    if len(voiced) < LEAST_VOICED:
        raise AudioError("There is hardly any voice in the recording.")
    semitones = 12 * np.log2(hertz[voiced])
    every = np.interp(np.arange(len(hertz)), voiced, semitones) - np.median(semitones)
    found: Floats = every.reshape(count, FRAMES_PER_TOKEN).mean(1)
    return found


def _loudness(bands: Floats, ids: Ids) -> Floats:
    """(T,) logarithm of power, relative to what is no silence in the clip."""
    power = np.log(np.exp(bands.astype(np.float64)).sum(1))
    every = _fitted(power, len(ids), "edge").reshape(len(ids), FRAMES_PER_TOKEN).mean(1)
    found: Floats = every - every[ids != SILENCE].mean()
    return found


def _fitted(frames: Floats, count: int, mode: str = "constant") -> Floats:
    length = count * FRAMES_PER_TOKEN
    short = max(0, length - len(frames))
    fitted: Floats = (np.pad(frames, (0, short), mode) if short else frames)[:length]  # type: ignore[call-overload]
    return fitted


def _middles(borders: Sequence[float]) -> Floats:
    """A number for each level: the middle of its two borders, in units of the outermost."""
    steps = np.diff(borders)
    edges = [borders[0] - steps[0], *borders, borders[-1] + steps[-1]]
    middles = (np.array(edges[:-1]) + np.array(edges[1:])) / 2
    found: Floats = middles / np.abs(middles).max()
    return found

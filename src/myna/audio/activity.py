"""Where in a recording somebody speaks, and whether it sounds like speech at all.

Activity is told by level alone: louder than the quietest moments, and not far below the loudest.
Speech is told by two measures that hold for any language: its level rises and falls with the
syllables (2 to 10 times a second), and the shape of its spectrum changes with the sounds. Steady
noise, hum, tones and held chords lack both; throbbing noise and tones lack the second. What these
measures cannot tell from speech: singing, melodies, several people at once, animals.

Letters in shapes: T frames of 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from myna.audio.filterbank import fbank
from myna.audio.resample import HIGH_QUALITY, resample
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio

    Doubles = NDArray[np.float64]

FRAMES_PER_SECOND = 100
FRAME_OVERHANG = 0.015
"""Seconds by which a frame of 25 ms outlasts its step of 10 ms."""

_DECIBELS = 10.0 / np.log(10.0)
"""Decibels per unit of a natural logarithm of power."""

_LOUDEST_FRAMES = 20
"""Speech is as loud as its loudest fifth of a second; shorter knocks do not count."""

_ABOVE_QUIETEST = 6.0
_BELOW_LOUDEST = (40.0, 15.0)
"""Decibels: the threshold is this far above the quietest moments, within this range of the top."""

_GAP_FRAMES = 20
"""A shorter gap is part of a word (a stop, say), not a pause."""
_KNOCK_FRAMES = 8
"""A shorter noise with pauses on both sides is no speech."""

_VOICE_BANDS = 56
"""Bands of the filter bank up to 4 kHz, and what they are pooled into."""
_BROAD_BANDS = 8
_SYLLABLES_HZ = (2.0, 10.0)
_LOUD_RANGE = 25.0
"""Decibels below the top within which a frame's spectrum is looked at."""
_SHAPE_RANGE = 20.0
"""Decibels below the level of its frame at which a band counts as empty."""

_LEAST_RHYTHM = 1.6
_LEAST_CHANGE = 3.0
"""Decibels. 378 clips of training speech had at least 3.8 of rhythm and 4.7 of change; with white
noise 15, 10 and 5 dB below it none, 2 % and 23 % of them were refused. Hiss, hum, tones, held
chords, beeps and clicks had at most 1.8 of change, throbbing or not; a sweeping tone and slowly
changing chords had at most 1.5 of rhythm."""


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Levels of a recording, and the stretches in which something is heard."""

    levels: Doubles
    """(T,) decibels, over all bands; only differences mean anything."""
    bands: Doubles
    """(T, 56) decibels, up to 4 kHz."""
    active: NDArray[np.bool_]
    """(T,) above the threshold, knocks left out."""
    stretches: tuple[tuple[int, int], ...]
    """First frame and the one after the last, of each stretch between two pauses."""

    @property
    def seconds(self) -> float:
        """Heard in all, without pauses."""
        return sum(end - start for start, end in self.stretches) / FRAMES_PER_SECOND


def activity(audio: Audio) -> Activity:
    """Find what is heard in `audio`.

    Raises:
        AudioError: `audio` is shorter than 25 ms.
    """
    bands = _DECIBELS * fbank(resample(audio, CONTENT_RATE, HIGH_QUALITY)).astype(np.float64)
    levels = _pooled(bands, 1)[:, 0]
    loud = levels > _threshold(levels)
    stretches = tuple(
        (start, end) for start, end in _stretches(loud) if end - start >= _KNOCK_FRAMES
    )
    heard = np.zeros(len(levels), dtype=np.bool_)
    for start, end in stretches:
        heard[start:end] = True
    return Activity(levels, bands[:, :_VOICE_BANDS], loud & heard, stretches)


def sounds_like_speech(found: Activity, start: int, end: int) -> bool:
    """Whether frames `start` to `end` have the rhythm and the variety of speech."""
    bands = found.bands[start:end]
    levels = _pooled(bands, 1)[:, 0]
    top = _loudest(levels)
    levels = np.maximum(levels, top - _BELOW_LOUDEST[0])
    spectrum = np.abs(np.fft.rfft(levels - levels.mean())) ** 2
    hertz = np.fft.rfftfreq(len(levels), 1.0 / FRAMES_PER_SECOND)
    syllables = (hertz >= _SYLLABLES_HZ[0]) & (hertz <= _SYLLABLES_HZ[1])
    rhythm = np.sqrt(2.0 * spectrum[syllables].sum()) / len(levels)
    shapes = np.maximum(_pooled(bands, _BROAD_BANDS), levels[:, None] - _SHAPE_RANGE)
    shapes = shapes[levels > top - _LOUD_RANGE]
    shapes -= shapes.mean(axis=1, keepdims=True)
    change = np.sqrt(shapes.var(axis=0).mean())
    return bool(rhythm >= _LEAST_RHYTHM and change >= _LEAST_CHANGE)


def _pooled(bands: Doubles, parts: int) -> Doubles:
    """(T, parts) decibels of the mean power of neighbouring bands."""
    power = np.exp(bands / _DECIBELS).reshape(len(bands), parts, -1)
    pooled: Doubles = _DECIBELS * np.log(power.mean(axis=2))
    return pooled


def _loudest(levels: Doubles) -> float:
    rank = max(len(levels) - _LOUDEST_FRAMES, len(levels) // 2)
    return float(np.partition(levels, rank)[rank])


def _threshold(levels: Doubles) -> float:
    """Decibels above which a frame is heard."""
    top = _loudest(levels)
    smooth = np.convolve(levels, np.full(5, 0.2), mode="same")[2:-2] if len(levels) > 4 else levels
    quiet = float(np.percentile(smooth, 2.0)) + _ABOVE_QUIETEST
    return float(np.clip(quiet, top - _BELOW_LOUDEST[0], top - _BELOW_LOUDEST[1]))


def _stretches(loud: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of loud frames, those joined that a short gap divides."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    joined: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if joined and start - joined[-1][1] < _GAP_FRAMES:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined

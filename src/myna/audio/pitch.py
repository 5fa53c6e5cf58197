"""The pitch of a voice over time, and where no voice is.

Every frame offers the peaks of its autocorrelation, corrected for the window, and "no voice" as
candidates; the path through them is chosen that is strong and jumps little.

Letters in shapes: N samples, T frames, L lags, C candidates of a frame.

Source: P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound" (1993), with the costs recommended there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio

    Doubles = NDArray[np.float64]

FRAMES_PER_SECOND = 200

_PERIODS = 3
"""Of the lowest pitch, in a window."""
_CANDIDATES = 7
_VOICING = 0.45
"""Autocorrelation from which on a frame may be voiced."""
_SILENCE = 0.03
"""Peak, as a share of the loudest one, below which a frame is hardly voiced."""
_OCTAVE_COST = 0.01
_JUMP_COST = 0.35
"""Per octave from one frame to the next ..."""
_VOICING_COST = 0.14
"""... and for the voice to set in or out; both at 100 frames a second."""
_ROWS = 2048
"""Frames analysed at a time; bounds the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Pitch:
    """Of a recording."""

    hz: Doubles
    """(T,) 200 frames per second, the first centred on the first sample; 0 where no voice is."""

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """(T,)."""
        return self.hz > 0

    @property
    def median(self) -> float:
        """In Hz, of the voiced frames; 0 if there are none."""
        return float(np.median(self.hz[self.voiced])) if self.voiced.any() else 0.0


def pitch(audio: Audio, lowest: float = 60.0, highest: float = 500.0) -> Pitch:
    """Follow the pitch of `audio` between `lowest` and `highest`, in Hz.

    Raises:
        ConfigError: the range is empty, or reaches beyond an eighth of the sample rate.
    """
    if not 0 < lowest < highest <= audio.rate / 8:
        raise ConfigError(
            f"The pitch is looked for from {lowest:g} to {highest:g} Hz; the range must be above "
            f"0, rise, and end at {audio.rate / 8:g} Hz at most."
        )
    hop = audio.rate / FRAMES_PER_SECOND
    count = math.ceil(len(audio.samples) / hop)
    if not count or not audio.samples.any():
        return Pitch(np.zeros(count))
    hz, strength = _candidates(audio, count, lowest, highest)
    return Pitch(_best_path(hz, strength))


def _candidates(audio: Audio, count: int, lowest: float, highest: float) -> tuple[Doubles, Doubles]:
    """Frequencies (T, C), 0 for no voice, and their strengths."""
    window = _window(math.ceil(_PERIODS * audio.rate / lowest) | 1)
    size = 1 << (math.ceil(1.5 * len(window)) - 1).bit_length()
    shortest, longest = math.floor(audio.rate / highest), math.ceil(audio.rate / lowest)
    spread = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)[: longest + 2]
    half = len(window) // 2
    padded = np.pad(audio.samples.astype(np.float64), (half, half + audio.rate // 10))
    starts = np.round(np.arange(count) * (audio.rate / FRAMES_PER_SECOND)).astype(np.int64)
    top = float(np.abs(audio.samples).max())
    hz = np.zeros((count, _CANDIDATES + 1))
    strength = np.full((count, _CANDIDATES + 1), -np.inf)
    for first in range(0, count, _ROWS):
        rows = slice(first, min(first + _ROWS, count))
        frames = sliding_window_view(padded, len(window))[starts[rows]]
        frames = frames - frames.mean(axis=1, keepdims=True)
        middle = np.abs(frames[:, half - longest // 2 : half + longest // 2 + 1])
        loudness = middle.max(axis=1) / top
        power = np.abs(np.fft.rfft(frames * window, size)) ** 2
        correlation = np.fft.irfft(power)[:, : longest + 2]
        energy = np.maximum(correlation[:, :1], 1e-30)
        correlation = (correlation / energy) / (spread / spread[0])
        lags, peaks = _peaks(correlation, shortest, longest)
        found = np.where(peaks > -np.inf, audio.rate / lags, 0.0)
        hz[rows, 1:] = found
        # Of a voice and its octaves, which are as strong, the highest is meant.
        strength[rows, 1:] = peaks - _OCTAVE_COST * np.log2(
            np.maximum(lowest / audio.rate * lags, 1e-9)
        )
        strength[rows, 0] = _VOICING + np.maximum(0.0, 2.0 - loudness * (1.0 + _VOICING) / _SILENCE)
    return hz, strength


def _peaks(correlation: Doubles, shortest: int, longest: int) -> tuple[Doubles, Doubles]:
    """The highest peaks (T, L) -> lags in samples and heights, (T, C); -inf where there is none."""
    inner = correlation[:, shortest : longest + 1]
    left = correlation[:, shortest - 1 : longest]
    right = correlation[:, shortest + 1 : longest + 2]
    peak = (inner > left) & (inner >= right) & (inner > 0.5 * _VOICING)
    # A parabola through the peak and its neighbours.
    bend = np.minimum(left + right - 2 * inner, -1e-12)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = inner - 0.25 * (left - right) * shift
    # Louder than itself can nothing be: such peaks are noise at the edge of the window.
    height = np.where(height > 1.0, 1.0 / np.maximum(height, 1.0), height)
    favour = -_OCTAVE_COST * np.log2(np.arange(shortest, longest + 1) / longest)
    ranked = np.where(peak, height + favour, -np.inf)
    best = np.argsort(-ranked, axis=1, kind="stable")[:, :_CANDIDATES]
    if best.shape[1] < _CANDIDATES:
        best = np.pad(best, ((0, 0), (0, _CANDIDATES - best.shape[1])), mode="edge")
    lags = shortest + best + np.take_along_axis(shift, best, 1)
    heights = np.where(
        np.isfinite(np.take_along_axis(ranked, best, 1)),
        np.take_along_axis(height, best, 1),
        -np.inf,
    )
    return lags, heights


def _best_path(hz: Doubles, strength: Doubles) -> Doubles:
    """(T, C) both -> (T,) Hz, by dynamic programming."""
    scale = FRAMES_PER_SECOND / 100.0
    octaves = np.log2(np.maximum(hz, 1e-9))
    voiced = hz > 0
    total = strength[0].copy()
    back = np.zeros(hz.shape, dtype=np.int64)
    for frame in range(1, len(hz)):
        jump = _JUMP_COST * np.abs(octaves[frame][:, None] - octaves[frame - 1])
        change = voiced[frame][:, None] != voiced[frame - 1]
        neither = ~voiced[frame][:, None] & ~voiced[frame - 1]
        cost = np.where(change, _VOICING_COST, np.where(neither, 0.0, jump)) * scale
        reached = total - cost
        back[frame] = reached.argmax(axis=1)
        total = reached.max(axis=1) + strength[frame]
    path = np.empty(len(hz), dtype=np.int64)
    path[-1] = total.argmax()
    for frame in range(len(hz) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return hz[np.arange(len(hz)), path]


def _window(length: int) -> Doubles:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(length) + 0.5) / length)

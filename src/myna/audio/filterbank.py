"""What the speaker encoder hears: the log-mel filter bank of Kaldi.

Letters in shapes: N samples, T frames.

Source: the documented defaults of Kaldi's `compute-fbank-feats` with 80 bands and no dither,
applied to samples in [-1, 1]; the parity tests hold the values against recorded ones.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.errors import AudioError
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from myna.datatypes import Audio, Floats

BANDS = 80
FRAMES_PER_SECOND = 100
_WINDOW = CONTENT_RATE * 25 // 1000
_HOP = CONTENT_RATE // FRAMES_PER_SECOND
_FFT = 512
_LOWEST_HZ = 20.0
_PRE_EMPHASIS = 0.97
_FLOOR = 1.1920929e-07
"""Least band power before the logarithm: the spacing of float32 at 1."""


def fbank(audio: Audio) -> Floats:
    """Log power in 80 mel bands from 20 Hz to 8 kHz, every 10 ms over 25 ms.

    Args:
        audio: mono, at 16 kHz.

    Returns:
        (T, 80) float32; T = 1 + (N - 400) // 160. No mean is subtracted.

    Raises:
        AudioError: `audio` has another rate, or is shorter than 25 ms.
    """
    if audio.rate != CONTENT_RATE:
        raise AudioError(
            f"The audio has {audio.rate} samples per second, and the filter bank reads "
            f"{CONTENT_RATE}; resample it first."
        )
    if len(audio.samples) < _WINDOW:
        raise AudioError(
            f"The audio lasts {1000 * audio.seconds:.0f} ms; the filter bank needs 25 ms."
        )
    frames = sliding_window_view(audio.samples.astype(np.float64), _WINDOW)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    frames = frames - _PRE_EMPHASIS * before
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_WINDOW) / (_WINDOW - 1))
    spectrum = np.fft.rfft(frames * hann**0.85, n=_FFT, axis=1)  # Povey's window
    power = spectrum.real**2 + spectrum.imag**2
    bands = power[:, :-1] @ band_filters().T
    return np.log(np.maximum(bands, _FLOOR)).astype(np.float32)


@cache
def band_filters() -> Floats:
    """(80, 256) float32, read-only: triangles evenly spaced on Kaldi's mel scale.

    The bin at 8 kHz, where the last triangle ends, is left out.
    """
    lowest, highest = _mel(np.array([_LOWEST_HZ, CONTENT_RATE / 2.0]))
    edges = np.linspace(lowest, highest, BANDS + 2)[:, None]
    bins = _mel(np.arange(_FFT // 2) * CONTENT_RATE / _FFT)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters: Floats = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def _mel(hz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hz / 700.0)

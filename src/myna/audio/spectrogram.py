"""What decoders and timbre encoders see of a waveform: linear magnitudes and log-mel bands.

Frames are not centred: reflection pads (window - hop) / 2 samples on both sides, so N samples give
N // hop frames. The window is a periodic Hann window.

Letters in shapes: N samples, T frames, K linear frequencies, M mel bands.

Source: the analysis of VITS (arXiv:2106.06103) and HiFi-GAN (arXiv:2010.05646); the mel scale and
its area normalisation follow Slaney's Auditory Toolbox (1998). The parity tests hold the values
against recorded ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio, Floats
    from myna.specs import SpectrogramSpec

POWER_FLOOR = 1e-8
"""Added to every squared magnitude, so that the root has a slope at zero."""

MEL_FLOOR = 1e-5
"""Least mel magnitude before the logarithm."""

_LINEAR_HZ_PER_MEL = 200.0 / 3.0
"""Slaney's scale is linear up to `_LOG_FROM_HZ` ..."""
_LOG_FROM_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0
"""... and then every mel multiplies the frequency by exp of this."""


def spectrogram(audio: Audio, spec: SpectrogramSpec) -> Floats:
    """Magnitude spectrogram, as the timbre encoder reads it.

    Args:
        audio: mono, at `spec.rate`.
        spec: analysis window and hop, in samples.

    Returns:
        (K, T) float32 linear magnitudes, not decibels: K = window // 2 + 1 bins from 0 Hz to
        rate / 2, T = N // hop frames.

    Raises:
        AudioError: `audio` has another rate, or is too short to be padded by reflection.
    """
    if audio.rate != spec.rate:
        raise AudioError(
            f"The audio has {audio.rate} samples per second, and this analysis reads {spec.rate}; "
            f"resample it first."
        )
    pad = (spec.window - spec.hop) // 2
    shortest = max(pad + 1, spec.hop)
    if len(audio.samples) < shortest:
        raise AudioError(
            f"The audio has {len(audio.samples)} samples; a spectrogram needs at least {shortest} "
            f"({1000 * shortest / spec.rate:.0f} ms)."
        )
    padded = np.pad(audio.samples.astype(np.float64), pad, mode="reflect")
    frames = sliding_window_view(padded, spec.window)[:: spec.hop]
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(spec.window) / spec.window)
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.sqrt(power + POWER_FLOOR).astype(np.float32).T


def log_mel(audio: Audio, spec: SpectrogramSpec, bands: int) -> Floats:
    """Natural logarithm of mel magnitudes, as vocoders and the training loss read it.

    Returns:
        (M, T) float32, M = `bands`; not below log(1e-5).

    Raises:
        AudioError: as `spectrogram`.
    """
    mel = mel_filters(spec, bands) @ spectrogram(audio, spec)
    logarithms: Floats = np.log(np.maximum(mel, np.float32(MEL_FLOOR)))
    return logarithms


@lru_cache(maxsize=8)
def mel_filters(spec: SpectrogramSpec, bands: int) -> Floats:
    """(M, K) float32, read-only: triangles from 0 Hz to rate / 2, each of the same area."""
    nyquist = spec.rate / 2.0
    edges = _hz(np.linspace(0.0, _mel(nyquist), bands + 2))
    bins = np.linspace(0.0, nyquist, spec.bins)
    width = np.diff(edges)
    rising = (bins - edges[:-2, None]) / width[:-1, None]
    falling = (edges[2:, None] - bins) / width[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]
    filters = triangles.astype(np.float32)
    filters.flags.writeable = False
    return filters


def _mel(hz: float) -> float:
    if hz < _LOG_FROM_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_LOG_FROM_HZ / _LINEAR_HZ_PER_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _LOG_FROM_HZ / _LINEAR_HZ_PER_MEL
    above = np.maximum(mel - bend, 0.0)
    return np.where(mel < bend, mel * _LINEAR_HZ_PER_MEL, _LOG_FROM_HZ * np.exp(_LOG_STEP * above))

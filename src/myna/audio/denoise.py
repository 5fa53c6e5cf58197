"""Take steady noise away: hiss, hum, fans. Speech stays as it is.

Every moment of every frequency is turned down by as much as it is likely to be noise. Other voices,
music, clicks and echoes stay; where noise changes slowly, what changed within some seconds stays.

Letters in shapes: N samples, T frames of 32 ms every 8 ms, K frequencies.

Source: the log-spectral amplitude estimator with decision-directed priors of Ephraim and Malah
(1985); noise from low quantiles, after the minimum statistics of Martin (2001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.datatypes import Audio, in_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_HOP_SECONDS = 0.008
_OVERLAP = 4
_BLOCK_FRAMES = 2048
"""Frames that are worked on at once; bounds the memory."""

_NOISE_FRAMES = 1250
"""Noise is measured anew every 10 s, each time over 20 s."""
_SMOOTH_FRAMES, _SMOOTH_BINS = 9, 5
_QUIETEST = 0.08
_QUIETEST_SHARE = 0.645
"""Of its mean power, what smoothed noise stays below 8 % of the time; measured on white noise."""

_MEMORY = 0.98
_LEAST_PRIOR = 10.0 ** (-25.0 / 10.0)
_MOST_POSTERIOR = 1e4
_LOWEST_GAIN_DB = -20.0
_NO_POWER = 1e-20


def denoise(audio: Audio, strength: float = 1.0) -> Audio:
    """`audio` without steady noise, at the same rate and of the same length.

    Args:
        audio: at any rate. Recordings shorter than 0.3 s come back as they are.
        strength: 0 to 1; 1 turns noise down by 20 dB, 0.5 by 10 dB, 0 by nothing.

    Raises:
        ConfigError: another strength.
    """
    in_range("strength", strength, 0, 1)
    hop = max(1, round(_HOP_SECONDS * audio.rate))
    size = hop * _OVERLAP
    if strength == 0 or len(audio.samples) < _SMOOTH_FRAMES * size:
        return audio
    window = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size))
    padded = np.pad(audio.samples, (size, size + -len(audio.samples) % hop))
    frames = sliding_window_view(padded, size)[::hop]
    out = np.zeros(len(padded), dtype=np.float64)
    gains = _Gains(_noise(frames, window), 10.0 ** (_LOWEST_GAIN_DB * strength / 20.0))
    for first, spectrum in _spectra(frames, window):
        clean = np.fft.irfft(spectrum * gains.of(first, spectrum), size, axis=1) * window
        for number, frame in enumerate(clean, first):
            out[number * hop : number * hop + size] += frame
    kept = out[size : size + len(audio.samples)] * (2.0 / _OVERLAP)
    return Audio(kept.astype(np.float32), audio.rate)


class _Gains:
    """Gains of frames in order: each depends on what was found in the one before."""

    def __init__(self, noise: Doubles, lowest: float) -> None:
        self.noise = noise
        self.lowest = lowest
        self.before = np.zeros(noise.shape[1])
        """(K,) power of speech in the frame before, over that of noise."""

    def of(self, first: int, spectrum: NDArray[np.complex128]) -> Doubles:
        """(T, K) amplitude gains of frames from number `first` on."""
        gains = np.empty(spectrum.shape)
        powers = spectrum.real**2 + spectrum.imag**2
        for at, power in enumerate(powers):
            noise = self._noise_at(first + at)
            posterior = np.minimum(power / noise, _MOST_POSTERIOR)
            prior = _MEMORY * self.before + (1.0 - _MEMORY) * np.maximum(posterior - 1.0, 0.0)
            prior = np.maximum(prior, _LEAST_PRIOR)
            wiener = prior / (1.0 + prior)
            gain = wiener * np.exp(0.5 * _exponential_integral(wiener * posterior))
            gain = np.minimum(gain, 1.0)
            self.before = gain**2 * posterior
            gains[at] = np.maximum(gain, self.lowest)
        return gains

    def _noise_at(self, frame: int) -> Doubles:
        """(K,) between the two measurements around a frame."""
        place = min(frame / _NOISE_FRAMES, len(self.noise) - 1.0)
        left = int(place)
        right = min(left + 1, len(self.noise) - 1)
        between: Doubles = self.noise[left] + (place - left) * (
            self.noise[right] - self.noise[left]
        )
        return between


def _spectra(frames: NDArray[np.float32], window: Doubles) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(frames), _BLOCK_FRAMES):
        yield first, np.fft.rfft(frames[first : first + _BLOCK_FRAMES] * window, axis=1)


def _noise(frames: NDArray[np.float32], window: Doubles) -> Doubles:
    """(T // 1250 + 1, K) power of the noise, around every 1250th frame."""
    places = range(0, len(frames), _NOISE_FRAMES)
    return np.stack([_noise_around(frames, place, window) for place in places])


def _noise_around(frames: NDArray[np.float32], place: int, window: Doubles) -> Doubles:
    first = max(0, min(place - _NOISE_FRAMES, len(frames) - 2 * _NOISE_FRAMES))
    spectrum = np.fft.rfft(frames[first : first + 2 * _NOISE_FRAMES] * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    smooth = _averaged(_averaged(power, _SMOOTH_FRAMES).T, _SMOOTH_BINS).T
    alive = smooth.sum(axis=1) > _NO_POWER  # digital silence is no measure of noise
    if not alive.any():
        return np.full(power.shape[1], _NO_POWER)
    quiet = np.quantile(smooth[alive], _QUIETEST, axis=0) / _QUIETEST_SHARE
    noise: Doubles = np.maximum(quiet, _NO_POWER)
    return noise


def _averaged(values: Doubles, count: int) -> Doubles:
    """Moving mean along the first axis; the ends repeat."""
    padded = np.pad(values, ((count // 2, count // 2), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate((np.zeros((1, values.shape[1])), padded)), axis=0)
    mean: Doubles = np.maximum(sums[count:] - sums[:-count], 0.0) / count
    return mean


def _exponential_integral(x: Doubles) -> Doubles:
    """E1 of positive `x`, to 2e-4.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 5.1.53 and 5.1.54.
    """
    x = np.maximum(x, 1e-10)
    low = np.minimum(x, 1.0)
    series = np.polyval(
        (0.00107857, -0.00976004, 0.05519968, -0.24991055, 0.99999193, -0.57721566), low
    )
    high = np.maximum(x, 1.0)
    ratio = (high**2 + 2.334733 * high + 0.250621) / (high**2 + 3.330657 * high + 1.681534)
    return np.where(x < 1.0, series - np.log(low), ratio * np.exp(-high) / high)

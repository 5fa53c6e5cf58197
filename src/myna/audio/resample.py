"""Change the sample rate: windowed-sinc filters, one for every use the models know.

N samples become ceil(N * to / from), aligned at sample 0, whatever the two rates; beyond its ends
the audio counts as silence. All arithmetic is in float64.

`HANN_SINC` is what the published models' spectrograms and speaker vectors were made with.
`HIGH_QUALITY` is for all else, first of all for content features: the published ones were made with
the "HQ" recipe of libsoxr. It is designed from what is documented of that recipe, and is no copy:
on the recorded signals its results differ from libsoxr's by less than 5e-5 of the peak.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, gcd, log10
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.datatypes import Audio
from myna.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Floats

    Doubles = NDArray[np.float64]

_BLOCK = 128
"""Output samples made by one row of a matrix product."""

_ROWS = 2048
"""Rows of a matrix product; bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowpass:
    """A windowed sinc; frequencies as shares of the lower of the two Nyquist frequencies."""

    cutoff: float
    """Where the amplitude is half."""
    crossings: float
    """Zero crossings of the sinc on either side, before the window ends it."""
    window: Callable[[Any], Any]
    """Weight at -1 to 1 (the ends); symmetric."""


def resample(audio: Audio, rate: int, lowpass: Lowpass) -> Audio:
    """`audio` at another sample rate; the same object if it has that rate already.

    Raises:
        ConfigError: `rate` is not positive.
    """
    if rate < 1:
        raise ConfigError(f"rate is {rate}; a sample rate is at least 1 Hz.")
    if rate == audio.rate or not len(audio.samples):
        return audio if rate == audio.rate else Audio(audio.samples, rate)
    common = gcd(rate, audio.rate)
    up, down = rate // common, audio.rate // common
    repeat = ceil(_BLOCK / up)
    period, stride = up * repeat, down * repeat  # samples out and in until the pattern repeats
    count = ceil(len(audio.samples) * up / down)
    periods = ceil(count / period)
    reach = ceil(lowpass.crossings * max(1.0, down / up) / lowpass.cutoff)
    padded = np.pad(audio.samples, (reach, 2 * reach + periods * stride - len(audio.samples)))
    out = np.empty((periods, period), dtype=np.float32)
    for first in range(0, min(period, count), _BLOCK):
        last = min(first + _BLOCK, period)
        start, weights = _weights(lowpass, up, down, first, last, reach)
        frames = sliding_window_view(padded[start:], len(weights))[::stride]
        for row in range(0, periods, _ROWS):
            rows = slice(row, min(row + _ROWS, periods))
            out[rows, first:last] = np.ascontiguousarray(frames[rows], dtype=np.float64) @ weights
    return Audio(out.reshape(-1)[:count], rate)


class Resampling:
    """The same, of audio that comes in pieces."""

    def __init__(self, given: int, wanted: int, lowpass: Lowpass) -> None:
        if min(given, wanted) < 1:
            raise ConfigError(f"{given} and {wanted}: a sample rate is at least 1 Hz.")
        common = gcd(given, wanted)
        self._up, self._down = wanted // common, given // common
        self._given, self._wanted, self._lowpass = given, wanted, lowpass
        reach = ceil(lowpass.crossings * max(1.0, self._down / self._up) / lowpass.cutoff)
        # In whole turns of the pattern, so that the same weights meet the same samples.
        self._margin = ceil((reach + 1) / self._down) * self._down
        self._kept = np.zeros(0, dtype=np.float32)
        self._lead = 0
        """Samples of those kept whose outputs have been given."""

    def add(self, samples: Floats, *, last: bool) -> Floats:
        """Samples at the new rate that are final: (M,) of (N,) more ones, maybe none."""
        if self._given == self._wanted:
            return samples
        self._kept = np.concatenate([self._kept, samples])
        final = len(self._kept)
        if not last:
            final = (final - self._margin) // self._down * self._down
            if final <= self._lead:
                return np.zeros(0, dtype=np.float32)
        every = resample(Audio(self._kept, self._given), self._wanted, self._lowpass).samples
        start = self._lead * self._up // self._down
        found = every[start : None if last else final * self._up // self._down]
        drop = max(0, final - self._margin)
        self._kept, self._lead = self._kept[drop:], final - drop
        return found


def _weights(
    lowpass: Lowpass, up: int, down: int, first: int, last: int, reach: int
) -> tuple[int, Doubles]:
    """What output samples `first` to `last` of a period take from the padded input.

    Returns:
        the input sample that row 0 weighs, and (inputs, outputs) weights from there on.
    """
    start = first * down // up
    end = (last - 1) * down // up + 2 * reach + 2
    outputs = np.arange(first, last) * (down / up)
    inputs = np.arange(start, end) - reach
    crossing = (inputs[:, None] - outputs) * (lowpass.cutoff * min(1.0, up / down))
    inside = np.abs(crossing) < lowpass.crossings
    weights = np.zeros(crossing.shape)
    near = crossing[inside]
    weights[inside] = np.sinc(near) * lowpass.window(near / lowpass.crossings)
    return start, weights * (lowpass.cutoff * min(1.0, up / down))


def _hann(position: Doubles) -> Doubles:
    return np.cos(0.5 * np.pi * position) ** 2


def _kaiser_lowpass(passband: float, attenuation: float) -> Lowpass:
    """Kaiser's design: flat to `passband`, `attenuation` decibels down from Nyquist on.

    Source: the formulas of Kaiser (1974), as in Oppenheim and Schafer, Discrete-Time Signal
    Processing, section 7.5.3.
    """
    beta = 0.1102 * (attenuation - 8.7)
    # Samples of the lower rate.
    length = (attenuation - 7.95) / (2.285 * np.pi * (1.0 - passband))
    cutoff = (1.0 + passband) / 2.0
    scale = np.i0(beta)

    def kaiser(position: Doubles) -> Doubles:
        weight: Doubles = np.i0(beta * np.sqrt(np.maximum(0.0, 1.0 - position**2))) / scale
        return weight

    return Lowpass(cutoff=cutoff, crossings=cutoff * length / 2.0, window=kaiser)


HANN_SINC = Lowpass(cutoff=0.99, crossings=6.0, window=_hann)
"""Short and soft: passes some aliasing near Nyquist. Hann window of 6 crossings, rolloff 0.99."""

HIGH_QUALITY = _kaiser_lowpass(passband=0.9136, attenuation=21 * 20.0 * log10(2.0))
"""Flat to 91 % of Nyquist, nothing audible beyond it, half the power at 95 %.

Source: SoX documents its "high" quality (libsoxr's HQ, 20 bits) as linear phase with a bandwidth of
95 % to the -3 dB point and a stop band that begins at Nyquist. The rejection is one bit more than
the precision; the pass band's end, published as 0.913, is 1 - 0.05 / 0.579, where 0.579 is the
share of the transition that lies beyond the -3 dB point at 120 dB.
"""

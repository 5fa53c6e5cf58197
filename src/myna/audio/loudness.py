"""How loud speech sounds, and gains that keep sentences from jumping in loudness.

Source: ITU-R BS.1770-4 (K-weighting, 400 ms blocks, gates at -70 LUFS and 10 LU below the mean).
Its two filters are given for 48 kHz; for other rates the analogue prototypes behind those
coefficients are used, as De Man (2014) found them. The filters are applied to the spectrum, where
numpy is fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Floats

    Doubles = NDArray[np.float64]

MOST_CHANGE = 4.0
"""Decibels by which `match` turns a sentence up or down at most: some variation is expression."""

_BENT = np.float32(0.9)
"""Amplitude from which `limited` changes a sample."""

_BLOCK_SECONDS = 0.4
_STEP_SECONDS = 0.1
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_SETTLING_SECONDS = 0.5
"""Silence after the audio in which the filters ring out, instead of wrapping round."""

_OFFSET = -0.691
"""Makes a sine of 997 Hz at full scale read -3.01 LUFS."""


def loudness(samples: Floats, rate: int) -> float:
    """Gated loudness of (N,) mono samples in LUFS; minus infinity where all is below -70 LUFS.

    Audio shorter than 400 ms is measured as one block.
    """
    weighted = _k_weighted(samples, rate)
    size = min(round(_BLOCK_SECONDS * rate), len(weighted))
    if not size:
        return -np.inf
    sums = np.concatenate(([0.0], np.cumsum(weighted**2)))
    starts = np.arange(0, len(weighted) - size + 1, max(1, round(_STEP_SECONDS * rate)))
    powers = np.maximum(sums[starts + size] - sums[starts], 0.0) / size
    loud = powers[_lufs(powers) > _ABSOLUTE_GATE]
    if not len(loud):
        return -np.inf
    gate = _lufs(loud.mean()) + _RELATIVE_GATE
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def limited(samples: Floats) -> Floats:
    """What is near full scale bent below it: (N,), each sample by itself, so that it does not
    matter how much is known at once."""
    over = np.maximum(np.abs(samples) - _BENT, 0)
    room = np.float32(1 - _BENT)
    bent: Floats = np.where(
        over > 0, np.sign(samples) * (_BENT + room * np.tanh(over / room)), samples
    )
    return bent


def match(
    sentences: Sequence[Floats], rate: int, *, target: float | None = None
) -> tuple[float, ...]:
    """Factors that bring `sentences` close to one loudness, without clipping any.

    Args:
        sentences: (N,) waveforms, one per sentence.
        rate: of all of them, in Hz.
        target: LUFS to approach; None takes the median of the sentences. A stream, which does not
            know the sentences to come, gives the loudness of its first one.

    Returns:
        one factor per sentence, at most `MOST_CHANGE` decibels from 1, and less where the result
        would exceed [-1, 1]; 1 for silence.
    """
    levels = [loudness(samples, rate) for samples in sentences]
    heard = [level for level in levels if np.isfinite(level)]
    if target is None:
        target = float(np.median(heard)) if heard else 0.0
    return tuple(
        _gain(level, target, samples) for level, samples in zip(levels, sentences, strict=True)
    )


def _gain(level: float, target: float, samples: Floats) -> float:
    if not np.isfinite(level):
        return 1.0
    gain = float(10.0 ** (np.clip(target - level, -MOST_CHANGE, MOST_CHANGE) / 20.0))
    return min(gain, 1.0 / max(float(np.abs(samples).max()), 1e-9))


def _lufs(power: Doubles) -> Doubles:
    with np.errstate(divide="ignore"):
        level: Doubles = _OFFSET + 10.0 * np.log10(power)
    return level


def _k_weighted(samples: Floats, rate: int) -> Doubles:
    size = len(samples) + round(_SETTLING_SECONDS * rate)
    size = 1 << (size - 1).bit_length()  # a power of two: quick for any length
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    response = np.ones(len(delay), dtype=np.complex128)
    for numerator, denominator in (_shelf(rate), _highpass(rate)):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    return np.fft.irfft(spectrum * response, size)[: len(samples)]


def _shelf(rate: int) -> tuple[Doubles, Doubles]:
    """Stage 1, the head: 4 dB more above 1.7 kHz. Numerator and denominator, constant first."""
    k, q = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    numerator = [high + band * k / q + k**2, 2.0 * (k**2 - high), high - band * k / q + k**2]
    return np.array(numerator) / (1.0 + k / q + k**2), _poles(k, q)


def _highpass(rate: int) -> tuple[Doubles, Doubles]:
    """Stage 2, the ear: little below 40 Hz."""
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    return np.array([1.0, -2.0, 1.0]), _poles(k, q)


def _poles(k: float, q: float) -> Doubles:
    scale = 1.0 + k / q + k**2
    return np.array([scale, 2.0 * (k**2 - 1.0), 1.0 - k / q + k**2]) / scale

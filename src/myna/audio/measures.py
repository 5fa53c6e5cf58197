"""Faults of recordings as numbers: noise, clipping, band limit, pumping gain, reverberation.

Each is estimated from the recording alone, without knowing what it was before. None is NaN or
infinite, whatever the recording.

Letters in shapes: N samples, T frames of 40 ms, or of 10 ms for decays, B bands of 200 Hz, M mel
bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.audio.activity import FRAMES_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio, Floats

    Doubles = NDArray[np.float64]
    Flags = NDArray[np.bool_]

HIGHEST_SNR = 100.0
"""Decibels; also what digital silence between words reads."""

_LEAST_POWER = 1e-14

_FLAT = 0.001
"""Clipped samples differ from their neighbours by less than this share, `_FLAT_RUN` in a row."""
_FLAT_RUN = 3
_FLAT_STEPS = 2.0 / 32768.0
"""Differences that rounding to 16 bits makes."""
_CORNER = 4.0
"""The step into and out of a clipped run exceeds the mean difference in it this many times; at the
top of a smooth wave it does so at most 3.4 times."""
_HIGH = 0.9
"""Clipping happens at the top: of what is within 0.1 s, at least at this share of the highest."""
_HIGH_SECONDS = 0.05
_CLIPPING_LEVEL = 0.01
"""Nothing clips that far below full scale, whatever was turned down since."""

FRAMES_PER_SPECTRUM = 4
_BAND_HZ = 200.0
_BINS_PER_BAND = 8

_DIGITAL_SILENCE = 1e-10
_QUIETEST = 0.05
_QUIETEST_SHARE = 0.4975
"""Of its mean power, what noise in a band stays below 5 % of the time: chi-square, 16 degrees."""

_ABOVE_FLOOR = 12.0
_BELOW_TOP = 60.0
_LEAST_PAUSES = 5
"""Frames without speech that tell the floor; else the quietest moments of speech do."""

_VOICE = slice(2, 17)
"""Bands of the voice, 400 to 3400 Hz, and those in which noise is looked at, 2 to 7 kHz."""
_NOISE = slice(10, 35)
_SPEECH_RANGE = 10.0
_PAUSE_BELOW = 12.0
_PAUSE_RUN = 11
_LEAST_PAUSE_SPECTRA = 25

_POOLED = 4
_SLOPE_FRAMES = 15
_FALLS_FROM = 30.0
_FALLS_TO = 6.0
"""Decibels below the top that a fall begins, and above the floor that it ends."""
_LEAST_SLOPES = 50
_ROOMS = (
    (0.25, 0.29, 0.36, 0.45, 0.53, 0.63, 0.70, 0.81),
    (0.10, 0.15, 0.30, 0.45, 0.60, 0.80, 1.00, 1.50),
)
"""Seconds of the steepest falls, and of the room."""


def clipped_share(samples: Floats, rate: int) -> float:
    """Share of samples, 0 to 1, that are flat tops with corners, at any gain or changing gain.

    Clipping that a lossy codec or a change of the sample rate has since smoothed over is not seen.
    """
    if len(samples) < _FLAT_RUN + 2:
        return 0.0
    centred = samples - np.float32(samples.mean(dtype=np.float64))
    return sum(_flat_tops(side, rate) for side in (centred, -centred)) / len(samples)


def _flat_tops(side: Floats, rate: int) -> int:
    steps = np.abs(np.diff(side))
    flat = steps <= np.maximum(_FLAT * side[1:], _FLAT_STEPS)
    flat &= (side[1:] > _CLIPPING_LEVEL) & (side[:-1] > _CLIPPING_LEVEL)
    first, last = _runs(flat)  # of steps; samples go from `first` to `last`
    inner = (last - first + 1 >= _FLAT_RUN) & (first > 0) & (last < len(side) - 1)
    first, last = first[inner], last[inner]
    if not len(first):
        return 0
    rise, fall = side[first] - side[first - 1], side[last] - side[last + 1]
    sums = np.concatenate(([0.0], np.cumsum(steps, dtype=np.float64)))
    rough = (sums[last] - sums[first]) / (last - first)
    corner = np.minimum(rise, fall) > _CORNER * np.maximum(rough, 1.0 / 32768.0)
    high = side[first] >= _HIGH * _highest(side, rate)[first // _block(rate)]
    return int((last - first + 1)[corner & high].sum())


def _block(rate: int) -> int:
    return max(1, round(_HIGH_SECONDS * rate))


def _highest(side: Floats, rate: int) -> Floats:
    """Of each block of 50 ms and its neighbours."""
    size = _block(rate)
    padded = np.pad(side, (size, size + -len(side) % size), mode="edge")
    blocks = padded.reshape(-1, size).max(axis=1)
    highest: Floats = sliding_window_view(blocks, 3).max(axis=1)
    return highest


def _runs(flags: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of true starts, and the place after its end."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return edges[::2], edges[1::2]


def band_powers(audio: Audio) -> Doubles:
    """(T, B) mean power of bands of 200 Hz in frames of 40 ms, without the DC offset.

    Empty where the audio is shorter than 40 ms.
    """
    size = max(1, round(audio.rate * FRAMES_PER_SPECTRUM / FRAMES_PER_SECOND))
    frames = audio.samples[: len(audio.samples) // size * size].reshape(-1, size)
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2
    bands = power.shape[1] // _BINS_PER_BAND
    banded = power[:, : bands * _BINS_PER_BAND].reshape(-1, bands, _BINS_PER_BAND).sum(axis=2)
    powers: Doubles = 2.0 * banded / (float((window**2).sum()) * size)
    return powers


def heard_spectra(active: Flags, count: int) -> tuple[Flags, Flags]:
    """(count,) frames of 40 ms that are speech all through, and those without any.

    Args:
        active: frames of 10 ms that are speech.
        count: frames of 40 ms; those beyond `active` are neither.
    """
    known = min(count, len(active) // FRAMES_PER_SPECTRUM)
    parts = active[: known * FRAMES_PER_SPECTRUM].reshape(known, FRAMES_PER_SPECTRUM)
    rest = np.zeros(count - known, dtype=np.bool_)
    every, none = parts.all(axis=1), ~parts.any(axis=1)
    return np.concatenate((every, rest)), np.concatenate((none, rest))


def signal_to_noise(powers: Doubles, speech: Flags) -> float:
    """Level of speech over level of steady noise in decibels, 0 to 100.

    The noise in a band is what its quietest moments hold, between words or between sounds; so no
    pause is needed. Digital silence is left out. Noise that comes and goes, other voices for one,
    counts less than it is.

    Args:
        powers: (T, B) of `band_powers`.
        speech: (T,) whether somebody speaks.

    Source: the minimum-statistics idea of Martin (2001), with one quantile over all of it.
    """
    total = powers.sum(axis=1)
    alive = total > _DIGITAL_SILENCE
    if not (speech & alive).any():
        return 0.0
    noise = float(np.quantile(powers[alive], _QUIETEST, axis=0).sum()) / _QUIETEST_SHARE
    signal = max(float(total[speech & alive].mean()) - noise, noise)
    return min(_decibels(signal / max(noise, _LEAST_POWER)), HIGHEST_SNR)


def bandwidth(powers: Doubles, speech: Flags, pauses: Flags) -> float:
    """Highest frequency in Hz at which the loudest moments of speech stand out; 0 if none does.

    They stand out where they exceed what is heard between words by 12 dB, and are not more than
    60 dB below the loudest band; to 200 Hz.

    Args:
        powers: (T, B) of `band_powers`.
        speech: (T,) frames that are speech all through.
        pauses: (T,) frames without any.
    """
    levels = 10.0 * np.log10(powers + _LEAST_POWER)
    heard, between = levels[speech], levels[pauses]
    if not len(heard):
        return 0.0
    top = np.percentile(heard, 97.0, axis=0)
    enough = len(between) >= _LEAST_PAUSES
    floor = np.median(between, axis=0) if enough else np.percentile(heard, 3.0, axis=0)
    stands_out = np.flatnonzero((top > floor + _ABOVE_FLOOR) & (top > top.max() - _BELOW_TOP))
    return float((stands_out[-1] + 1) * _BAND_HZ) if len(stands_out) else 0.0


def gain_pumping(powers: Doubles) -> float:
    """Decibels by which a gain control turns the noise down under speech; 0 without 1 s of pauses.

    Steady noise at a steady gain cannot be louder between words than the quietest moments of each
    band within words; where it is, the gain moved. Controls slower than about 1 s are not seen.
    """
    levels = 10.0 * np.log10(powers + _LEAST_POWER)
    voice = 10.0 * np.log10(powers[:, _VOICE].sum(axis=1) + _LEAST_POWER)
    if len(voice) < _LEAST_PAUSE_SPECTRA:
        return 0.0
    loudest = np.percentile(voice, 90.0)
    speech = voice > loudest - _SPEECH_RANGE
    middle = np.median(voice[voice > loudest - _SPEECH_RANGE * 1.5])
    pauses = np.zeros(len(voice), dtype=np.bool_)
    for first, end in zip(*_runs(voice < middle - _PAUSE_BELOW), strict=True):
        if end - first >= _PAUSE_RUN:
            pauses[first + 2 : end - 1] = True  # what rings on or begins belongs to the words
    if pauses.sum() < _LEAST_PAUSE_SPECTRA or speech.sum() < _LEAST_PAUSE_SPECTRA:
        return 0.0
    between = np.median(levels[pauses][:, _NOISE], axis=0)
    within = np.quantile(levels[speech][:, _NOISE], _QUIETEST, axis=0)
    if not len(between):
        return 0.0
    return max(0.0, float(np.median(between - within)) + _decibels(_QUIETEST_SHARE))


def reverberation(bands: Doubles) -> float:
    """Seconds in which sound falls by 60 dB, 0.1 to 1.5, as in a room as loud as the voice itself.

    The steepest falls of speech in a room are as steep as the room's own; they are told from slopes
    over 150 ms. Where the voice is louder than its room, that is nearer, less is measured. With
    noise 20 dB below speech, a dry voice reads 0.3 s. 0 where nothing falls.

    Args:
        bands: (T, M) decibels, of `myna.audio.activity`.

    Source: the distribution of decay rates (Wen, Habets and Naylor, 2008); the curve from slopes to
    seconds was measured on fifteen clips of training speech in synthetic rooms.
    """
    power = 10.0 ** (bands / 10.0)
    levels = 10.0 * np.log10(power.reshape(len(power), -1, _POOLED).mean(axis=2) + _LEAST_POWER)
    if len(levels) < 2 * _SLOPE_FRAMES:
        return 0.0
    time = np.arange(_SLOPE_FRAMES) - (_SLOPE_FRAMES - 1) / 2.0
    weights = time / (time**2).sum() * FRAMES_PER_SECOND
    slopes = sliding_window_view(levels, _SLOPE_FRAMES, axis=0) @ weights
    floor, top = np.percentile(levels, 5.0, axis=0), np.percentile(levels, 98.0, axis=0)
    starts, ends = levels[: len(slopes)], levels[_SLOPE_FRAMES - 1 :]
    heard = slopes[(starts > top - _FALLS_FROM) & (ends > floor + _FALLS_TO)]
    if len(heard) < _LEAST_SLOPES:
        return 0.0
    steepest = float(np.percentile(heard, 5.0))
    return float(np.interp(-60.0 / steepest, *_ROOMS)) if steepest < 0.0 else 0.0


def _decibels(ratio: float) -> float:
    return 10.0 * float(np.log10(ratio))

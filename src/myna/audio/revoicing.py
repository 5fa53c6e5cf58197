"""Give a recording another pitch and another throat: what is said and when stays.

The formants are moved by resampling, which moves pitch and tempo with them. Then grains of two
periods, one around each pulse of the voice, are laid out again at the wanted pitch and tempo
(TD-PSOLA, Moulines and Charpentier 1990). Where no voice is, grains of noise follow each other such
that each goes on as the last would have (WSOLA, Verhelst and Roelands 1993).

A formant ratio below 1 leaves the top of the band empty, as nothing is known of what lay above it.
Several voices at once, music and heavy reverberation have no single pulse, and sound rough.

Letters in shapes: N samples, T frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from myna.audio.pitch import FRAMES_PER_SECOND, Pitch, pitch
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import Audio
from myna.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_PITCH_RANGE = (0.4, 2.5)
_FORMANT_RANGE = (0.6, 1.7)
_LARGEST_DENOMINATOR = 1000
"""Of the formant ratio as a fraction: more exact than a hundredth of a semitone needs."""

_NOISE_GRAIN = 0.006
"""Seconds between grains where no voice is."""
_SEARCH = 0.004
"""Seconds that such a grain may be shifted by to go on well."""
_MARK_SEARCH = (0.8, 1.25)
"""Where the next pulse may be, in periods."""
_PEAK_WEIGHT = 0.2
"""A pulse is where the waveform repeats itself, and, by this much, where it is highest."""


def revoice(audio: Audio, *, pitch_ratio: float = 1.0, formant_ratio: float = 1.0) -> Audio:
    """The same words in another voice.

    Args:
        audio: one person speaking, at least 8000 samples per second.
        pitch_ratio: new pitch over old; 0.4 to 2.5.
        formant_ratio: above 1 is a shorter throat; 0.6 to 1.7.

    Returns:
        As many samples at the same rate; `audio` itself if both ratios are 1.

    Raises:
        ConfigError: a ratio is out of range, or the rate is too low to find a pitch.
    """
    for name, ratio, (least, most) in (
        ("pitch_ratio", pitch_ratio, _PITCH_RANGE),
        ("formant_ratio", formant_ratio, _FORMANT_RANGE),
    ):
        if not least <= ratio <= most:
            raise ConfigError(f"{name} is {ratio}; it is from {least:g} to {most:g}.")
    if pitch_ratio == formant_ratio == 1.0 or not audio.samples.any():
        return audio
    formants = Fraction(formant_ratio).limit_denominator(_LARGEST_DENOMINATOR)
    moved = Audio(audio.samples, formants.numerator)
    if formants != 1:
        moved = resample(moved, formants.denominator, HIGH_QUALITY)
    moved = Audio(moved.samples, audio.rate)
    samples = _laid_out(moved, len(audio.samples), float(formants), pitch_ratio / float(formants))
    return Audio(samples.astype(np.float32), audio.rate)


@dataclass(frozen=True, slots=True, eq=False)
class _Pulses:
    """Of one voiced stretch."""

    start: int
    """In samples."""
    end: int
    marks: NDArray[np.int64]
    """Rising; samples."""
    periods: Doubles
    """Around each mark, in samples."""


def _laid_out(audio: Audio, count: int, stretch: float, ratio: float) -> Doubles:
    """`count` samples of `audio` `stretch` times as long, its pitch times `ratio`."""
    found = pitch(audio)
    reach = audio.rate // 20
    source = np.pad(audio.samples.astype(np.float64), reach)
    pulses = [
        _pulses(source, start, end, found, audio.rate, reach) for start, end in _voiced(found)
    ]
    out = np.zeros(count + 2 * reach)
    noise_step = round(_NOISE_GRAIN * audio.rate)
    search = round(_SEARCH * audio.rate)
    at, before, last, index = 0.0, float(noise_step), -1, 0
    while at < count:
        place = at / stretch + reach
        while index < len(pulses) and place >= pulses[index].end:
            index += 1
        here = round(at) + reach
        if index < len(pulses) and place >= pulses[index].start:
            stretch_of_voice = pulses[index]
            nearest = int(np.abs(stretch_of_voice.marks - place).argmin())
            centre = int(stretch_of_voice.marks[nearest])
            period = float(stretch_of_voice.periods[nearest])
            step = period / ratio
            # As loud as before: fewer or more grains a second carry as much power.
            _add(out, here, source, centre, (period, period), 1.0 / math.sqrt(ratio))
        else:
            centre = round(place)
            step = float(noise_step)
            if last >= 0:
                centre = _going_on(source, last + round(before), centre, noise_step, search)
            _add(out, here, source, centre, (min(before, 2.0 * step), step), 1.0)
        last, before = centre, step
        at += step
    return out[reach : reach + count]


def _add(
    out: Doubles,
    here: int,
    source: Doubles,
    centre: int,
    sides: tuple[float, float],
    gain: float,
) -> None:
    """Add the grain around `centre` of `source` to `out` around `here`, faded at both sides."""
    left, right = (max(1, round(side)) for side in sides)
    left, right = min(left, centre, here), min(right, len(source) - centre, len(out) - here)
    if left < 1 or right < 1:
        return
    window = np.concatenate(
        [
            0.5 - 0.5 * np.cos(np.pi * np.arange(left) / left),
            0.5 + 0.5 * np.cos(np.pi * np.arange(right) / right),
        ]
    )
    out[here - left : here + right] += gain * window * source[centre - left : centre + right]


def _going_on(source: Doubles, natural: int, wanted: int, step: int, search: int) -> int:
    """The place near `wanted` whose surroundings are most like those of `natural`."""
    search = min(search, wanted - step, len(source) - step - wanted)
    if search < 1 or natural < step or natural + step > len(source):
        return wanted
    template = source[natural - step : natural + step]
    window = source[wanted - step - search : wanted + step + search]
    likeness = np.correlate(window, template, mode="valid")
    energy = np.cumsum(np.concatenate(([0.0], np.square(window))))
    energy = energy[2 * step :] - energy[: -2 * step]
    return wanted - search + int((likeness / np.sqrt(energy + 1e-12)).argmax())


def _voiced(found: Pitch) -> list[tuple[int, int]]:
    """First and last frame + 1 of each voiced stretch."""
    edges = np.flatnonzero(
        np.diff(np.concatenate(([False], found.voiced, [False])).astype(np.int8))
    )
    pairs: list[tuple[int, int]] = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    return pairs


def _pulses(source: Doubles, start: int, end: int, found: Pitch, rate: int, reach: int) -> _Pulses:
    """Pulses of frames `start` to `end`; places in `source`, which is padded by `reach`."""
    frames = np.arange(start, end) * (rate / FRAMES_PER_SECOND) + reach
    lags = rate / found.hz[start:end]
    half = 0.5 * rate / FRAMES_PER_SECOND
    first, last = int(frames[0] - half), int(frames[-1] + half) + 1

    def period(at: float) -> float:
        return float(np.interp(at, frames, lags))

    # From where the voice is strongest, to both sides.
    energy = [
        float(np.square(source[int(at - lag) : int(at + lag)]).sum() / lag)
        for at, lag in zip(frames, lags, strict=True)
    ]
    middle = frames[int(np.argmax(energy))]
    around = int(period(middle))
    piece = source[int(middle) - around : int(middle) + around]
    sign = 1.0 if piece.max() > -piece.min() else -1.0
    middle_mark = (
        int(middle) - around // 2 + int((sign * piece[around // 2 : around // 2 + around]).argmax())
    )
    marks = [middle_mark]
    for direction in (-1, 1):
        at = middle_mark
        while True:
            at = _next_pulse(source, at, direction * period(at), sign)
            if not first <= at < last:
                break
            marks.append(at)
    ordered = np.sort(np.array(marks, dtype=np.int64))
    return _Pulses(first, last, ordered, np.interp(ordered, frames, lags))


def _next_pulse(source: Doubles, at: int, lag: float, sign: float) -> int:
    """The pulse about `lag` samples after (or, negative, before) the one at `at`."""
    size = abs(lag)
    half = max(2, round(0.6 * size))
    near, far = (round(side * size) for side in _MARK_SEARCH)
    centres = np.arange(at + near, at + far + 1) if lag > 0 else np.arange(at - far, at - near + 1)
    low, high = int(centres[0]) - half, int(centres[-1]) + half
    if low < 0 or high > len(source) or at < half or at + half > len(source):
        return -1
    template = source[at - half : at + half]
    window = source[low:high]
    likeness = np.correlate(window, template, mode="valid")
    energy = np.cumsum(np.concatenate(([0.0], np.square(window))))
    energy = energy[2 * half :] - energy[: -2 * half]
    score = likeness / np.sqrt((energy + 1e-12) * (np.square(template).sum() + 1e-12))
    peaks = sign * source[centres]
    top = np.abs(peaks).max()
    if top > 0:
        score = score + _PEAK_WEIGHT * peaks / top
    return int(centres[int(score.argmax())])

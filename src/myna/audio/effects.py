"""What a place and a microphone do to speech: noise, a room, a level. Made here, from no files.

Each effect keeps the number of samples and their rate, and what it draws at random comes from the
generator given. None of them clips: a result may lie outside [-1, 1].

Letters in shapes: N samples, K frequencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from myna.datatypes import Audio
from myna.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_FRAME_SECONDS = 0.02
_ACTIVE_RANGE = 25.0
"""Decibels below the loudest frame within which a frame counts as speech."""
_LOWEST_HZ = 40.0
"""Noise gets no louder below it."""

_SOUND_METRES_PER_SECOND = 343.0
_EARLY_SECONDS = 0.05
_EARLY_REFLECTIONS = 12
_HIGH_SHARE = 0.5
"""Of the reverberation time that high frequencies have: air and walls swallow them first."""
_CROSSOVER_HZ = 2000.0


def gain(audio: Audio, decibels: float) -> Audio:
    """`audio`, louder by so much."""
    return _like(audio, audio.samples * 10.0 ** (decibels / 20.0))


def level(audio: Audio) -> float:
    """Root mean square of the frames of 20 ms that hold speech; 0 for silence.

    Those are the frames within 25 dB of the loudest, so that pauses do not count.
    """
    size = min(len(audio.samples), round(_FRAME_SECONDS * audio.rate))
    if size == 0:
        return 0.0
    frames = audio.samples[: len(audio.samples) // size * size].astype(np.float64)
    power = np.square(frames.reshape(-1, size)).mean(axis=1)
    loud = power >= power.max() * 10.0 ** (-_ACTIVE_RANGE / 10.0)
    return float(np.sqrt(power[loud].mean()))


def add_noise(
    audio: Audio, snr: float, random: np.random.Generator, *, colour: float = 1.0
) -> Audio:
    """Add steady noise.

    Args:
        audio: silence stays silent.
        snr: decibels of the speech (`level`) over the noise.
        random: draws the noise.
        colour: power falls as frequency to this power: 0 is white, 1 pink, 2 brown; -2 to 3.

    Raises:
        ConfigError: `colour` is out of range.
    """
    speech = level(audio)
    if speech == 0:
        return audio
    noise = coloured_noise(len(audio.samples), audio.rate, random, colour=colour)
    return _like(audio, audio.samples + noise * (speech * 10.0 ** (-snr / 20.0)))


def coloured_noise(
    count: int, rate: int, random: np.random.Generator, *, colour: float = 1.0
) -> Doubles:
    """(N,) normally distributed noise with a root mean square of 1; `colour` as in `add_noise`.

    Raises:
        ConfigError: `colour` is out of range, or `count` is below 2.
    """
    if not -2 <= colour <= 3:
        raise ConfigError(f"colour is {colour}; it is from -2 to 3, where 0 is white and 1 pink.")
    if count < 2:
        raise ConfigError(f"There is no noise of {count} samples; at least 2 are needed.")
    hz = np.fft.rfftfreq(count, 1.0 / rate)
    shape = np.maximum(hz, _LOWEST_HZ) ** (-colour / 2.0)
    shape[0] = 0.0
    noise: Doubles = np.fft.irfft(np.fft.rfft(random.standard_normal(count)) * shape, count)
    noise /= np.sqrt(np.square(noise).mean())
    return noise


def reverberate(audio: Audio, response: Doubles) -> Audio:
    """`audio` as heard in a room, as loud as before; see `room`."""
    count = len(audio.samples)
    if not audio.samples.any():
        return audio
    size = 1 << (count + len(response) - 2).bit_length()
    spectrum = np.fft.rfft(audio.samples.astype(np.float64), size) * np.fft.rfft(response, size)
    wet = np.fft.irfft(spectrum, size)[:count]
    dry = audio.samples.astype(np.float64)
    return _like(audio, wet * np.sqrt(np.square(dry).sum() / np.square(wet).sum()))


def room(
    rate: int, rt60: float, direct_to_reverberant: float, random: np.random.Generator
) -> Doubles:
    """The response of a room that does not exist.

    The direct sound, then a few reflections from walls, ever denser and weaker, and noise that dies
    away exponentially, high frequencies faster.

    Args:
        rate: samples per second.
        rt60: seconds in which the sound below 2 kHz falls by 60 dB; 0.05 to 3.
        direct_to_reverberant: decibels of the direct sound over all that follows.
        random: draws the walls.

    Returns:
        (N,), N = rt60 * rate; the first sample, 1, is the direct sound, so speech is not delayed.

    Raises:
        ConfigError: `rt60` is out of range.
    """
    if not 0.05 <= rt60 <= 3:
        raise ConfigError(f"rt60 is {rt60} s; rooms have 0.05 to 3 s.")
    count = max(2, round(rt60 * rate))
    seconds = np.arange(count) / rate
    # A reflection every few metres: the larger the room, the longer it sounds and the later.
    nearest = (1.0 + 2.0 * min(1.0, rt60)) / _SOUND_METRES_PER_SECOND
    tail = _tail(count, rate, rt60, random)
    tail *= np.clip((seconds - nearest) / _EARLY_SECONDS, 0.0, 1.0)
    early = np.zeros(count)
    places = nearest + _EARLY_SECONDS * np.sort(random.random(_EARLY_REFLECTIONS)) ** 0.7
    for place in places[places * rate < count - 1]:
        sign = random.choice((-1.0, 1.0))
        early[round(place * rate)] += sign * nearest / place * 10.0 ** (-3.0 * place / rt60)
    # As strong as the tail would be where they are instead of it.
    before = np.square(tail[seconds < nearest + _EARLY_SECONDS]).sum()
    if early.any() and before > 0:
        early *= np.sqrt(before / np.square(early).sum())
    response = tail + early
    response[0] = 0.0
    response *= 10.0 ** (-direct_to_reverberant / 20.0) / np.sqrt(np.square(response).sum())
    response[0] = 1.0
    return response


def _tail(count: int, rate: int, rt60: float, random: np.random.Generator) -> Doubles:
    """(N,) noise that falls by 60 dB in `rt60` seconds below the crossover, faster above."""
    noise = np.fft.rfft(random.standard_normal(count))
    low = 1.0 / (1.0 + (np.fft.rfftfreq(count, 1.0 / rate) / _CROSSOVER_HZ) ** 4)
    seconds = np.arange(count) / rate
    parts = (
        np.fft.irfft(noise * share, count) * 10.0 ** (-3.0 * seconds / time)
        for share, time in ((low, rt60), (1.0 - low, _HIGH_SHARE * rt60))
    )
    tail: Doubles = sum(parts, np.zeros(count))
    return tail


def _like(audio: Audio, samples: NDArray[np.floating]) -> Audio:
    return Audio(samples.astype(np.float32), audio.rate)

"""Noise, rooms and levels: what is asked for is what is measured."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.effects import add_noise, coloured_noise, gain, level, reverberate, room
from myna.datatypes import Audio
from myna.errors import ConfigError

RATE = 16_000


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bursts(seconds: float = 2.0) -> Audio:
    """Half tone, half silence."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (time % 0.5 < 0.25)
    return Audio(tone.astype(np.float32), RATE)


def decibels(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


def test_gain_is_in_decibels():
    audio = bursts()
    assert decibels(level(gain(audio, 6.0)) / level(audio)) == pytest.approx(6.0, abs=1e-3)


def test_level_is_that_of_the_speech_without_its_pauses():
    assert level(bursts()) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert level(Audio(np.zeros(100, np.float32), RATE)) == 0
    assert level(Audio(np.zeros(0, np.float32), RATE)) == 0
    assert level(Audio(np.full(5, 0.5, np.float32), RATE)) == pytest.approx(0.5)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_noise_is_as_far_below_the_speech_as_asked(snr, colour):
    audio = bursts()
    noisy = add_noise(audio, snr, random(), colour=colour)
    noise = noisy.samples.astype(np.float64) - audio.samples
    found = decibels(level(audio) / np.sqrt(np.square(noise).mean()))
    assert found == pytest.approx(snr, abs=0.1)
    assert len(noisy.samples) == len(audio.samples)
    assert noisy.rate == audio.rate


@pytest.mark.parametrize("colour", [-1.0, 0.0, 1.0, 2.0])
def test_the_colour_is_the_slope_of_its_power(colour):
    noise = coloured_noise(1 << 17, RATE, random(), colour=colour)
    power = np.square(np.abs(np.fft.rfft(noise)))
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [(100.0 * 2**n, 200.0 * 2**n) for n in range(5)]
    bands = [np.log2(power[(hz >= low) & (hz < high)].mean()) for low, high in octaves]
    assert np.polyfit(range(5), bands, 1)[0] == pytest.approx(-colour, abs=0.15)
    assert np.sqrt(np.square(noise).mean()) == pytest.approx(1.0)


@pytest.mark.parametrize("rt60", [0.15, 0.4, 1.0])
def test_a_room_dies_away_in_the_time_asked_for(rt60):
    found = []
    for seed in range(8):
        response = room(RATE, rt60, 0.0, random(seed))
        tail = np.concatenate([[0.0], response[1:], np.zeros(RATE)])
        hz = np.fft.rfftfreq(len(tail), 1 / RATE)
        low = np.fft.irfft(np.fft.rfft(tail) / (1 + (hz / 500) ** 2), len(tail))
        # Schroeder: what is still to come, backwards from the end.
        left = 10 * np.log10(np.cumsum(np.square(low)[::-1])[::-1] / np.square(low).sum())
        start, end = np.argmax(left < -8), np.argmax(left < -28)
        found.append(60 / 20 * (end - start) / RATE)
    assert np.mean(found) == pytest.approx(rt60, rel=0.2)


@pytest.mark.parametrize("ratio", [-3.0, 0.0, 12.0])
def test_direct_sound_comes_first_and_stands_out_as_asked(ratio):
    response = room(RATE, 0.5, ratio, random())
    assert response[0] == 1
    assert len(response) == RATE // 2
    found = decibels(1 / np.sqrt(np.square(response[1:]).sum()))
    assert found == pytest.approx(ratio, abs=1e-6)
    assert not response[1:30].any()  # the next wall is more than half a metre away


def test_rooms_differ_and_repeat():
    assert np.array_equal(room(RATE, 0.3, 3.0, random(1)), room(RATE, 0.3, 3.0, random(1)))
    assert not np.array_equal(room(RATE, 0.3, 3.0, random(1)), room(RATE, 0.3, 3.0, random(2)))


def test_reverberation_fills_pauses_and_keeps_time_and_level():
    audio = bursts()
    wet = reverberate(audio, room(RATE, 0.6, 0.0, random()))
    assert len(wet.samples) == len(audio.samples)
    rms = np.sqrt(np.square(wet.samples).mean()) / np.sqrt(np.square(audio.samples).mean())
    assert rms == pytest.approx(1.0, rel=1e-3)
    pause = slice(round(0.3 * RATE), round(0.48 * RATE))
    assert not audio.samples[pause].any()
    assert np.sqrt(np.square(wet.samples[pause]).mean()) > 0.01
    lag = np.correlate(wet.samples, audio.samples[:4000], "valid")[:200].argmax()
    assert lag % 73 in {0, 1, 72}  # periods of 220 Hz
    assert reverberate(audio, np.array([1.0, 0.0])).samples == pytest.approx(audio.samples)


def test_silence_stays_silent():
    silence = Audio(np.zeros(1000, np.float32), RATE)
    assert not add_noise(silence, 0.0, random()).samples.any()
    assert not reverberate(silence, room(RATE, 0.3, 0.0, random())).samples.any()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: add_noise(bursts(), 10.0, random(), colour=9.0),
        lambda: coloured_noise(1, RATE, random()),
        lambda: room(RATE, 0.0, 0.0, random()),
        lambda: room(RATE, 9.0, 0.0, random()),
    ],
)
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError):
        wrong()

"""Resampling: what passes, what does not, and that nothing moves."""

from __future__ import annotations

import time

import numpy as np
import pytest

from myna.audio.resample import HANN_SINC, HIGH_QUALITY, Lowpass, resample
from myna.datatypes import Audio
from myna.errors import ConfigError


def tone(hertz: float, seconds: float, rate: int) -> Audio:
    moment = np.arange(round(seconds * rate)) / rate
    return Audio(np.sin(2 * np.pi * hertz * moment).astype(np.float32), rate)


def level(hertz: float, source: int, target: int, lowpass: Lowpass) -> float:
    """Decibels at which a tone arrives, ends left out."""
    heard = resample(tone(hertz, 0.4, source), target, lowpass).samples[
        target // 10 : -target // 10
    ]
    return float(10 * np.log10(2 * np.square(heard, dtype=np.float64).mean() + 1e-20))


RATES = [(32_000, 16_000), (24_000, 16_000), (44_100, 16_000), (48_000, 32_000), (44_100, 32_000)]
RATES += [(16_000, 48_000), (22_050, 32_000), (8_000, 16_000), (11_025, 44_100), (16_001, 16_000)]


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("lowpass", [HANN_SINC, HIGH_QUALITY], ids=["hann", "high"])
def test_a_tone_stays_the_same_tone(source: int, target: int, lowpass: Lowpass) -> None:
    ours = resample(tone(440.0, 0.3, source), target, lowpass)
    expected = tone(440.0, 0.4, target).samples[: len(ours.samples)]
    assert ours.rate == target
    assert len(ours.samples) == -(-round(0.3 * source) * target // source)
    inner = slice(target // 20, len(expected) - target // 20)
    limit = 1e-5 if lowpass is HIGH_QUALITY else 2e-3
    np.testing.assert_allclose(ours.samples[inner], expected[inner], atol=limit)


def test_high_quality_keeps_its_promise() -> None:
    assert abs(level(7200.0, 48_000, 16_000, HIGH_QUALITY)) < 1e-3
    assert level(7600.0, 48_000, 16_000, HIGH_QUALITY) == pytest.approx(-3.0, abs=0.1)
    for hertz in (8001.0, 8500.0, 12_000.0, 20_000.0):
        assert level(hertz, 48_000, 16_000, HIGH_QUALITY) < -120.0


def test_no_images_when_going_up() -> None:
    heard = resample(tone(1000.0, 1.0, 16_000), 48_000, HIGH_QUALITY).samples[9600:38_400]
    window = np.hanning(len(heard))
    spectrum = np.abs(np.fft.rfft(heard * window))
    assert spectrum[9000:].max() < 1e-6 * spectrum.max()  # above 15 kHz


def test_the_same_rate_is_the_same_object() -> None:
    audio = tone(100.0, 0.1, 16_000)
    assert resample(audio, 16_000, HIGH_QUALITY) is audio


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 127, 128, 129, 4097])
def test_any_length_and_the_same_in_pieces(samples: int) -> None:
    noise = np.random.default_rng(1).normal(size=samples).astype(np.float32)
    ours = resample(Audio(noise, 44_100), 16_000, HANN_SINC).samples
    assert len(ours) == -(-samples * 160 // 441)
    longer = np.concatenate((noise, np.zeros(44_100, dtype=np.float32)))
    padded = resample(Audio(longer, 44_100), 16_000, HANN_SINC).samples
    np.testing.assert_allclose(ours, padded[: len(ours)], atol=1e-6)


def test_matches_the_plain_sum() -> None:
    noise = np.random.default_rng(2).normal(size=300).astype(np.float32)
    ours = resample(Audio(noise, 441), 160, HIGH_QUALITY).samples
    at = np.arange(len(ours))[:, None] * 441 / 160 - np.arange(300)
    crossing = at * HIGH_QUALITY.cutoff * 160 / 441
    inside = np.clip(crossing / HIGH_QUALITY.crossings, -1, 1)
    weights = np.sinc(crossing) * HIGH_QUALITY.window(inside) * HIGH_QUALITY.cutoff * 160 / 441
    weights[np.abs(crossing) >= HIGH_QUALITY.crossings] = 0.0
    np.testing.assert_allclose(ours, weights @ noise, atol=1e-6)


def test_ten_seconds_are_quick() -> None:
    audio = tone(440.0, 10.0, 44_100)
    resample(audio, 16_000, HIGH_QUALITY)
    start = time.process_time()
    resample(audio, 16_000, HIGH_QUALITY)
    assert time.process_time() - start < 0.4  # 0.01 s on a quiet core


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="rate is 0"):
        resample(tone(100.0, 0.1, 16_000), 0, HANN_SINC)

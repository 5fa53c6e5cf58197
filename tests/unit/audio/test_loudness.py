"""Loudness, and gains between sentences."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio import loudness as module
from myna.audio.loudness import MOST_CHANGE, loudness, match


def tone(amplitude: float, seconds: float = 2.0, rate: int = 48_000, hertz: float = 997.0):
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_filters_are_those_of_the_recommendation() -> None:
    numerator, denominator = module._shelf(48_000)
    np.testing.assert_allclose(numerator, [1.53512485958697, -2.69169618940638, 1.19839281085285])
    np.testing.assert_allclose(denominator, [1.0, -1.69065929318241, 0.73248077421585])
    _, denominator = module._highpass(48_000)
    np.testing.assert_allclose(denominator, [1.0, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("rate", [16_000, 24_000, 32_000, 48_000])
def test_a_full_scale_sine_reads_minus_three(rate: int) -> None:
    assert loudness(tone(1.0, rate=rate), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(tone(0.1, rate=rate), rate) == pytest.approx(-23.01, abs=0.05)


def test_the_filter_by_spectrum_is_the_filter_by_recursion() -> None:
    samples = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    expected = samples.astype(np.float64)
    for numerator, denominator in (module._shelf(48_000), module._highpass(48_000)):
        out = np.zeros(len(expected) + 2)
        source = np.concatenate(([0.0, 0.0], expected))
        for n in range(2, len(out)):
            forward = numerator @ source[n - 2 : n + 1][::-1]
            out[n] = forward - denominator[1] * out[n - 1] - denominator[2] * out[n - 2]
        expected = out[2:]
    np.testing.assert_allclose(module._k_weighted(samples, 48_000), expected, atol=1e-9)


def test_pauses_do_not_count() -> None:
    gap = np.zeros(96_000, dtype=np.float32)
    speech = tone(0.3, 3.0)
    with_gap = np.concatenate((speech, gap, speech))
    assert loudness(with_gap, 48_000) == pytest.approx(loudness(speech, 48_000), abs=0.5)


@pytest.mark.parametrize("samples", [0, 1, 100, 48_000])
def test_silence_of_any_length(samples: int) -> None:
    silent = np.zeros(samples, dtype=np.float32)
    assert loudness(silent, 48_000) == -np.inf
    assert match([silent], 48_000) == (1.0,)


def test_sentences_come_to_one_loudness() -> None:
    sentences = [tone(amplitude) for amplitude in (0.2, 0.25, 0.3)]
    levels = [
        loudness(samples * np.float32(gain), 48_000)
        for samples, gain in zip(sentences, match(sentences, 48_000), strict=True)
    ]
    np.testing.assert_allclose(levels, levels[1], atol=0.01)


def test_change_is_bounded_and_never_clips() -> None:
    sentences = [tone(0.01), tone(0.25), tone(0.9), np.zeros(48_000, dtype=np.float32)]
    gains = match(sentences, 48_000)
    factor = 10 ** (MOST_CHANGE / 20)
    np.testing.assert_allclose(gains, [factor, 1.0, 1 / factor, 1.0], rtol=1e-6)
    gains = match(sentences, 48_000, target=0.0)
    assert max(np.abs(s * g).max() for s, g in zip(sentences, gains, strict=True)) <= 1.0 + 1e-6
    assert match([], 48_000) == ()


def test_a_stream_gives_its_target() -> None:
    first, later = tone(0.2), tone(0.3)
    (gain,) = match([later], 48_000, target=loudness(first, 48_000))
    assert gain == pytest.approx(2 / 3, rel=1e-3)

"""Denoising: noise goes, speech stays."""

from __future__ import annotations

import numpy as np
import pytest

import faults
from myna.audio import denoise as module
from myna.audio.denoise import denoise
from myna.audio.quality import measure
from myna.datatypes import Audio
from myna.errors import ConfigError

POOR = faults.poor_recordings()


def ratio(clean: Audio, audio: Audio) -> float:
    """Of the clean signal to what differs from it, in decibels."""
    wrong = audio.samples.astype(np.float64) - clean.samples
    return float(10 * np.log10(np.square(clean.samples, dtype=np.float64).sum() / (wrong**2).sum()))


def by_segments(clean: Audio, audio: Audio) -> float:
    """The mean of `ratio` over 30 ms each, where something is heard."""
    size = round(0.03 * clean.rate)
    count = len(clean.samples) // size * size
    signal = clean.samples[:count].reshape(-1, size).astype(np.float64)
    wrong = audio.samples[:count].reshape(-1, size) - signal
    power = (signal**2).mean(axis=1)
    heard = power > power.max() * 1e-3
    ratios = 10 * np.log10(power[heard] / ((wrong[heard] ** 2).mean(axis=1) + 1e-20))
    return float(np.clip(ratios, -10, 35).mean())


@pytest.mark.parametrize("rate", faults.RATES)
def test_clean_speech_stays(rate: int) -> None:
    clean = faults.speech(3, rate=rate)
    quiet = denoise(clean)
    assert quiet.rate == rate
    assert len(quiet.samples) == len(clean.samples)
    assert quiet.samples.dtype == np.float32
    assert ratio(clean, quiet) > 30.0


@pytest.mark.parametrize("decibels", [20.0, 10.0, 0.0])
def test_noise_goes(decibels: float) -> None:
    clean = faults.speech(3)
    noisy = faults.noisy(clean, decibels)
    quiet = denoise(noisy)
    assert by_segments(clean, quiet) > by_segments(clean, noisy) + 3.0
    assert ratio(clean, quiet) > ratio(clean, noisy) + 3.0
    assert measure(quiet).snr_db > measure(noisy).snr_db + 10.0


def test_noise_that_changes_slowly_goes() -> None:
    clean = faults.speech(16)
    slope = np.linspace(0.2, 2.0, len(clean.samples))
    noise = (faults.noisy(clean, 15.0).samples - clean.samples) * slope
    noisy = Audio((clean.samples + noise).astype(np.float32), clean.rate)
    quiet = denoise(noisy)
    for part in (slice(0, 10 * clean.rate), slice(-10 * clean.rate, None)):
        before, after, true = (
            Audio(each.samples[part], clean.rate) for each in (noisy, quiet, clean)
        )
        assert ratio(true, after) > ratio(true, before) + 3.0


def test_strength_is_in_proportion() -> None:
    noisy = faults.noisy(faults.speech(3), 15.0)
    assert denoise(noisy, 0.0) is noisy
    levels = [
        10 * np.log10(np.square(denoise(noisy, strength).samples[:8000]).mean())
        for strength in (0.0, 0.5, 1.0)
    ]
    assert levels[0] - levels[1] == pytest.approx(10.0, abs=1.5)
    assert levels[0] - levels[2] == pytest.approx(20.0, abs=2.0)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="strength"):
            denoise(noisy, strength)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = faults.noisy(faults.speech(3), 15.0)
    whole = denoise(noisy).samples
    monkeypatch.setattr(module, "_BLOCK_FRAMES", 7)
    np.testing.assert_array_equal(denoise(noisy).samples, whole)


@pytest.mark.parametrize("name", POOR)
def test_poor_recordings_survive(name: str) -> None:
    audio = POOR[name]
    quiet = denoise(audio)
    assert quiet.samples.shape == audio.samples.shape
    assert np.isfinite(quiet.samples).all()
    if len(audio.samples):
        assert np.abs(quiet.samples).max() <= np.abs(audio.samples).max() * 1.5 + 1e-6


@pytest.mark.parametrize(
    ("x", "value"), [(0.01, 4.0379296), (0.5, 0.5597736), (1.0, 0.2193839), (5.0, 0.0011483)]
)
def test_the_exponential_integral(x: float, value: float) -> None:
    assert module._exponential_integral(np.array([x]))[0] == pytest.approx(value, abs=2e-4)

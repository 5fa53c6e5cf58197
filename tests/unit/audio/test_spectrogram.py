"""Spectrograms: frames, energy, filters and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.filterbank import fbank
from myna.audio.spectrogram import log_mel, mel_filters, spectrogram
from myna.datatypes import Audio
from myna.errors import AudioError
from myna.specs import SpectrogramSpec

SPEC = SpectrogramSpec(rate=32_000, window=2048, hop=640)


def tone(hertz: float, seconds: float, rate: int) -> Audio:
    time = np.arange(round(seconds * rate)) / rate
    return Audio(np.sin(2 * np.pi * hertz * time).astype(np.float32), rate)


@pytest.mark.parametrize("samples", [705, 1279, 1280, 32_000, 32_001])
def test_every_hop_makes_a_frame(samples: int) -> None:
    audio = Audio(np.ones(samples, dtype=np.float32), 32_000)
    assert spectrogram(audio, SPEC).shape == (1025, samples // 640)


def test_a_tone_stands_in_its_bin() -> None:
    magnitudes = spectrogram(tone(1000.0, 0.5, 32_000), SPEC)
    middle = magnitudes[:, 12]
    assert middle.argmax() == 64
    assert middle.max() == pytest.approx(512.0, rel=1e-4)  # amplitude 1, times half the window
    assert middle[100:].max() < 0.01


def test_silence_is_the_floor() -> None:
    silent = Audio(np.zeros(3200, dtype=np.float32), 32_000)
    np.testing.assert_allclose(spectrogram(silent, SPEC), 1e-4, rtol=1e-6)
    np.testing.assert_allclose(log_mel(silent, SPEC, 128), np.log(1e-5), rtol=1e-6)


def test_mel_filters_have_equal_areas() -> None:
    filters = mel_filters(SPEC, 100)
    bin_hertz = 32_000 / 2048
    areas = filters.sum(axis=1) * bin_hertz
    np.testing.assert_allclose(areas[40:], 1.0, rtol=0.01)  # the narrow ones miss their tips
    assert (filters >= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        filters[0, 0] = 1.0


def test_wrong_audio_is_refused() -> None:
    with pytest.raises(AudioError, match="resample"):
        spectrogram(tone(100.0, 1.0, 16_000), SPEC)
    with pytest.raises(AudioError, match="at least 705"):
        spectrogram(Audio(np.zeros(704, dtype=np.float32), 32_000), SPEC)
    with pytest.raises(AudioError, match="resample"):
        fbank(tone(100.0, 1.0, 32_000))
    with pytest.raises(AudioError, match="25 ms"):
        fbank(Audio(np.zeros(399, dtype=np.float32), 16_000))


def test_filter_bank_ignores_a_constant_and_follows_a_tone() -> None:
    audio = tone(1000.0, 0.5, 16_000)
    moved = Audio(audio.samples * np.float32(0.5) + np.float32(0.5), 16_000)
    bands = fbank(audio)
    assert bands.shape == (48, 80)
    assert bands.dtype == np.float32
    loud = bands > bands.max() - 10.0  # far from the tone, rounding of the samples shows
    difference = (bands - fbank(moved))[loud]
    np.testing.assert_allclose(difference, 2 * np.log(2), atol=1e-3)
    assert set(bands.argmax(axis=1)) == {27}  # 1127 log(1 + 1000 / 700) on the way to 8 kHz

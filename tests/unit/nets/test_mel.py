"""Spectrograms on tensors are those on arrays, and have gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import toy
from myna.audio.spectrogram import log_mel as log_mel_of_audio
from myna.audio.spectrogram import spectrogram as spectrogram_of_audio
from myna.nets.mel import log_mel, margin, spectrogram
from myna.specs import SpectrogramSpec

SPECS = [
    SpectrogramSpec(rate=32_000, window=2048, hop=640),
    SpectrogramSpec(rate=24_000, window=1024, hop=256),
]


@pytest.mark.parametrize("spec", SPECS)
def test_values_are_those_of_audio(spec: SpectrogramSpec) -> None:
    clips = [toy.clip(1.0, rate=spec.rate, seed=seed) for seed in range(2)]
    waves = torch.from_numpy(np.stack([clip.samples for clip in clips])).double()
    magnitudes = spectrogram(waves, spec)
    mels = log_mel(magnitudes, spec, 80)
    for row, clip in enumerate(clips):
        expected = spectrogram_of_audio(clip, spec)
        np.testing.assert_allclose(magnitudes[row], expected, atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(mels[row], log_mel_of_audio(clip, spec, 80), atol=2e-6)


def test_margins_may_be_given() -> None:
    spec = SPECS[0]
    wave = torch.from_numpy(toy.clip(0.5, rate=spec.rate).samples)[None]
    whole = np.pad(wave.numpy(), ((0, 0), (margin(spec),) * 2), mode="reflect")
    given = spectrogram(torch.from_numpy(whole), spec, reflected=True)
    assert torch.equal(given, spectrogram(wave, spec))


def test_products_stay_in_single_precision() -> None:
    spec = SPECS[0]
    wave = torch.from_numpy(toy.clip(0.5, rate=spec.rate).samples)[None]
    expected = log_mel(spectrogram(wave, spec), spec, 128)
    with torch.autocast("cpu", torch.bfloat16):
        found = log_mel(spectrogram(wave, spec), spec, 128)
    assert torch.equal(found, expected)
    assert spectrogram(wave.bfloat16(), spec).dtype == torch.float32


def test_gradients_flow_even_after_inference_mode() -> None:
    spec = SpectrogramSpec(rate=16_000, window=512, hop=128)
    with torch.inference_mode():
        log_mel(spectrogram(torch.ones(1, 1024), spec), spec, 20)
    wave = torch.randn(1, 1024, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wave.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: log_mel(spectrogram(x, spec), spec, 20), (wave,))

"""Spectrograms, resampling, the filter bank and overlap-add, against the recorded numbers."""

from __future__ import annotations

import kit
import numpy as np
import pytest

from myna.audio.filterbank import band_filters, fbank
from myna.audio.joining import sola
from myna.audio.preparation import training_content_input, training_pcm
from myna.audio.resample import HANN_SINC, HIGH_QUALITY, resample
from myna.audio.spectrogram import log_mel, mel_filters, spectrogram
from myna.datatypes import Audio
from myna.specs import SpectrogramSpec

pytestmark = kit.needs_kit()

LINEAR = SpectrogramSpec(rate=32_000, window=2048, hop=640)
V3 = SpectrogramSpec(rate=24_000, window=1024, hop=256)
V4 = SpectrogramSpec(rate=32_000, window=1280, hop=320)


def audio(name: str) -> Audio:
    return Audio(kit.signal(name), int(name.split("_")[1][:-1]) * 1000)


@pytest.mark.parametrize(("point", "samples"), [("32k_2048_640", 32_000), ("odd_20011", 20_011)])
def test_spectrogram(point: str, samples: int) -> None:
    recorded = kit.golden("spectrogram")[f"spec_{point}"][0]
    ours = spectrogram(Audio(audio("a_32k").samples[:samples], 32_000), LINEAR)
    assert ours.dtype == np.float32
    kit.close("spectrogram", point, ours, recorded, kit.NETWORK)


MELS = [
    ("mel_train_32k_128", "fb_train", "a_32k", LINEAR, 128),
    ("mel_v3_24k", "fb_v3", "a_24k", V3, 100),
    ("mel_v4_32k", "fb_v4", "a_32k", V4, 100),
]


@pytest.mark.parametrize(("point", "filters", "signal", "spec", "bands"), MELS)
def test_log_mel(point: str, filters: str, signal: str, spec: SpectrogramSpec, bands: int) -> None:
    golden = kit.golden("spectrogram")
    kit.close("spectrogram", filters, mel_filters(spec, bands), golden[filters], kit.NETWORK)
    ours = log_mel(audio(signal), spec, bands)
    kit.close("spectrogram", point, ours, golden[point][0], kit.NETWORK)


def test_filter_bank() -> None:
    golden = kit.golden("eres2netv2")
    kit.close("filterbank", "mel_banks", band_filters(), golden["mel_banks"], kit.NETWORK)
    kit.close("filterbank", "fbank", fbank(audio("a_16k")), golden["fbank"][0], kit.NETWORK)
    every_second = Audio(audio("b_32k").samples[::2], 16_000)
    kit.close("filterbank", "fbank2", fbank(every_second), golden["fbank2"][0], kit.NETWORK)


@pytest.mark.parametrize(("source", "target"), [(32, 16), (32, 24), (24, 32)])
def test_short_soft_resampling(source: int, target: int) -> None:
    recorded = kit.golden("audio_io")[f"hann_sinc_{source}k_to_{target}k"]
    ours = resample(audio(f"a_{source}k"), target * 1000, HANN_SINC)
    kit.close("resample_hann_sinc", f"{source}k to {target}k", ours.samples, recorded, kit.NETWORK)


@pytest.mark.parametrize("source", [32, 24])
def test_resampling_for_content_features(source: int) -> None:
    recorded = kit.golden("audio_io")[f"soxr_hq_{source}k_to_16k"]
    ours = resample(audio(f"a_{source}k"), 16_000, HIGH_QUALITY)
    kit.close("resample_high_quality", f"{source}k", ours.samples, recorded, kit.NETWORK)


def test_training_data_preparation() -> None:
    golden = kit.golden("audio_io")
    clip = audio("a_32k")
    np.testing.assert_array_equal(training_pcm(clip), golden["prep_wav32k_int16"])
    ours = training_content_input(clip).samples
    kit.close("preparation", "content", ours, golden["prep_wav16k_for_hubert"], kit.NETWORK)


def test_overlap_add() -> None:
    golden = kit.golden("pipeline_v2")
    pieces = np.split(golden["sola_in"], np.cumsum(golden["sola_in_lengths"])[:-1])
    ours = sola(pieces, overlap=1200, search=320)
    kit.close("sola", "overlap 1200", ours, golden["sola_out_overlap1200"], kit.NETWORK)

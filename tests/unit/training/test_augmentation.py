"""Augmentation: off by default, as drawn by each row for itself."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from myna.datatypes import Audio
from myna.errors import ConfigError
from myna.training.augmentation import (
    AugmentationSettings,
    GainSettings,
    NoiseSettings,
    RoomSettings,
    VoiceSettings,
    augment,
)
from myna.training.task import Draws

RATE = 16_000
EVERYTHING = AugmentationSettings(
    voice=VoiceSettings(probability=1.0),
    room=RoomSettings(probability=1.0),
    noise=NoiseSettings(probability=1.0),
    gain=GainSettings(probability=1.0),
)


def clip() -> Audio:
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * n * time) / n for n in range(1, 20))
    return Audio((0.2 * buzz * (time % 0.5 < 0.4)).astype(np.float32), RATE)


def draws(*keys: str, step: int = 3) -> Draws:
    return Draws(seed=1, step=step, keys=keys)


class TestAugment:
    def test_is_off_by_default(self):
        audio = clip()
        assert augment(audio, np.random.default_rng(0), AugmentationSettings()) is audio

    def test_length_and_rate_stay_and_nothing_clips(self):
        loud = Audio(clip().samples * 3, RATE)
        for seed in range(6):
            after = augment(loud, np.random.default_rng(seed), EVERYTHING)
            assert (len(after.samples), after.rate) == (RATE, RATE)
            assert np.abs(after.samples).max() <= 0.991
            assert np.isfinite(after.samples).all()

    def test_the_same_draws_give_the_same_and_others_another(self):
        first, again = (augment(clip(), draws("a").numpy(0, "x"), EVERYTHING) for _ in range(2))
        assert np.array_equal(first.samples, again.samples)
        other = augment(clip(), draws("b").numpy(0, "x"), EVERYTHING)
        assert not np.array_equal(first.samples, other.samples)

    @pytest.mark.parametrize("name", [field.name for field in fields(AugmentationSettings)])
    def test_each_effect_works_alone(self, name):
        alone = replace(AugmentationSettings(), **{name: getattr(EVERYTHING, name)})
        after = augment(clip(), np.random.default_rng(0), alone)
        assert np.abs(after.samples - clip().samples).max() > 0.01

    def test_one_effect_moves_no_draw_of_another(self):
        noise = AugmentationSettings(noise=NoiseSettings(probability=1.0, snr=(10.0, 10.0)))
        both = replace(noise, gain=GainSettings(probability=1.0, decibels=(-6.0, -6.0)))
        quiet = augment(clip(), np.random.default_rng(5), both).samples
        loud = augment(clip(), np.random.default_rng(5), noise).samples
        assert quiet == pytest.approx(loud * 10 ** (-6 / 20), abs=1e-4)

    def test_happens_as_often_as_asked(self):
        settings = AugmentationSettings(gain=GainSettings(probability=0.3))
        audio = clip()
        hits = sum(
            augment(audio, np.random.default_rng(seed), settings) is not audio
            for seed in range(500)
        )
        assert 110 < hits < 190


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (NoiseSettings, {"probability": 1.5}),
        (NoiseSettings, {"snr": (30.0, 10.0)}),
        (RoomSettings, {"rt60": (0.0, 0.5)}),
        (GainSettings, {"decibels": (-90.0, 0.0)}),
        (VoiceSettings, {"pitch": (0.1, 1.0)}),
        (VoiceSettings, {"formants": (1.0, 3.0)}),
    ],
)
def test_settings_are_checked(kind, wrong):
    with pytest.raises(ConfigError):
        kind(**wrong)

"""Augmentation: off by default, as drawn by each row for itself, holes where they may be."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from dataclasses import fields, replace

import numpy as np

from myna.datatypes import Audio
from myna.errors import ConfigError
from myna.training.augmentation import (
    AugmentationSettings,
    GainSettings,
    MaskSettings,
    NoiseSettings,
    RoomSettings,
    VoiceSettings,
    augment,
    mask,
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
        x = torch.randn(1, 4, 9)
        assert mask(x, torch.tensor([9]), draws("a"), MaskSettings()) is x

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


HOLES = MaskSettings(probability=1.0, longest_frames=8, longest_share=0.5, widest_share=0.3)


class TestMask:
    def test_holes_hold_the_mean_and_all_else_stays(self):
        x = torch.randn(6, 20, 40)
        lengths = torch.tensor([40, 35, 30, 20, 8, 2])
        y = mask(x, lengths, draws(*"abcdef"), HOLES)
        for row, length in enumerate(lengths.tolist()):
            assert torch.equal(y[row, :, length:], x[row, :, length:])
            changed = y[row] != x[row]
            mean = x[row, :, :length].mean()
            torch.testing.assert_close(y[row][changed], mean.expand(int(changed.sum())))
        assert (y != x).any()

    def test_holes_are_no_larger_than_asked(self):
        lengths = torch.tensor([40] * 50)
        x = torch.randn(50, 20, 40)
        keys = [f"k{n}" for n in range(50)]
        time = mask(x, lengths, draws(*keys), replace(HOLES, frequency_masks=0)) != x
        assert bool((time.all(1) == time.any(1)).all())
        frames = time.any(1).sum(1)
        assert 8 < int(frames.max()) <= 16
        assert int(frames.min()) < 5
        frequency = mask(x, lengths, draws(*keys), replace(HOLES, time_masks=0)) != x
        assert bool((frequency.all(2) == frequency.any(2)).all())
        assert 6 < int(frequency.any(2).sum(1).max()) <= 12
        # Anywhere, to the very edges.
        assert bool(time.any(1).any(0).all())
        assert bool(frequency.any(2).any(0).all())

    def test_a_row_is_masked_alike_among_others_and_with_more_padding(self):
        x = torch.randn(2, 20, 40)
        lengths = torch.tensor([30, 20])
        both = mask(x, lengths, draws("a", "b"), HOLES)
        alone = mask(x[1:, :, :20], lengths[1:], draws("b"), HOLES)
        torch.testing.assert_close(both[1:, :, :20], alone)
        assert not torch.equal(mask(x, lengths, draws("a", "b", step=4), HOLES), both)
        assert not torch.equal(mask(x, lengths, draws("a", "b"), HOLES, "again"), both)

    def test_gradients_pass_beside_the_holes(self):
        x = torch.randn(1, 20, 40, requires_grad=True)
        y = mask(x, torch.tensor([40]), draws("a"), HOLES)
        y.sum().backward()
        assert bool((x.grad >= 0.99)[(y == x)].all())

    def test_padding_may_hold_anything(self):
        x = torch.randn(1, 20, 40)
        x[:, :, 30:] = torch.nan
        y = mask(x, torch.tensor([30]), draws("a"), HOLES)
        assert bool(y[:, :, :30].isfinite().all())


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (NoiseSettings, {"probability": 1.5}),
        (NoiseSettings, {"snr": (30.0, 10.0)}),
        (RoomSettings, {"rt60": (0.0, 0.5)}),
        (GainSettings, {"decibels": (-90.0, 0.0)}),
        (VoiceSettings, {"pitch": (0.1, 1.0)}),
        (VoiceSettings, {"formants": (1.0, 3.0)}),
        (MaskSettings, {"probability": -0.1}),
        (MaskSettings, {"time_masks": -1}),
        (MaskSettings, {"widest_share": 1.5}),
    ],
)
def test_settings_are_checked(kind, wrong):
    with pytest.raises(ConfigError):
        kind(**wrong)

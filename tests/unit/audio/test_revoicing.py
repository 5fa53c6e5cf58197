"""Pitch is followed, and moved as asked; formants apart from it; words and time stay."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from myna.audio.pitch import pitch
from myna.audio.revoicing import revoice
from myna.datatypes import Audio
from myna.errors import ConfigError

RATE = 16_000
FORMANTS = (600.0, 1300.0, 2600.0, 3600.0)


@cache
def voice(hz: float = 120.0, seconds: float = 1.2, glide: float = 0.2) -> tuple[Audio, np.ndarray]:
    """A buzz through a throat, between two breaths of noise; and the pitch at every sample."""
    count = round(seconds * RATE)
    course = hz * (1 + glide * np.sin(2 * np.pi * np.arange(count) / count))
    phase = 2 * np.pi * np.cumsum(course / RATE)
    spoken = np.zeros(count)
    for harmonic in range(1, int(7500 / course.min())):
        heights = sum(1 / (1 + ((harmonic * course - at) / 60) ** 2) for at in FORMANTS)
        inside = harmonic * course < 7500
        heights = (heights + 0.02) / np.sqrt(harmonic)  # as a throat is driven
        spoken += np.where(inside, heights, 0) * np.cos(harmonic * phase)
    spoken += 0.05 * np.random.default_rng(0).standard_normal(count)
    breath = np.random.default_rng(1).standard_normal(RATE // 4) * 0.02
    spoken = spoken / np.abs(spoken).max() * 0.5
    samples = np.concatenate([breath, spoken, breath])
    course = np.concatenate([np.zeros(len(breath)), course, np.zeros(len(breath))])
    return Audio(samples.astype(np.float32), RATE), course


def course_of(audio: Audio) -> np.ndarray:
    return pitch(audio).hz


def at_frames(course: np.ndarray, count: int) -> np.ndarray:
    return course[np.minimum(np.arange(count) * RATE // 200, len(course) - 1)]


def envelope(audio: Audio) -> np.ndarray:
    """Logarithm of the mean spectrum, harmonics smoothed away."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.samples, 1024)[::256]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(1024), 4096))).mean(0)
    cepstrum = np.fft.irfft(np.log(power + 1e-9))
    cepstrum[40:-39] = 0
    return np.fft.rfft(cepstrum).real


def moved(before: Audio, after: Audio) -> float:
    """The factor that takes one's spectral envelope to the other's best."""
    hz = np.fft.rfftfreq(4096, 1 / RATE)
    inside = (hz > 400) & (hz < 4000)
    ours, theirs = envelope(before), envelope(after)
    factors = np.geomspace(0.6, 1.7, 300)

    def likeness(factor: float) -> float:
        return float(np.corrcoef(np.interp(hz / factor, hz, ours)[inside], theirs[inside])[0, 1])

    return float(factors[np.argmax([likeness(factor) for factor in factors])])


class TestPitch:
    @pytest.mark.parametrize("hz", [75.0, 120.0, 220.0, 380.0])
    def test_follows_a_voice(self, hz):
        audio, course = voice(hz)
        found = course_of(audio)
        true = at_frames(course, len(found))
        both = (found > 0) & (true > 0)
        assert both.sum() > 0.9 * (true > 0).sum()
        assert np.median(np.abs(found[both] / true[both] - 1)) < 0.005
        assert (np.abs(found[both] / true[both] - 1) > 0.1).mean() < 0.02

    def test_breath_has_none(self):
        audio, course = voice()
        found = course_of(audio)
        silent = at_frames(course, len(found)) == 0
        silent &= np.roll(silent, 8) & np.roll(silent, -8)
        assert (found[silent] > 0).mean() < 0.05

    def test_silence_and_nothing(self):
        assert not course_of(Audio(np.zeros(1600, np.float32), RATE)).any()
        assert len(course_of(Audio(np.zeros(0, np.float32), RATE))) == 0
        assert pitch(Audio(np.zeros(1600, np.float32), RATE)).median == 0

    def test_the_range_is_checked(self):
        audio, _ = voice()
        for lowest, highest in ((0, 100), (300, 200), (60, 3000)):
            with pytest.raises(ConfigError):
                pitch(audio, lowest, highest)


RATIOS = [(1.3, 1.0), (0.75, 1.0), (1.0, 1.15), (1.0, 0.87), (1.5, 1.2), (0.7, 0.85)]


class TestRevoice:
    @pytest.mark.parametrize(("ratio", "formants"), RATIOS)
    @pytest.mark.parametrize("hz", [110.0, 210.0])
    def test_pitch_is_moved_as_asked_all_along(self, hz, ratio, formants):
        audio, _ = voice(hz)
        before = course_of(audio)
        after = course_of(revoice(audio, pitch_ratio=ratio, formant_ratio=formants))
        both = (before > 0) & (after > 0)
        assert both.sum() > 0.9 * (before > 0).sum()
        assert np.median(after[both] / before[both]) == pytest.approx(ratio, rel=0.01)
        assert (np.abs(after[both] / before[both] / ratio - 1) > 0.1).mean() < 0.03

    @pytest.mark.parametrize(("ratio", "formants"), RATIOS)
    def test_formants_are_moved_as_asked_whatever_the_pitch(self, ratio, formants):
        audio, _ = voice(110.0)
        after = revoice(audio, pitch_ratio=ratio, formant_ratio=formants)
        assert moved(audio, after) == pytest.approx(formants, rel=0.03)

    @pytest.mark.parametrize(("ratio", "formants"), RATIOS)
    def test_time_and_level_stay(self, ratio, formants):
        audio, _ = voice(seconds=0.7)
        after = revoice(audio, pitch_ratio=ratio, formant_ratio=formants)
        assert len(after.samples) == len(audio.samples)
        assert after.rate == audio.rate
        size = RATE // 50
        levels = [
            np.sqrt(
                np.square(one.samples[: len(one.samples) // size * size].reshape(-1, size)).mean(1)
            )
            for one in (audio, after)
        ]
        assert np.corrcoef(*levels)[0, 1] > 0.95
        change = 20 * np.log10(np.linalg.norm(levels[1]) / np.linalg.norm(levels[0]))
        assert abs(change) < 2.5

    @pytest.mark.parametrize(("ratio", "formants"), [*RATIOS, (1.0001, 1.0)])
    def test_no_clicks(self, ratio, formants):
        # Smooth but for its pulses: no step may be steeper than those.
        audio, _ = voice()
        after = revoice(audio, pitch_ratio=ratio, formant_ratio=formants)
        steepest = [np.abs(np.diff(one.samples, n=2)).max() for one in (audio, after)]
        assert steepest[1] < 1.7 * steepest[0] * max(1.0, formants**2)

    def test_ratios_of_one_change_nothing(self):
        audio, _ = voice()
        assert revoice(audio) is audio

    def test_noise_and_silence_pass(self):
        hiss = np.random.default_rng(2).standard_normal(RATE).astype(np.float32) * 0.1
        after = revoice(Audio(hiss, RATE), pitch_ratio=1.4, formant_ratio=1.1)
        assert len(after.samples) == RATE
        assert np.std(after.samples) == pytest.approx(0.1, rel=0.25)
        silence = Audio(np.zeros(RATE, np.float32), RATE)
        assert revoice(silence, pitch_ratio=2.0) is silence

    @pytest.mark.parametrize("count", [1, 2, 50, 400, 1600])
    def test_however_short(self, count):
        audio, _ = voice()
        short = Audio(audio.samples[8000 : 8000 + count], RATE)
        assert len(revoice(short, pitch_ratio=1.4, formant_ratio=0.9).samples) == count

    @pytest.mark.parametrize(
        "wrong", [{"pitch_ratio": 0.1}, {"pitch_ratio": 3.0}, {"formant_ratio": 0.5}]
    )
    def test_ratios_are_checked(self, wrong):
        with pytest.raises(ConfigError, match="it is from"):
            revoice(voice()[0], **wrong)

"""References: real speech is accepted, everything else is refused for the right reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from myna.audio.recordings import read
from myna.audio.reference import PreparedReference, prepare_reference
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import Audio
from myna.errors import UnusableReferenceError

RATE = 16_000
EVAL = Path(__file__).resolve().parents[4] / "shared" / "speech" / "eval"
needs_speech = pytest.mark.skipif(not EVAL.is_dir(), reason=f"no recordings of speech at {EVAL}")

ONE_WORD = {"en/stella_maris_namae/01.flac"}
"""Recordings of less than a second of speech: this one says "Rain"."""


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).normal(size=round(seconds * RATE)) * level


def syllables(seconds: float, *, seed: int = 0) -> np.ndarray:
    """A buzz through moving resonances, four syllables a second: speech enough for this test."""
    generator = np.random.default_rng(seed)
    pieces = []
    for _ in range(round(seconds * 4)):
        time = np.arange(RATE // 4) / RATE
        formants = generator.uniform([250, 900, 2200], [800, 2200, 3400])
        voice = sum(
            np.sin(2 * np.pi * 120 * k * time)
            * sum(np.exp(-(((120 * k - formant) / 120) ** 2)) for formant in formants)
            for k in range(1, 32)
        )
        pieces.append(voice * np.sin(np.pi * time * 4) ** 2)
    speech = np.concatenate(pieces)
    return speech / np.abs(speech).max() * 0.5


def prepare(*parts: np.ndarray, whole: bool = False) -> PreparedReference:
    hiss = noise(sum(len(part) for part in parts) / RATE + 1, 1e-4)
    samples = np.concatenate(parts)
    return prepare_reference(
        Audio((samples + hiss[: len(samples)]).astype(np.float32), RATE), whole=whole
    )


def gap(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def tones(*hertz: float, seconds: float = 5.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(0.1 / k * np.sin(2 * np.pi * k * f * time) for f in hertz for k in (1, 2, 3, 4))


THROB = 0.5 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(5 * RATE) / RATE)
NO_SPEECH = {
    "white noise": noise(5),
    "throbbing noise": noise(5) * THROB,
    "hum": tones(50),
    "tone": tones(440),
    "throbbing tone": tones(440) * THROB,
    "chord": tones(261.6, 329.6, 392.0),
    "tremolo": tones(261.6, 329.6, 392.0) * THROB,
    "fading chord": tones(261.6, 329.6, 392.0) * np.exp(-np.arange(5 * RATE) / RATE),
    "beeps": tones(1000) * (THROB > 0.5),
    "clicks": np.where(np.arange(5 * RATE) % 8000 < 20, 0.5, 0.0),
}


@pytest.mark.parametrize("kind", NO_SPEECH)
def test_what_is_no_speech_is_refused(kind: str) -> None:
    with pytest.raises(UnusableReferenceError, match="No clear speech"):
        prepare(NO_SPEECH[kind])


@pytest.mark.parametrize("samples", [0, 100, RATE * 5])
def test_silence_is_refused(samples: int) -> None:
    with pytest.raises(UnusableReferenceError, match="silent"):
        prepare_reference(Audio(np.zeros(samples, dtype=np.float32), RATE))


def test_silence_at_the_ends_goes() -> None:
    found = prepare(gap(2.0), syllables(5.0), gap(3.0))
    assert found.start == pytest.approx(1.9, abs=0.15)
    assert found.end == pytest.approx(7.1, abs=0.15)
    assert found.audio.seconds == pytest.approx(found.end - found.start, abs=1e-3)
    assert found.quality.speech_seconds == pytest.approx(5.0, abs=0.25)
    assert found.quality.peak_dbfs == pytest.approx(-6.0, abs=0.1)
    assert found.quality.snr_db > 25
    assert found.warnings == ()


def test_short_speech_is_a_warning_and_very_short_an_error() -> None:
    assert "lasts only" in prepare(gap(0.5), syllables(2.0), gap(0.5)).warnings[0]
    for seconds, pause in ((0.5, 3.0), (0.5, 0.1)):
        with pytest.raises(UnusableReferenceError, match="s of speech"):
            prepare(syllables(seconds), gap(pause))


def test_the_best_window_starts_and_ends_in_pauses() -> None:
    found = prepare(
        syllables(4.0), gap(1.0), syllables(7.0, seed=1), gap(1.0), syllables(4.0, seed=2)
    )
    assert found.start == pytest.approx(5.0, abs=0.25)
    assert found.end == pytest.approx(12.0, abs=0.25)
    assert not any("pause" in warning for warning in found.warnings)


def test_speech_is_found_beside_noise() -> None:
    found = prepare(noise(8, 0.05), gap(1.0), syllables(7.0), gap(1.0), noise(8, 0.05))
    assert found.start == pytest.approx(9.0, abs=0.3)
    assert found.end == pytest.approx(16.0, abs=0.3)


def test_speech_without_pauses_is_cut_and_says_so() -> None:
    found = prepare(syllables(25.0))
    assert 3.0 <= found.audio.seconds <= 10.0
    assert any("No pause" in warning for warning in found.warnings)


def test_with_its_text_a_long_recording_is_refused() -> None:
    speech = (syllables(6.0), gap(0.5), syllables(6.0))
    with pytest.raises(UnusableReferenceError, match="one clear sentence"):
        prepare(*speech, whole=True)
    assert prepare(*speech).audio.seconds < 10.0
    assert prepare(gap(3.0), syllables(8.0), gap(3.0), whole=True).audio.seconds < 9.0


@pytest.mark.parametrize("gain", [6.0, 30.0])
@pytest.mark.parametrize("level", [1.0, 0.3])
def test_clipping_is_refused_at_any_level(gain: float, level: float) -> None:
    clipped = np.clip(syllables(5.0) * gain, -1.0, 1.0) * level
    with pytest.raises(UnusableReferenceError, match="clipped"):
        prepare_reference(Audio(clipped.astype(np.float32), RATE))


def test_noise_and_a_low_level_are_warnings() -> None:
    noisy = syllables(5.0) + noise(5.0, 0.03)
    assert "noisy" in prepare_reference(Audio(noisy.astype(np.float32), RATE)).warnings[0]
    quiet = Audio((syllables(5.0) * 0.02).astype(np.float32), RATE)
    assert "very quiet" in prepare_reference(quiet).warnings[0]


@needs_speech
def test_real_speech_is_accepted() -> None:
    refused = {}
    for path in sorted(EVAL.rglob("*.flac")):
        recording = read(path)
        try:
            found = prepare_reference(recording)
        except UnusableReferenceError as error:
            refused[path.relative_to(EVAL).as_posix()] = str(error)
            continue
        assert found.quality.speech_seconds >= 1.0
        assert 1.0 <= found.audio.seconds <= 10.0
        assert 0.0 <= found.start < found.end <= recording.seconds + 1e-6
    assert set(refused) == ONE_WORD
    assert all("s of speech" in reason for reason in refused.values())


@needs_speech
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_the_rate_does_not_matter(rate: int) -> None:
    recording = read(EVAL / "en" / "lj" / "LJ001-0004.flac")
    found = prepare_reference(recording)
    again = prepare_reference(resample(recording, rate, HIGH_QUALITY))
    assert again.audio.rate == rate
    assert (again.start, again.end) == pytest.approx((found.start, found.end), abs=0.2)


@needs_speech
def test_clipped_speech_is_refused() -> None:
    recording = read(EVAL / "en" / "lj" / "LJ001-0004.flac")
    samples = recording.samples / np.abs(recording.samples).max()
    with pytest.raises(UnusableReferenceError, match="clipped"):
        prepare_reference(Audio(np.clip(samples * 5, -1, 1), recording.rate))

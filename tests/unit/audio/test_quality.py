"""Quality: each fault is measured near its true size, and named; good recordings are not blamed."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import faults
from myna.audio.measures import clipped_share
from myna.audio.quality import QualityLimits, QualityReport, measure, problems
from myna.audio.recordings import read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import Audio
from myna.errors import ConfigError

EVAL = Path(__file__).resolve().parents[4] / "shared" / "speech" / "eval"
needs_speech = pytest.mark.skipif(not EVAL.is_dir(), reason=f"no recordings of speech at {EVAL}")

SPEECH = faults.speech()
POOR = faults.poor_recordings()


def words(audio: Audio) -> dict[str, bool]:
    """Of its problems, and whether each is severe."""
    return {problem.word: problem.severe for problem in problems(measure(audio))}


def test_good_speech_has_no_problems() -> None:
    report = measure(SPEECH)
    assert problems(report) == ()
    assert report.snr_db > 40.0
    assert report.clipped_share < 1e-4
    assert report.bandwidth_hz == 8000.0
    assert abs(report.dc_offset) < 1e-3
    assert report.gain_pumping_db == 0.0
    assert report.reverberation_seconds < 0.35
    assert report.speech_seconds == pytest.approx(10.0, abs=0.6)
    assert report.peak_dbfs == pytest.approx(-6.0, abs=0.6)
    assert report.speech_dbfs == pytest.approx(10 * math.log10(faults.level(SPEECH)), abs=1.5)
    assert report.rms_dbfs < report.speech_dbfs


@pytest.mark.parametrize("rate", faults.RATES)
@pytest.mark.parametrize("truth", [30.0, 20.0, 10.0, 5.0])
def test_noise_is_measured(truth: float, rate: int) -> None:
    found = measure(faults.noisy(faults.speech(rate=rate), truth))
    assert found.snr_db == pytest.approx(truth, abs=2.5)


def test_noise_is_measured_without_pauses() -> None:
    found = measure(faults.noisy(faults.speech(pause=0.0), 20.0))
    assert found.snr_db == pytest.approx(20.0, abs=2.5)


def test_noise_is_measured_beside_digital_silence() -> None:
    noise = faults.noisy(SPEECH, 15.0).samples
    silence = np.zeros(8 * SPEECH.rate, dtype=np.float32)
    report = measure(Audio(np.concatenate((silence, noise, silence)), SPEECH.rate))
    assert report.snr_db == pytest.approx(15.0, abs=2.0)


def test_noise_is_a_problem_below_20_db() -> None:
    assert "noise" not in words(faults.noisy(SPEECH, 25.0))
    assert words(faults.noisy(SPEECH, 15.0))["noise"] is False
    assert words(faults.noisy(SPEECH, 5.0))["noise"] is True


def in_long_runs(flags: np.ndarray) -> float:
    """Share of true values with two more beside them."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags, [0]))))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= 3].sum() / len(flags))


@pytest.mark.parametrize("share", [0.5, 0.3, 0.15])
@pytest.mark.parametrize("after", ["as it is", "turned down", "faded in", "16 bits", "offset"])
def test_clipping_is_measured_whatever_came_after(share: float, after: str) -> None:
    audio = faults.clipped(SPEECH, share)
    truth = in_long_runs(np.abs(audio.samples) >= np.abs(audio.samples).max() * 0.9999)
    fade = np.linspace(0.3, 1.0, len(audio.samples), dtype=np.float32)
    samples = {
        "as it is": audio.samples,
        "turned down": audio.samples * np.float32(0.2),
        "faded in": audio.samples * fade,
        "16 bits": np.round(audio.samples * 32768) / np.float32(32768),
        "offset": audio.samples + np.float32(0.05),
    }[after]
    assert truth > 1e-3
    assert clipped_share(samples.astype(np.float32), audio.rate) == pytest.approx(truth, rel=0.15)


def test_smooth_tops_are_not_clipped() -> None:
    time = np.arange(48_000) / 48_000
    for hertz in (50, 100, 440, 3000):
        tone = (0.9 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
        assert clipped_share(tone, 48_000) == 0.0
        assert clipped_share(np.clip(tone, -0.8, 0.8), 48_000) > 0.2


def test_clipping_is_a_problem() -> None:
    assert words(faults.clipped(SPEECH, 0.3))["clipping"] is True


@pytest.mark.parametrize(
    ("rate", "limit"), [(8_000, 4000.0), (11_025, 5500.0), (16_000, 8000.0), (22_050, 11_000.0)]
)
def test_the_band_is_found_in_a_wider_file(rate: int, limit: float) -> None:
    narrow = resample(faults.speech(3, rate=44_100), rate, HIGH_QUALITY)
    report = measure(resample(narrow, 44_100, HIGH_QUALITY))
    assert report.bandwidth_hz == pytest.approx(limit, abs=400.0)


def test_a_narrow_band_is_a_problem_unless_noise_may_hide_the_rest() -> None:
    narrow = resample(resample(SPEECH, 8_000, HIGH_QUALITY), 44_100, HIGH_QUALITY)
    assert words(narrow) == {"band": True}
    assert words(faults.noisy(narrow, 25.0)) == {"band": False}
    assert set(words(faults.noisy(narrow, 10.0))) == {"noise"}


@pytest.mark.parametrize("offset", [0.05, -0.05])
def test_an_offset_is_measured_and_harms_nothing_else(offset: float) -> None:
    audio = Audio(SPEECH.samples + np.float32(offset), SPEECH.rate)
    report, without = measure(audio), measure(SPEECH)
    assert report.dc_offset == pytest.approx(offset, abs=1e-3)
    assert report.snr_db == pytest.approx(without.snr_db, abs=0.5)
    assert words(audio) == {"dc": False}


def test_a_moving_gain_is_measured() -> None:
    quiet = faults.noisy(SPEECH, 35.0)
    assert measure(quiet).gain_pumping_db < 1.0
    assert measure(faults.in_room(quiet, 0.6)).gain_pumping_db < 1.0
    quick, slow = (
        measure(faults.gain_controlled(quiet, release)).gain_pumping_db for release in (0.2, 1.0)
    )
    assert quick > 6.0
    assert 1.0 < slow < quick
    assert words(faults.gain_controlled(quiet, 0.3))["gain"] is False


def test_rooms_are_told_apart() -> None:
    found = [
        measure(faults.in_room(SPEECH, seconds)).reverberation_seconds
        for seconds in (0.3, 0.6, 1.0)
    ]
    dry = measure(SPEECH).reverberation_seconds
    assert dry < found[0] < found[1] < found[2]


@needs_speech
@pytest.mark.parametrize("name", ["en/lj/LJ001-0004.flac", "en/lj/LJ001-0001.flac"])
def test_rooms_are_measured_with_real_speech(name: str) -> None:
    recording = read(EVAL / name)
    for seconds in (0.6, 1.0):
        found = measure(faults.in_room(recording, seconds)).reverberation_seconds
        assert found == pytest.approx(seconds, rel=0.35)
    assert "reverberation" in words(faults.in_room(recording, 1.0))


def test_a_low_level_is_a_problem() -> None:
    assert words(Audio(SPEECH.samples * np.float32(0.01), SPEECH.rate)) == {"quiet": False}


@pytest.mark.parametrize("name", POOR)
def test_poor_recordings_have_finite_measures(name: str) -> None:
    report = measure(POOR[name])
    assert all(math.isfinite(value) for value in report.as_dict().values())
    assert set(report.as_dict()) == {each.name for each in fields(QualityReport)}
    if name.startswith(("silence", "DC", "one", "no sample", "tiny")):
        assert words(POOR[name]).keys() & {"silence", "no-speech"}
        assert all(words(POOR[name]).values())


def test_the_worst_comes_first() -> None:
    audio = Audio(faults.clipped(SPEECH, 0.3).samples + np.float32(0.05), SPEECH.rate)
    severe = [problem.severe for problem in problems(measure(audio))]
    assert severe == [True, False]


def test_limits_decide() -> None:
    report = measure(faults.noisy(SPEECH, 15.0))
    assert problems(report, QualityLimits(noisy_db=10.0)) == ()
    assert problems(report, QualityLimits(too_noisy_db=18.0))[0].severe
    with pytest.raises(ConfigError, match="clipped is 2"):
        QualityLimits(clipped=2)

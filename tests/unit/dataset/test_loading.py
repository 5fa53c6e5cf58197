"""Recordings are read once, named by content, and cut into sections where it is quiet."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

import toy
from myna.audio.loudness import loudness
from myna.audio.recordings import pcm16, read
from myna.dataset.finding import find
from myna.dataset.lists import Line
from myna.dataset.manifest import Clip
from myna.dataset.running import Runner
from myna.dataset.steps.duplicates import Duplicates
from myna.dataset.steps.levelling import GAIN, Level
from myna.dataset.steps.loading import SECTION_SECONDS, Load, sections
from myna.datatypes import Audio


def load(source: Path, out: Path) -> tuple[Clip, ...]:
    found = find(source, leave_out=out)
    with Runner(out) as runner:
        return runner.run(Load(recordings=found.recordings, shortest=0.5), found.clips)


def long_recording(seconds: float, rate: int = 8000) -> Audio:
    """Noise with a pause of 0.4 s at every ten seconds."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(size=len(time)) * 0.1
    return Audio(
        np.where(time % 10 < 0.4, 0.001, 1.0).astype(np.float32) * noise.astype("f4"), rate
    )


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    speech = toy.clip(1.0)
    speech.save(tmp_path / "good.wav")
    Audio(speech.samples[6000:7600], 16_000).save(tmp_path / "blip.wav")
    Audio(np.zeros(16_000, np.float32), 16_000).save(tmp_path / "silent.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(200))
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "x.list").write_text(
        "".join(f"{name}|a|EN|\n" for name in ("good.wav", "gone.wav", "silent.wav"))
    )
    by_folder = {clip.source: clip for clip in load(tmp_path, tmp_path / "one")}
    assert {name: clip.dropped for name, clip in by_folder.items()} == {
        "good.wav": "",
        "blip.wav": "too short",
        "silent.wav": "silence",
        "broken.wav": "unreadable",
        "empty.mp3": "unreadable",
    }
    assert "0.10 s" in by_folder["blip.wav"].reason
    by_list = {clip.source: clip for clip in load(tmp_path / "x.list", tmp_path / "two")}
    assert by_list["gone.wav"].dropped == "missing"
    assert by_list["good.wav"].id == by_folder["good.wav"].id


def test_the_name_comes_from_the_content(tmp_path: Path) -> None:
    pcm = pcm16(toy.clip(1.0).samples)
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, pcm, 16_000)
    toy.clip(1.0, seed=1).save(tmp_path / "c.wav")
    first, second, third = load(tmp_path, tmp_path / "out")
    assert first.id == second.id != third.id
    with Runner(tmp_path / "out") as runner:
        runner.accounts.append(None)  # type: ignore[arg-type]
        kept, dropped, _ = runner.run(Duplicates(), (first, second, third))
    assert kept.kept
    assert dropped.dropped == "duplicate"
    assert "a.wav" in dropped.reason
    assert dropped.id != kept.id


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    toy.clip(1.0).save(tmp_path / "a.wav")
    (before,) = load(tmp_path, tmp_path / "out")
    toy.clip(1.0, seed=1).save(tmp_path / "a.wav")
    (after,) = load(tmp_path, tmp_path / "out")
    assert after.id != before.id


def test_rate_is_kept_up_to_48_khz(tmp_path: Path) -> None:
    rates = {"a.wav": (22_050, 22_050), "b.wav": (96_000, 48_000)}
    for name, (rate, _) in rates.items():
        samples = np.random.default_rng(rate).normal(size=rate) * 0.1
        Audio(samples.astype(np.float32), rate).save(tmp_path / name)
    for clip in load(tmp_path, tmp_path / "out"):
        audio = read(tmp_path / "out" / clip.audio)
        assert audio.rate == clip.rate == rates[clip.source][1]
        assert audio.seconds == pytest.approx(clip.seconds, abs=1e-3)


def test_sections_join_and_end_where_it_is_quiet() -> None:
    audio = long_recording(400.0)
    bounds = sections(audio, ())
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(audio.samples)
    for (start, end), (following, _) in pairwise(bounds):
        assert end == following
        assert SECTION_SECONDS[0] <= (end - start) / audio.rate <= SECTION_SECONDS[1]
        assert end / audio.rate % 10 < 0.4
    assert len(bounds) > 3


def test_sections_do_not_cut_known_words() -> None:
    audio = long_recording(200.0)
    parts = [
        Line(path="", text="x", start=at, end=min(at + 14.0, 200.0))
        for at in np.arange(5, 190, 14.0)
    ]
    (_, end), _ = sections(audio, parts)[:2]
    assert all(not part.times[0] + 0.03 < end / audio.rate < part.times[1] - 0.03 for part in parts)


def test_short_recordings_are_one_section() -> None:
    assert sections(long_recording(120.0), ()) == [(0, 960_000)]


def test_words_after_the_end_are_named(tmp_path: Path) -> None:
    toy.clip(2.0).save(tmp_path / "a.wav")
    (tmp_path / "a.srt").write_text("1\n00:00:09,000 --> 00:00:10,000\nHi.\n")
    section, outside = load(tmp_path, tmp_path / "out")
    assert section.kept
    assert outside.dropped == "outside"
    assert "9.00 to 10.00 s" in outside.reason
    assert "2.50 s" in outside.reason


@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_gain_reaches_the_target_or_the_peak(tmp_path: Path, gain: float) -> None:
    speech = toy.clip(2.0)
    Audio(speech.samples * np.float32(gain), speech.rate).save(tmp_path / "a.wav")
    (clip,) = load(tmp_path, tmp_path / "out")
    clip = replace(clip, quality={"dc_offset": 0.0})
    with Runner(tmp_path / "out") as runner:
        runner.accounts.append(None)  # type: ignore[arg-type]
        (clip,) = runner.run(Level(target=-23.0), (clip,))
    audio = read(tmp_path / "out" / clip.audio)
    levelled = audio.samples * 10 ** (clip.quality[GAIN] / 20)
    at_peak = np.abs(levelled).max() == pytest.approx(10 ** (-1 / 20), rel=0.01)
    assert at_peak or loudness(levelled.astype(np.float32), audio.rate) == pytest.approx(
        -23, abs=0.1
    )
    assert "LUFS" in clip.done[-1]

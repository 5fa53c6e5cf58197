"""`myna prepare`: the table at the end, exit codes, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.apps.cli.main import main
from myna.dataset.manifest import read
from myna.datatypes import Audio

TEXT = "Good morning to you, said the quick brown fox."
OPTIONS = (
    *("--voice-activity", "energy", "--language", "en"),
    # What buzzes here is no speech, and our recogniser would rightly say so.
    *("--speaker-check", "none", "--sound-check", "none"),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with recordings in `in`."""
    (tmp_path / "in").mkdir()
    for index in range(4):
        voice = toy.clip(3.0, seed=index)
        hiss = np.diff(np.random.default_rng(index).normal(size=len(voice.samples) + 1))
        envelope = np.convolve(np.abs(voice.samples), np.full(320, 1 / 320), mode="same")
        samples = (voice.samples + hiss * envelope * 0.5) * 0.7
        Audio(samples.astype(np.float32), voice.rate).save(tmp_path / "in" / f"{index}.wav")
        (tmp_path / "in" / f"{index}.txt").write_text(TEXT)
    (tmp_path / "in" / "bad.mp3").write_bytes(b"no sound")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def test_result(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "in", "-o", "set", "--jobs", "1", *OPTIONS]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].split() == ["given", "0.2", "min"]
    assert lines[1].split() == ["kept", "4", "clips", "0.2", "min"]
    assert lines[2].split() == ["dropped:", "unreadable", "1", "clip", "0.0", "min"]
    assert lines[-1] == f"report: {Path('set/report.html')}"
    assert "load: 5 done" in said.err
    assert len(read(place / "set" / "manifest.jsonl")) == 5
    assert main(["prepare", "in", "-o", "set", "--jobs", "1", "--quiet", *OPTIONS]) == 0
    again = capsys.readouterr()
    assert again.out == said.out
    assert not again.err


def test_nothing_left(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--jobs", "1", "--shortest-given", "9", *OPTIONS]
    assert main(["prepare", "in", "-o", "set", *options]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "No clip of in can be used: 4 too short, 1 unreadable" in error
    assert (place / "set" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--denoise", "maybe"], "auto, always, never"),
        (["--jobs", "0"], "jobs is 0"),
        (["--tier", "words", "--loudness", "3"], "-40 to -10"),
    ],
)
def test_settings_are_checked_first(
    place: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["prepare", "in", "-o", "set", *options]) == 1
    assert message in capsys.readouterr().err
    assert not (place / "set").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows interrupts in another way")
def test_ctrl_c_and_go_on(place: Path) -> None:
    command = [sys.executable, "-m", "myna.apps.cli.main", "prepare", "in", "-o", "set"]
    command += ["--jobs", "2", *OPTIONS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        started = time.monotonic()
        while not list((place / "set" / "work").glob("load/*.flac")):
            assert run.poll() is None
            assert time.monotonic() - started < 60
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command goes on" in error
    assert "Traceback" not in error
    assert not (place / "set" / "manifest.jsonl").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert main(["prepare", "in", "-o", "straight/set", "--jobs", "1", "--quiet", *OPTIONS]) == 0
    for name in ("manifest.jsonl", "train.list", "set.json", "report.html"):
        assert (place / "set" / name).read_bytes() == (place / "straight/set" / name).read_bytes()

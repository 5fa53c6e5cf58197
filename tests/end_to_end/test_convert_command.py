"""`myna convert`, as people run it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.apps.cli.main import main
from myna.audio.recordings import read
from myna.datatypes import Sampling
from myna.synthesis.speaker import Myna

TEXT = "We keep the little boat beside the wooden bridge."
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails as if it were not there
from myna.apps.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("said") / "said.wav"
    Myna.load("tiny").speak(TEXT, "kathleen", sampling=Sampling(seed=3)).save(path)
    return path


def test_a_file_without_torch(recording: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.flac", tmp_path / "report.json"
    command = ["convert", str(recording), "--voice", "darshan", "-o", str(out), "--seed", "4"]
    command += ["--text", TEXT, "--lang", "en", "--report", str(report)]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert "seed 4" in ran.stdout + ran.stderr
    made, original = read(out), read(recording)
    assert len(made.samples) == len(original.samples)
    assert np.abs(made.samples).max() > 0.05
    told = json.loads(report.read_text("utf-8"))
    assert told["seed"] == 4
    assert [each["text"] for each in told["timings"]] == [TEXT]


def test_pipes(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Given:
        buffer = io.BytesIO(recording.read_bytes())

    monkeypatch.setattr(sys, "stdin", Given)
    assert main(["convert", "-", "--voice", "bdl", "-o", "-", "--rate", "16000", "--quiet"]) == 0
    samples, rate = soundfile.read(io.BytesIO(capfdbinary.readouterr().out))
    assert rate == 16_000
    assert len(samples) / rate == pytest.approx(read(recording).seconds, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--voice", "nobody"], 1, "nobody"),
        (["--rate", "5"], 1, "rate"),
        (["--seed", "-1"], 1, "seed"),
        (["--noise-scale", "2"], 1, "noise_scale"),
        (["--report", "nowhere/report.json"], 2, "does not exist"),
        (["--text", "Something else was written here by mistake."], 1, "not what is heard"),
        (["--lang", "zh"], 1, "does not speak"),
    ],
)
def test_mistakes(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    out = tmp_path / "out.wav"
    assert main(["convert", str(recording), "-o", str(out), *arguments]) == code
    assert words in capsys.readouterr().err
    assert not out.exists()

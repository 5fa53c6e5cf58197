"""A machine without PyTorch speaks, clones and looks around."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import toy

WITHOUT_TORCH = f"""
import sys
sys.modules["torch"] = None  # importing it fails as if it were not there
sys.path.insert(0, {str(Path(toy.__file__).parent)!r})
import toy
toy.register()
from pathlib import Path
from myna.checkpoints import store
from myna.apps.cli.main import main
store.PACKAGED = Path(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def packaged(graphs_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model comes with Myna under the name of the default one; the work is done elsewhere."""
    models = tmp_path / "packaged"
    toy.voice_model(models / "tiny", "toyPro", seed=1)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    toy.clip().save("clip.wav")
    return models


def run(packaged: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(packaged), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def done(packaged: Path, *arguments: str) -> str:
    ran = run(packaged, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_from_a_recording_to_speech(packaged: Path) -> None:
    words = ["--text", toy.WORDS, "--language", "en"]
    done(packaged, "clone", "clip.wav", *words, "-o", "zoe.voice", "--name", "Zoe")
    without = run(packaged, "say", "Hello.", "-o", "hello.wav")
    assert without.returncode == 2
    assert "whose voice?" in without.stderr
    voices = packaged / "tiny" / "voices"
    voices.mkdir()
    Path("zoe.voice").rename(voices / "zoe.voice")
    seeded = ["--seed", "3", "--longest-seconds", "2"]
    done(packaged, "say", "The quick brown fox.", "-o", "fox.wav", *seeded)
    done(packaged, "say", "The quick brown fox.", "--voice", "zoe", "-o", "named.wav", *seeded)
    samples, rate = soundfile.read("fox.wav")
    assert rate == 32_000
    assert len(samples) > rate / 10
    assert abs(samples).max() > 1e-3
    assert Path("fox.wav").read_bytes() == Path("named.wav").read_bytes()
    nobody = run(packaged, "say", "Hello.", "--voice", "bob", "-o", "hello.wav")
    assert nobody.returncode == 1
    assert "With this model come zoe" in nobody.stderr


def test_what_is_here(packaged: Path) -> None:
    rows = json.loads(done(packaged, "models", "list", "--json"))["installed"]
    assert {row["name"]: row["packaged"] for row in rows}["tiny"] is True
    shown = done(packaged, "models", "list")
    assert shown.index("With Myna come:") < shown.index("tiny ") < shown.index("Installed:")
    assert json.loads(done(packaged, "doctor", "--json"))["can_speak"] is True
    removed = run(packaged, "models", "remove", "tiny")
    assert removed.returncode == 1
    assert "comes with Myna" in removed.stderr


def test_what_needs_torch_says_so(packaged: Path) -> None:
    ran = run(packaged, "clone", "clip.wav", "-o", "a.voice", "--engine", "torch")
    assert ran.returncode == 1
    assert "pip install 'myna[torch]'" in ran.stderr

"""The model in the package: a fresh machine speaks, and what it says can be heard."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.audio.pitch import pitch
from myna.audio.spelling import SILENCE
from myna.checkpoints.store import open_model, verify
from myna.datatypes import Audio, Sampling
from myna.engines import load_engine
from myna.engines.base import TokenRequest
from myna.synthesis.speaker import Myna
from myna.text import ids, read
from myna.text.sounds import spoken

FOX = "The quick brown fox jumps over the lazy dog."
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails as if it were not there
from myna.apps.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))


def test_one_command_speaks_without_torch_and_without_any_download(tmp_path: Path) -> None:
    out = tmp_path / "fox.wav"
    command = ["say", FOX, "-o", str(out), "--seed", "1"]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    samples, rate = soundfile.read(out)
    assert rate == 24_000
    assert 1.5 < len(samples) / rate < 5
    assert 0.05 < np.abs(samples).max() <= 1
    voiced = pitch(Audio(samples.astype(np.float32), rate)).voiced
    assert 0.3 < voiced.mean() < 0.95


def test_every_voice_speaks_at_its_own_pitch() -> None:
    engine = Myna.load("tiny", engine="onnx")
    assert {"kathleen", "darshan"} <= set(engine.voices)
    heights = {}
    for name in engine.voices:
        speech = engine.speak(FOX, name, sampling=Sampling(seed=1))
        assert not speech.report.warnings
        heights[name] = pitch(speech.audio).median
        voice = engine.voice(name)
        assert voice.licence
        assert voice.consent
    assert heights["kathleen"] > 1.3 * heights["darshan"]


def test_all_of_the_text_is_said_and_nothing_else() -> None:
    engine = load_engine(open_model("tiny"), "onnx")
    spelling = engine.spec.token_model.spelling
    assert spelling is not None
    voice = Myna.load("tiny", engine="onnx").voice()
    text = "She sells sea shells, no, she sells six sick sheep. That that is, is."
    sentence = read(text, language="en", table=engine.spec.symbols, improved=True)
    phones, sounds = ids(sentence.symbols, engine.spec.symbols), np.array(spoken(sentence))
    said = [sound for sound, _ in groupby(sounds.tolist()) if sound]
    assert voice.speaker is not None
    features = np.repeat(voice.speaker[None], len(phones), axis=0)
    requests = [
        TokenRequest(phones=phones, sounds=sounds, text_features=features, seed=seed)
        for seed in range(5)
    ]
    for _, tokens in engine.generate(requests):
        assert tokens.ended
        heard = [int(each) for each, _ in groupby(tokens.ids // spelling.levels) if each != SILENCE]
        merged = [sound for sound, _ in groupby(heard)]
        assert merged == [sound for sound, _ in groupby(said)]


def test_its_files_are_whole_and_small() -> None:
    model = open_model("tiny")
    verify(model)
    assert (model.path / "LICENSE.md").is_file()
    size = sum(path.stat().st_size for path in model.path.rglob("*") if path.is_file())
    assert size < 40e6

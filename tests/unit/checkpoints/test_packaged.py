"""Models that come with Myna, and voices that come with a model."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.checkpoints import store
from myna.datatypes import Voice
from myna.errors import CheckpointError, ModelNotFoundError, VoiceError
from myna.synthesis.speaker import Myna


@pytest.fixture
def packaged(toy_home: Path, tmp_path: Path) -> Path:
    """The toys come with Myna, and nothing is installed; `toy` has two voices."""
    models = tmp_path / "packaged"
    for name in ("toy", "toyPro"):
        (toy_home / "models" / name).unlink()
        toy.voice_model(models / name, name, seed=0)
    (models / "toy" / "voices").mkdir()
    for name in ("zoe", "adam"):
        voice(store.open_model("toy"), name).save(models / "toy" / "voices" / f"{name}.voice")
    return models


def voice(model: store.ModelFolder, name: str) -> Voice:
    width = model.family.decoder.timbre
    timbre = np.full(width, len(name), dtype=np.float32)
    return Voice(name=name, family=model.spec, model=model.fingerprint, timbre=timbre)


def test_known_by_name_and_listed(packaged: Path) -> None:
    model = store.open_model("toy")
    assert model.packaged
    assert model.path == packaged / "toy"
    names = [each.path.name for each in store.installed()]
    assert names == ["toy", "toy-eres2net", "toy-hubert", "toy-roberta", "toyPro"]
    assert [each.path.name for each in store.installed() if each.packaged] == ["toy", "toyPro"]
    store.verify(model)


def test_an_installed_one_of_the_same_name_counts(packaged: Path, toy_home: Path) -> None:
    toy.voice_model(toy_home / "models" / "toy", "toy", seed=3)
    assert not store.open_model("toy").packaged
    assert [each.packaged for each in store.installed() if each.path.name == "toy"] == [False]
    store.remove("toy")
    assert store.open_model("toy").packaged


def test_a_folder_here_does_not_take_its_name(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    toy.voice_model(tmp_path / "toy", "toy", seed=3)
    assert store.open_model("toy").packaged
    assert not store.open_model(Path("toy")).packaged


def test_it_is_not_removed_or_written(packaged: Path, toy_home: Path) -> None:
    with pytest.raises(CheckpointError, match="comes with Myna"):
        store.remove("toy")
    assert (packaged / "toy" / "model.json").is_file()
    with pytest.raises(ModelNotFoundError):
        store.remove(f"..{os.sep}models{os.sep}toy")
    assert store.installed_path("toy") == toy_home / "models" / "toy"


def test_voices_by_name(packaged: Path, tmp_path: Path) -> None:
    model = store.open_model("toy")
    assert list(model.voices) == ["adam", "zoe"]
    myna = Myna.load("toy")
    assert myna.voice().name == "adam"
    assert myna.voice("zoe").name == "zoe"
    assert myna.voice(model.voices["zoe"]).name == "zoe"
    own = voice(model, "own")
    assert myna.voice(own) is own
    own.save(tmp_path / "own.voice")
    assert myna.voice(str(tmp_path / "own.voice")).name == "own"
    with pytest.raises(VoiceError, match="With this model come adam, zoe"):
        myna.voice("bob")
    with pytest.raises(VoiceError, match=r"no voice file .*bob\.voice"):
        myna.voice("bob.voice")


def test_a_model_without_voices(packaged: Path) -> None:
    myna = Myna.load("toyPro")
    with pytest.raises(VoiceError, match="Clone one"):
        myna.speak("Hello.")
    with pytest.raises(VoiceError, match="no voice file adam"):
        myna.speak("Hello.", "adam")


def test_the_default_voice_speaks(packaged: Path) -> None:
    myna = Myna.load("toy")
    first, named = myna.speak("Hello."), myna.speak("Hello.", "adam")
    assert first.report.model == named.report.model == store.open_model("toy").fingerprint
    assert {piece.rate for piece in myna.stream("Hello.")} == {32_000}

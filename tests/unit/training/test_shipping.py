"""Models as they ship."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import toy
from myna import Guard, Myna
from myna.checkpoints import store
from myna.dataset.manifest import Clip
from myna.dataset.prepare import PreparedSet
from myna.engines.torch_engine import TorchEngine
from myna.errors import CheckpointError, DatasetError
from myna.training import shipping
from myna.training.fresh import fresh
from myna.training.shipping import main


def test_nets_of_two_models_in_half_precision(toy_home: Path, tmp_path: Path) -> None:
    one, other = (
        fresh("toy", tmp_path / name, (), seed=seed) for seed, name in ((1, "a"), (2, "b"))
    )
    given = ["--token-model", str(one.path), "--decoder", str(other.path)]
    assert main([*given, "-o", str(tmp_path / "out"), "--name", "new"]) == 0
    made = store.open_model(tmp_path / "out")
    assert (made.name, made.parts) == ("new", ("token_model", "decoder"))
    for part, model in (("token_model", one), ("decoder", other)):
        before, after = store.tensors(model, part), store.tensors(made, part)
        assert set(before) == set(after)
        for name in before:
            assert after[name].dtype == np.float16
            np.testing.assert_array_equal(after[name], before[name].astype(np.float16))
    assert TorchEngine(made).spec.name == "toy"


def test_one_model(toy_home: Path, tmp_path: Path) -> None:
    model = fresh("toy", tmp_path / "a", ())
    assert main([str(model.path), "-o", str(tmp_path / "out")]) == 0
    files = [
        store.open_model(path).files["decoder.safetensors"].size
        for path in (model.path, tmp_path / "out")
    ]
    assert files[1] < 0.52 * files[0] + 20_000
    with pytest.raises(SystemExit):
        main(["-o", str(tmp_path / "more")])


TABLE = """
[[voice]]
name = "zoe"
speaker = "anna"
licence = "CC0"
consent = "Anna, who agreed"

[[voice]]
name = "adam"
speaker = "ben"
licence = "CC-BY 4.0"
consent = "Ben, who agreed"
"""


@pytest.fixture
def prepared(toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedSet:
    """Five clips of each speaker; the first of them is too short to be cloned."""
    folder = tmp_path / "set"
    (folder / "clips").mkdir(parents=True)
    clips = []
    for index in range(10):
        seconds = 4.0 if index % 5 else 1.0
        clips.append(
            Clip(
                id=f"{index:012x}",
                source=f"{index}.wav",
                audio=f"clips/{index:012x}.flac",
                end=seconds,
                rate=toy.clip(seconds).rate,
                speaker="anna" if index < 5 else "ben",
            )
        )
        toy.clip(seconds, seed=index).save(folder / clips[-1].audio)
    made = PreparedSet(folder=folder, clips=tuple(clips), dropped=())
    monkeypatch.setattr(shipping, "open_set", lambda _folder: made)
    return made


def test_voices_are_made_of_speakers_of_a_set(prepared: PreparedSet, tmp_path: Path) -> None:
    model, out = fresh("toy", tmp_path / "a", ()), tmp_path / "out"
    (tmp_path / "voices.toml").write_text(TABLE)
    given = ["--voices", str(tmp_path / "voices.toml"), "--set", str(prepared.folder)]
    assert main([str(model.path), "-o", str(out), *given]) == 0
    assert list(store.open_model(out).voices) == ["zoe", "adam"], "the first one speaks by default"
    myna = Myna.load(out)
    zoe = myna.voice("zoe")
    assert (zoe.name, zoe.licence, zoe.consent) == ("zoe", "CC0", "Anna, who agreed")
    clips = [prepared.folder / clip.audio for clip in prepared.clips[1:5]]
    np.testing.assert_array_equal(zoe.timbre, myna.clone(clips, cache=False).timbre)
    assert myna.speak("Good morning.", "adam", guard=Guard(check=False)).audio.seconds > 0


def test_a_speaker_who_is_not_there(prepared: PreparedSet, tmp_path: Path) -> None:
    model = fresh("toy", tmp_path / "a", ())
    (tmp_path / "voices.toml").write_text(TABLE.replace('"ben"', '"eve"'))
    given = ["--voices", str(tmp_path / "voices.toml"), "--set", str(prepared.folder)]
    with pytest.raises(DatasetError, match="no clip of eve"):
        main([str(model.path), "-o", str(tmp_path / "out"), *given])
    with pytest.raises(SystemExit):
        main([str(model.path), "-o", str(tmp_path / "out"), *given[:2]])


def test_of_one_family(toy_home: Path, tmp_path: Path) -> None:
    given = ["--token-model", "toy", "--decoder", "toyPro", "-o", str(tmp_path / "out")]
    with pytest.raises(CheckpointError, match="of one family"):
        main(given)


def test_what_is_wrong_is_told_in_a_line(toy_home: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "myna.training.shipping",
        "nobody",
        "-o",
        str(tmp_path / "out"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("myna: There is no model 'nobody'")
    assert "Traceback" not in run.stderr

"""A fresh model speaks the right shapes, and its codes are those of the speech it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import toy
from myna.audio.preparation import training_content_input
from myna.checkpoints import store
from myna.engines.torch_engine import TorchEngine
from myna.errors import CheckpointError, ConfigError, TrainingError
from myna.training.fresh import fresh


def _clips() -> list[toy.Audio]:
    return [toy.clip(6.0, seed=seed) for seed in range(3)]


def test_all_codes_come_from_the_speech(toy_home: Path, tmp_path: Path) -> None:
    folder = fresh("toy", tmp_path / "base", _clips())
    engine = TorchEngine(folder)
    used = {
        int(token)
        for clip in _clips()
        for token in engine.tokens(training_content_input(clip).samples)
    }
    assert len(used) > 0.9 * folder.family.decoder.codes


def test_it_can_be_trained_on_and_is_the_same_every_time(toy_home: Path, tmp_path: Path) -> None:
    one, two = (fresh("toyPro", tmp_path / name, _clips(), seed=3) for name in "ab")
    other = fresh("toyPro", tmp_path / "c", _clips(), seed=4)
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert any(name.startswith("posterior_encoder.") for name in store.tensors(one, "decoder"))


def test_two_frames_become_their_mean(toy_home: Path, tmp_path: Path) -> None:
    folder = fresh("toy", tmp_path / "base", [])
    kernel = store.tensors(folder, "decoder")["content_downsample.weight"]
    content = np.random.default_rng(0).normal(size=(kernel.shape[1], 2)).astype(np.float32)
    assert np.allclose(np.einsum("oik,ik->o", kernel, content), content.mean(1), atol=1e-6)


def test_it_replaces_nothing(toy_home: Path, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "thesis.txt").write_text("dear to somebody")
    with pytest.raises(CheckpointError, match="no model folder"):
        fresh("toy", tmp_path / "base", [])


def test_errors_say_what_is_wrong(toy_home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model family 'huge'"):
        fresh("huge", tmp_path / "a", [])
    with pytest.raises(ConfigError, match="seed is -1"):
        fresh("toy", tmp_path / "b", [], seed=-1)
    with pytest.raises(TrainingError, match="too few for 64 codes"):
        fresh("toy", tmp_path / "c", [toy.clip(1.0)])

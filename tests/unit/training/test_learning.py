"""Learners: what is trained on and what is held out, and copies that sound different."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.dataset.features import FeatureSet, features
from myna.dataset.manifest import Clip
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError
from myna.training import recipes
from myna.training.fresh import fresh
from myna.training.learning import Varied, learners

WORDS = [
    "Good morning to you all.",
    "Nice to meet you again.",
    "Birds repeat what they hear.",
    "So does this one here.",
    "She sells sea shells.",
    "He went home very early.",
    "Good morning to you all.",
]


@pytest.fixture
def base(toy_home: Path) -> Path:
    """A toy model that can be trained."""
    return fresh("toy", toy_home / "models" / "base", [toy.clip(5.0)]).path


@pytest.fixture
def found(base: Path, tmp_path: Path) -> FeatureSet:
    """Features of seven clips, two of which say the same."""
    from myna.checkpoints.store import open_model

    (tmp_path / "clips").mkdir()
    clips = []
    for index, words in enumerate(WORDS):
        audio = toy.clip(2.5, seed=index, rate=32_000)
        audio.save(tmp_path / "clips" / f"{index}.wav")
        clips.append(
            Clip(
                id=str(index),
                source=f"{index}.wav",
                audio=f"clips/{index}.wav",
                end=audio.seconds,
                rate=32_000,
                speaker="anna" if index % 2 else "bob",
                language="en",
                text=words,
            )
        )
    return features(tmp_path, clips, TorchEngine(open_model(base)))


def _learners(found: FeatureSet, base: Path, *settings: str):  # type: ignore[no-untyped-def]
    from myna.checkpoints.store import open_model

    return learners(open_model(base), found, recipes.read("voice", settings), seed=3)


def test_nothing_is_both_trained_on_and_held_out(found: FeatureSet, base: Path) -> None:
    for learner in _learners(found, base):
        train, held = set(learner.recorded.indices), set(learner.held_out.indices)
        assert train
        assert held
        assert not train & held
        assert train | held == set(range(len(WORDS)))
        said = [{WORDS[index] for index in part} for part in (train, held)]
        assert not said[0] & said[1]


def test_lengths_are_in_the_unit_of_the_task(found: FeatureSet, base: Path) -> None:
    token_model, decoder = _learners(found, base)
    row = found.rows[token_model.recorded.indices[0]]
    assert token_model.examples.lengths[0] == row.phones + row.tokens
    assert decoder.examples.lengths[0] == 2 * row.tokens
    assert token_model.settings.budget >= max(token_model.examples.lengths)


def test_what_learns_follows_from_how_much_speech_there_is(found: FeatureSet, base: Path) -> None:
    little = _learners(found, base)[0]
    assert any("lora" in name for name, _ in little.task.nets.named_parameters())
    everything = _learners(found, base, "by_amount=false")[0]
    assert not any("lora" in name for name, _ in everything.task.nets.named_parameters())
    assert little.settings.steps <= everything.settings.steps


def test_copies_sound_different_and_say_the_same(found: FeatureSet, base: Path) -> None:
    settings = ("decoder.copies=2", "decoder.augmentation.voice.probability=1.0")
    decoder = _learners(found, base, *settings)[1]
    assert isinstance(decoder.examples, Varied)
    count = len(decoder.recorded)
    assert len(decoder.examples) == len(decoder.examples.lengths) == 3 * count
    plain, once, twice = (decoder.examples[number * count] for number in range(3))
    assert [each["key"] for each in (once, twice)] == [f"{plain['key']}+1", f"{plain['key']}+2"]
    assert np.array_equal(once["samples"], decoder.examples[count]["samples"])
    for copy in (once, twice):
        assert np.array_equal(copy["tokens"], plain["tokens"])
        assert len(copy["samples"]) == len(plain["samples"])
        assert not np.array_equal(copy["samples"], plain["samples"])
    assert not np.array_equal(once["samples"], twice["samples"])


def test_options_that_contradict_each_other(found: FeatureSet, base: Path, toy_home: Path) -> None:
    voices = ("decoder.copies=1", "decoder.augmentation.voice.probability=0.5")
    with pytest.raises(ConfigError, match=r"speakers that decoder\.speakers was not told of"):
        _learners(found, base, *voices, "decoder.speakers.contrastive=1.0")
    pro = fresh("toyPro", toy_home / "models" / "pro", [toy.clip(5.0)])
    with pytest.raises(ConfigError, match="speaker vectors of toyPro"):
        _learners(replace(found), pro.path, *voices)

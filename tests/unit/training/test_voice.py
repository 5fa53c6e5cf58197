"""From a prepared set to a voice, at toy size: one go, or stopped and gone on with."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import toy
from myna import Myna
from myna.checkpoints import store
from myna.checkpoints.store import ModelFolder
from myna.dataset.manifest import Clip
from myna.dataset.prepare import PreparedSet
from myna.datatypes import Voice
from myna.errors import CheckpointError, ConfigError, TrainingError
from myna.training import judging, recipes, voice
from myna.training.fresh import fresh
from myna.training.judging import Judges
from myna.training.recipes import Recipe
from myna.training.scratch import train_model
from myna.training.voice import train_voice

WORDS = [
    "Good morning to you.",
    "Birds repeat what they hear.",
    "So does this one here.",
    "The quick brown fox jumps.",
    "Nice to meet you again.",
    "She sells sea shells.",
]
SMALL = [
    "token_model.loop.steps=4",
    "token_model.loop.evaluate_every=2",
    "decoder.loop.steps=2",
    "decoder.loop.evaluate_every=1",
    "decoder.loop.most_rows=1",
    "decoder.learning.adversarial=false",
    "decoder.learning.slice_frames=8",
    "decoder.loop.optimiser.rate=0.05",
    "decoder.loop.schedule.warmup_steps=0",
]


class Words:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedSet:
    """Six clips of one speaker."""
    folder = tmp_path / "set"
    (folder / "clips").mkdir(parents=True)
    clips = []
    for index, words in enumerate(WORDS):
        audio = toy.clip(3.0, seed=index, rate=32_000)
        clip = Clip(
            id=f"{index:012x}",
            source=f"{index}.wav",
            audio=f"clips/{index:012x}.flac",
            end=audio.seconds,
            rate=audio.rate,
            speaker="anna",
            language="en",
            text=words,
            quality={"snr_db": 30.0 + index},
        )
        audio.save(folder / clip.audio)
        clips.append(clip)
    return PreparedSet(folder=folder, clips=tuple(clips), dropped=())


@pytest.fixture
def base(toy_home: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFolder:
    """A toy model that can be trained; nobody judges or draws it."""
    monkeypatch.setattr("myna.training.delivering.open_judges", lambda: Judges(None, None))
    monkeypatch.setattr(voice, "plot", lambda _run, out: out.write_bytes(b""))
    return fresh("toy", toy_home / "models" / "base", [toy.clip(4.0, seed=seed) for seed in (1, 2)])


def _recipe(*more: str) -> Recipe:
    return recipes.read("voice", [*SMALL, *more])


def test_one_go(prepared: PreparedSet, base: ModelFolder, tmp_path: Path) -> None:
    words = Words()
    made = train_voice(prepared, base, tmp_path / "run", _recipe(), words, name="anna")
    assert made is not None
    assert made.model.fingerprint != base.fingerprint
    assert store.open_model("anna").fingerprint == made.model.fingerprint
    kept = Voice.load(made.voice)
    assert (kept.model, kept.name) == (made.model.fingerprint, "anna")
    assert kept.prompt is not None
    assert Myna.load("anna").speak("Nice to meet you.", kept).audio.seconds > 0.1
    listen = {path.name for path in (tmp_path / "run" / "listen").iterdir()}
    assert listen == {"1-recorded.wav", "1-before.wav", "1-after.wav"}
    before, after = (
        soundfile.read(tmp_path / "run" / "listen" / f"1-{word}.wav")[0]
        for word in ("before", "after")
    )
    assert len(before) != len(after) or not np.array_equal(before, after)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["chosen"] in ("best", "last")
    assert report["learnt_by_heart"]["verdict"] in ("no", "some", "strong")
    (candidate,) = {path.name for path in (tmp_path / "run" / "candidates").iterdir()} - {""}
    assert re.fullmatch(r"anna-toy-\d-\d", candidate)
    assert report["judges"] == {"recognition_error": None, "similarity": None}
    forecasts = [line for line in words.said if " steps, about " in line]
    assert len(forecasts) == 2
    assert all("Training takes about" in line for line in forecasts)


def test_a_run_that_was_stopped_ends_the_same(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe("token_model.loop.save_every=1")
    whole = train_voice(prepared, base, tmp_path / "whole", recipe, Words(), name="whole")
    run, calls = voice.run, []

    def stopped(*inputs: object, **options: object) -> object:
        calls.append(inputs)
        return run(*inputs, **options, should_stop=lambda: len(calls) in (1, 2))  # type: ignore[arg-type]

    monkeypatch.setattr(voice, "run", stopped)
    again = []
    while len(again) < 4 and (not again or again[-1] is None):
        words = Words()
        again.append(train_voice(prepared, base, tmp_path / "parts", recipe, words, name="parts"))
        assert again[-1] or any("start it again to go on" in line for line in words.said)
    assert again[0] is None
    assert whole is not None
    assert again[-1] is not None
    assert again[-1].model.fingerprint == whole.model.fingerprint


def test_another_run_is_not_mixed_with_this_one(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path
) -> None:
    train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    with pytest.raises(TrainingError, match="holds a run with another seed"):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna", seed=7)
    with pytest.raises(CheckpointError, match="anna is installed already"):
        train_voice(prepared, base, tmp_path / "other", _recipe(), Words(), name="anna")


def test_a_limit_of_time_leaves_out_steps(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path
) -> None:
    train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna", minutes=1e-6)
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert all("steps = 1\n" in settings for settings in plan["settings"].values())


def test_two_speakers_are_no_voice(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path
) -> None:
    first, *rest = prepared.clips
    mixed = replace(prepared, clips=(replace(first, speaker="bob"), *rest))
    with pytest.raises(TrainingError, match="clips of 2 speakers"):
        train_voice(mixed, base, tmp_path / "run", _recipe(), Words(), name="anna")


def test_a_fine_tuned_model_is_not_trained_further(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path
) -> None:
    made = train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    assert made is not None
    with pytest.raises(TrainingError, match="no posterior encoder"):
        train_voice(prepared, made.model, tmp_path / "more", _recipe(), Words(), name="anna2")


def test_a_model_from_scratch_can_be_fine_tuned(
    prepared: PreparedSet, base: ModelFolder, tmp_path: Path
) -> None:
    recipe = recipes.read(
        "scratch", [*SMALL, "decoder.copies=1", "decoder.augmentation.gain.probability=1.0"]
    )
    made = train_model(prepared, "toy", tmp_path / "scratch", recipe, Words(), name="new")
    assert made is not None
    assert made.fingerprint == store.open_model("new").fingerprint
    tuned = train_voice(prepared, made, tmp_path / "run", _recipe(), Words(), name="anna")
    assert tuned is not None
    with pytest.raises(CheckpointError, match="new is installed already"):
        train_model(prepared, "toy", tmp_path / "more", recipe, Words(), name="new")


@pytest.mark.parametrize("name", recipes.PACKAGED)
def test_packaged_recipes_are_sound(name: str) -> None:
    assert recipes.read(name).token_model.loop.steps > 0


def test_recipes_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="neither a file, nor one of voice, scratch, published"):
        recipes.read("fast")
    with pytest.raises(
        ConfigError, match=r"decoder\.loop\.step: there is no such setting; did you mean steps"
    ):
        recipes.read("voice", ["decoder.loop.step=3"])


def test_judges_that_are_missing_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "open_speaker_encoder", _missing)
    monkeypatch.setattr(judging.Recogniser, "load", _missing)
    assert judging.open_judges() == Judges(None, None)
    assert judging.likeness(Judges(None, None), [toy.clip()]) is None


def _missing() -> None:
    from myna.errors import ModelNotFoundError

    raise ModelNotFoundError("It is not there.")

"""A small family from drawn weights, in stages: both nets, then the decoder against judges."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("soundfile")

import toy_small
from myna import Myna
from myna.checkpoints import store
from myna.dataset.feature_set import load
from myna.dataset.features import FeatureSet, features
from myna.dataset.prepare import PreparedSet
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError, TrainingError
from myna.training import delivering, recipes, voice
from myna.training.fresh import fresh
from myna.training.judging import Judges
from myna.training.learning import learners
from myna.training.scratch import train_model
from myna.training.speaker_vectors import of_others
from myna.training.voice import train_voice

FEW = [
    "token_model.loop.steps=1",
    "token_model.loop.evaluate_every=5",
    "token_model.learning.guided_heads=[[0,0]]",
    "decoder.loop.steps=1",
    "decoder.loop.evaluate_every=5",
    "decoder.loop.most_rows=2",
    "decoder.learning.slice_frames=8",
    "split.every=2",
    "repeats={anna=2}",
]
JUDGED = [setting for setting in FEW if not setting.startswith("token_model")]


class Silence:
    def say(self, text: str) -> None:
        pass

    def progress(self, text: str) -> None:
        pass


@pytest.fixture
def prepared(toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedSet:
    monkeypatch.setattr(voice, "plot", lambda _run, out: out.write_bytes(b""))
    toy_small.install(toy_home, monkeypatch)
    return toy_small.prepared(tmp_path / "set")


@pytest.fixture
def found(prepared: PreparedSet, tmp_path: Path) -> FeatureSet:
    base = fresh("toySmall", tmp_path / "base", ())
    return features(prepared.folder, prepared.clips, TorchEngine(base))


def test_stages_go_on_from_each_other(prepared: PreparedSet, tmp_path: Path) -> None:
    first = train_model(
        prepared, "toySmall", tmp_path / "a", recipes.read("tiny", FEW), Silence(), name="first"
    )
    assert first is not None
    assert first.parts == ("token_model", "decoder")
    judged = recipes.read("tiny-judges", JUDGED)
    second = train_model(prepared, first, tmp_path / "b", judged, Silence(), name="second")
    assert second is not None
    assert second.parts == ("token_model", "decoder", "discriminator")
    assert not (tmp_path / "b" / "token_model").exists()
    assert len(list((prepared.folder / "features").iterdir())) == len(prepared.clips), "kept"
    files = [model.files["token_model.safetensors"].sha256 for model in (first, second)]
    before, after = (store.tensors(model, "token_model") for model in (first, second))
    assert files[0] == files[1] or all(np.array_equal(before[n], after[n]) for n in before)
    assert first.fingerprint != second.fingerprint
    assert second.provenance["before"]["sources"] == "trained from scratch"

    # Without judges the decoder moves away from what they know, so they do not come along.
    plain = recipes.read("tiny-judges", [*JUDGED, "decoder.learning.adversarial=false"])
    third = train_model(prepared, second, tmp_path / "c", plain, Silence(), name="third")
    assert third is not None
    assert "discriminator" not in third.parts


def test_a_voice_of_little_speech_is_spelled_as_before(
    prepared: PreparedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.training.delivering.open_judges", lambda: Judges(None, None))
    base = fresh("toySmall", tmp_path / "base", ())
    clips = toy_small.prepared(tmp_path / "anna", ("anna",), 4.0)
    said = tuple(replace(clip, text=f"{clip.text} {clip.text}") for clip in clips.clips)
    clips = replace(clips, clips=said)
    recipe = recipes.read("voice", ["decoder.loop.steps=1", "decoder.learning.slice_frames=8"])
    made = train_voice(clips, base, tmp_path / "run", recipe, Silence(), name="anna")
    assert made is not None
    assert not (tmp_path / "run" / "token_model").exists()
    assert made.remembered is None
    before, after = (
        {part: store.tensors(model, part) for part in ("token_model", "decoder")}
        for model in (base, made.model)
    )
    for name, tensor in before["token_model"].items():
        np.testing.assert_array_equal(after["token_model"][name], tensor)
    assert any(
        not np.array_equal(after["decoder"][name], tensor)
        for name, tensor in before["decoder"].items()
    )


def test_a_voice_takes_timbre_from_all_clips(prepared: PreparedSet, tmp_path: Path) -> None:
    base = fresh("toySmall", tmp_path / "base", ())
    clips = toy_small.prepared(tmp_path / "anna", ("anna",), 4.0)
    made = delivering._voice(base, clips.folder, clips.clips, "anna", "cpu")
    recordings = [clips.folder / clip.audio for clip in clips.clips]
    expected = Myna.load(base.path, engine="torch", device="cpu").clone(recordings, cache=False)
    np.testing.assert_allclose(made.timbre, expected.timbre, atol=1e-6)
    assert made.prompt is None


def test_a_run_goes_on_only_from_the_same_model(prepared: PreparedSet, tmp_path: Path) -> None:
    bases = [fresh("toySmall", tmp_path / str(seed), (), seed=seed) for seed in (1, 2)]
    judged = recipes.read("tiny-judges", JUDGED)
    assert train_model(prepared, bases[0], tmp_path / "run", judged, Silence(), name="one")
    with pytest.raises(TrainingError, match="with another base"):
        train_model(prepared, bases[1], tmp_path / "run", judged, Silence(), name="two")


def test_minutes_take_steps_away(prepared: PreparedSet, tmp_path: Path) -> None:
    recipe = recipes.read("tiny-judges", [*JUDGED, "decoder.loop.steps=1000000"])
    base = fresh("toySmall", tmp_path / "base", ())
    made = train_model(
        prepared, base, tmp_path / "run", recipe, Silence(), name="brief", minutes=0.003
    )
    assert made is not None
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert "steps = 1000000" not in plan["settings"]["decoder"]


def test_bundled_speakers_are_heard_more_often(found: FeatureSet, tmp_path: Path) -> None:
    base = store.open_model(tmp_path / "base")
    token_model, decoder = learners(base, found, recipes.read("tiny", FEW), seed=1)
    for learner in (token_model, decoder):
        keys = [learner.examples[place]["key"] for place in range(len(learner.examples))]
        assert len(set(keys)) == len(keys)
        voices = [learner.examples[place]["voice"] for place in range(len(learner.examples))]
        assert voices.count("anna") == 2 * voices.count("ben") > 0
        again = next(place for place, key in enumerate(keys) if key.endswith("~1"))
        assert np.array_equal(
            learner.examples[again]["samples"], learner.examples[again - 1]["samples"]
        )
        held = {learner.held_out[place]["text"] for place in range(len(learner.held_out))}
        assert held
        assert not held & {learner.examples[place]["text"] for place in range(len(keys))}


def test_speaker_vectors_are_means_of_other_clips(found: FeatureSet, tmp_path: Path) -> None:
    own = {row.clip.id: load(row.path, ("speaker",))["speaker"] for row in found.rows}
    speakers = {row.clip.id: row.clip.speaker for row in found.rows}
    everyone = of_others(found, 100)
    for key, vector in everyone.items():
        others = [own[o] for o in own if o != key and speakers[o] == speakers[key]]
        np.testing.assert_allclose(vector, np.mean(others, 0), rtol=1e-5, atol=1e-6)
    single = of_others(found, 1)
    for key, vector in single.items():
        same = [o for o in own if np.array_equal(own[o], vector)]
        assert same
        assert key not in same
        assert {speakers[o] for o in same} == {speakers[key]}
    assert all(np.array_equal(single[key], of_others(found, 1)[key]) for key in single)
    alone = found.take([0])
    np.testing.assert_array_equal(
        of_others(alone, 8)[alone.rows[0].clip.id], own[alone.rows[0].clip.id]
    )

    base = store.open_model(tmp_path / "base")
    example = learners(base, found, recipes.read("tiny", FEW), seed=1)[0].examples[0]
    vector = of_others(found, 8)[example["key"]]
    np.testing.assert_array_equal(example["speaker"], vector)
    assert example["text_features"].shape == (len(example["phones"]), 6)
    np.testing.assert_array_equal(example["text_features"][-1], vector)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('learn=["decoder","token_model"]', "in order"),
        ("learn=[]", "name some of"),
        ("repeats={anna=0}", "at least 1"),
        ("speaker_clips=-1", "speaker_clips"),
    ],
)
def test_settings_that_no_run_has(setting: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        recipes.read("tiny", [setting])


def test_settings_that_this_run_cannot_have(
    prepared: PreparedSet, found: FeatureSet, tmp_path: Path
) -> None:
    base = store.open_model(tmp_path / "base")
    with pytest.raises(ConfigError, match="zoe, who is not in the set"):
        learners(base, found, recipes.read("tiny", [*FEW, "repeats={zoe=2}"]), seed=1)
    alone = recipes.read("voice", ['learn=["decoder"]'])
    one = toy_small.prepared(tmp_path / "one", ("anna",))
    with pytest.raises(ConfigError, match="a voice learns"):
        train_voice(one, base, tmp_path / "run", alone, Silence(), name="anna")

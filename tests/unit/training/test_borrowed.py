"""A decoder that is trained on another machine, with what fits into a small folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("soundfile")

import toy_small
from myna.checkpoints import store
from myna.dataset.feature_set import load, save
from myna.dataset.features import FeatureSet, features
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError, DatasetError, TrainingError
from myna.training import borrowing, portable, portable_weights, recipes
from myna.training.borrowed import main
from myna.training.borrowing import CLIPS, pack, run, take
from myna.training.fresh import fresh
from myna.training.recipes import Recipe

SETTINGS = [
    "decoder.loop.steps=3",
    "decoder.loop.most_rows=2",
    "decoder.learning.slice_frames=8",
    "split.every=2",
    "repeats={anna=2}",
]


@pytest.fixture
def base(toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.ModelFolder:
    toy_small.install(toy_home, monkeypatch)
    return fresh("toySmall", toy_home / "models" / "base", ())


@pytest.fixture
def found(base: store.ModelFolder, tmp_path: Path) -> FeatureSet:
    prepared = toy_small.prepared(tmp_path / "set")
    return features(prepared.folder, prepared.clips, TorchEngine(base))


def recipe(*more: str) -> Recipe:
    return recipes.read("tiny-judges", [*SETTINGS, *more])


@pytest.mark.parametrize("codec", portable.CODECS)
def test_features_arrive(found: FeatureSet, tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clips.safetensors"
    size = portable.write(found, path, codec=codec, jobs=2)
    assert size == path.stat().st_size
    there = portable.read(path, tmp_path / "there", jobs=2)
    assert (there.rate, there.speaker_aware) == (found.rate, True)
    for sent, came in zip(found.rows, there.rows, strict=True):
        assert (sent.clip.id, sent.clip.text, sent.clip.speaker) == (
            came.clip.id,
            came.clip.text,
            came.clip.speaker,
        )
        assert (sent.phones, sent.tokens, sent.samples) == (came.phones, came.tokens, came.samples)
        before, after = load(sent.path), load(came.path)
        del before["places"]  # which no decoder reads
        assert {name: each.dtype for name, each in before.items()} == {
            name: each.dtype for name, each in after.items()
        }
        for name in ("phones", "tokens", "band"):
            np.testing.assert_array_equal(before[name], after[name])
        for name in ("pitch", "speaker"):
            np.testing.assert_allclose(before[name], after[name], rtol=1e-3, atol=1e-3)
        if codec == "flac":
            np.testing.assert_array_equal(before["samples"], after["samples"])
        else:
            heard = np.corrcoef(before["samples"], after["samples"])[0, 1]
            assert heard > 0.9


def test_features_there_stay(found: FeatureSet, tmp_path: Path) -> None:
    portable.write(found, tmp_path / "clips", codec="flac")
    there = portable.read(tmp_path / "clips", tmp_path / "there")
    first, second = (row.path for row in there.rows[:2])
    save(first, {**load(first), "band": np.array([1.0], np.float32)})
    second.write_bytes(b"cut short")
    portable.read(tmp_path / "clips", tmp_path / "there")
    assert load(first)["band"] == [1.0]
    assert load(second)["band"] > 1.0


def test_a_damaged_file_is_refused(found: FeatureSet, tmp_path: Path) -> None:
    path = tmp_path / "clips"
    portable.write(found, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="pack them again"):
        portable.read(path, tmp_path / "there")


def test_what_cannot_be_packed(found: FeatureSet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32000 Hz"):
        portable.write(FeatureSet(rows=found.rows, rate=32_000), tmp_path / "x")
    with pytest.raises(DatasetError, match="no clips"):
        portable.write(found.take([]), tmp_path / "x")
    with pytest.raises(ConfigError, match="do not fit"):
        portable.bits_for(3600.0, 1 << 20)
    assert portable.bits_for(3600.0, 16 << 20) == pytest.approx(8 * (16 << 20) / 3600 - 3000, 1e-3)


def test_there_and_back(
    base: store.ModelFolder, found: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result, work = tmp_path / "folder", tmp_path / "result", tmp_path / "work"
    size = pack(found, base, recipe(), folder, codec="flac")
    assert size < sum(each.stat().st_size for each in folder.iterdir()) < size + 8_000
    monkeypatch.setattr(portable_weights, "MOST_BYTES", 400_000)
    told: list[str] = []
    first = run(folder, result, work, minutes=1.0, device="cpu", tell=told.append)
    assert (first.steps, first.total) == (3, 3)
    terms = {name.rpartition("/")[2] for name in first.losses}
    assert {"adversarial", "features", "discrimination"} <= terms
    names = {each.name for each in result.iterdir()}
    shards = {name for name in names if name.startswith("weights-")}
    assert names == shards | {"facts.json", "log.jsonl"}
    assert len(shards) >= 2
    assert max((result / name).stat().st_size for name in shards) < 420_000

    assert take(result, folder) == 3
    assert {each.name for each in folder.glob("weights-*")} == shards
    second = run(folder, result, work, minutes=1.0, device="cpu", tell=told.append)
    assert (second.steps, second.total) == (3, 6)
    assert take(result, folder) == 6

    assert main(["install", str(folder), "--from", "base", "--name", "judged"]) == 0
    made = store.open_model("judged")
    assert made.parts == ("token_model", "decoder", "discriminator")
    assert made.provenance["judged_steps"] == 6
    old, new = (store.tensors(model, "token_model") for model in (base, made))
    assert all(np.array_equal(old[name], new[name]) for name in old)
    old, new = (store.tensors(model, "decoder") for model in (base, made))
    assert set(old) == set(new)
    assert any(np.abs(old[name] - new[name]).max() > 1e-4 for name in old)
    assert TorchEngine(made).spec.name == "toySmall"


def test_time_that_is_up_ends_a_run_with_weights(
    base: store.ModelFolder, found: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result = tmp_path / "folder", tmp_path / "result"
    pack(found, base, recipe("decoder.loop.steps=100000"), folder, codec="flac")
    monkeypatch.setattr(borrowing, "_FINISH_SECONDS", 0.0)
    ran = run(folder, result, tmp_path / "work", minutes=0.001, device="cpu")
    assert ran.steps == 1
    assert portable_weights.facts_of(result)["steps"] == 1


def test_weights_that_are_not_whole(
    base: store.ModelFolder, found: FeatureSet, tmp_path: Path
) -> None:
    folder, result = tmp_path / "folder", tmp_path / "result"
    pack(found, base, recipe(), folder, codec="flac")
    result.mkdir()
    with pytest.raises(TrainingError, match="not whole"):
        take(result, folder)
    portable_weights.write(result, {"decoder": {"a": np.zeros(3)}}, {"family": "v2", "steps": 1})
    with pytest.raises(TrainingError, match="another family"):
        take(result, folder)
    (result / "weights-0.safetensors").write_bytes(b"cut")
    with pytest.raises(TrainingError, match="not as they were written"):
        take(result, folder)
    facts = json.loads((folder / "facts.json").read_text())
    facts["files"] = {"../set.json": "0" * 64}
    (folder / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(TrainingError, match="names files elsewhere"):
        portable_weights.facts_of(folder)


def test_some_speakers_and_a_recipe_for_the_decoder(
    base: store.ModelFolder, found: FeatureSet, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="learn is"):
        pack(found, base, recipes.read("tiny"), tmp_path / "a")
    pack(found, base, recipe(), tmp_path / "b", speakers=("ben",), codec="flac")
    there = portable.read(tmp_path / "b" / CLIPS, tmp_path / "there")
    assert {row.clip.speaker for row in there.rows} == {"ben"}
    assert len(there) == len(found) // 2

"""The speaker encoder from recordings to a model folder, at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna import config
from myna.audio.filterbank import fbank
from myna.audio.recordings import read
from myna.checkpoints import store
from myna.errors import ConfigError, DatasetError, TrainingError
from myna.nets.ecapa import Ecapa
from myna.specs import ENCODERS, EcapaSpec, encoder_spec
from myna.training.corpora import filter_banks
from myna.training.speaker_encoder import RECIPE, SpeakerEncoderRecipe, main, make

SPEC = EcapaSpec(channels=8, scale=2, bottleneck=4, pooled=8, width=6)
SMALL = """
encoder = "toy-ecapa"
corpora = ["one", "two"]
speeds = [0.9, 1.0]
each = 4
seconds = 0.8
trials = 2
trial_seconds = 0.6

[held_out]
two = 2

[task]
crop = [0.5, 0.7]

[loop]
steps = 4
budget = 640
most_rows = 8
evaluate_every = 2
save_every = 2
sample_every = 0
"""


def record(path: Path, pitch: float, seconds: float, rate: int) -> None:
    time = np.arange(round(seconds * rate)) / rate
    draw = np.random.default_rng(int(pitch))
    tone = sum(np.sin(2 * np.pi * pitch * number * time) / number for number in range(1, 8))
    soundfile.write(path, 0.2 * tone + 0.01 * draw.normal(size=len(time)), rate)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two corpora: two speakers, and four."""
    folder = tmp_path / "speech"
    for corpus, speakers, rate in (("one", 2, 22_050), ("two", 4, 16_000)):
        (folder / corpus).mkdir(parents=True)
        lines = []
        for number in range(speakers):
            for take in range(2):
                name = f"{corpus}/{number}-{take}.wav"
                record(folder / name, 90.0 + 40 * number + take, 1.3, rate)
                lines.append(f"{name}|s{number}|en|\n")
        (folder / f"{corpus}.list").write_text("".join(lines))
    return folder


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENCODERS, "toy-ecapa", SPEC)
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL)
    return path


def test_one_command_makes_a_model_folder(speech: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ["--speech", str(speech), "--out", str(out), "--recipe", str(recipe)]
    assert main([*given, "--device", "cpu"]) == 0
    model = store.open_model(out / "toy-ecapa")
    store.verify(model)
    assert (model.kind, model.spec, model.name) == (store.ENCODER, "toy-ecapa", "toy-ecapa")
    weights = store.tensors(model, "weights")
    net = Ecapa(SPEC).eval()
    net.load_state_dict({name: torch.from_numpy(each).float() for name, each in weights.items()})
    vector = net(torch.from_numpy(fbank(read(speech / "two/0-0.wav")))[None])
    assert vector.isfinite().all()
    assert {weights[name].dtype for name in weights} == {np.dtype("float16"), np.dtype("float32")}
    assert not torch.equal(net.standard.mean, torch.zeros_like(net.standard.mean))
    found = json.loads((out / "figures.json").read_text())
    assert model.provenance["held_out"] == found
    assert 0 <= found["equal_error_rate"] <= 1
    assert config.read(out / "recipe.toml", SpeakerEncoderRecipe) == config.read(
        recipe, SpeakerEncoderRecipe
    )


def test_a_run_goes_on_where_it_was_and_hears_recordings_once(
    speech: Path, recipe: Path, tmp_path: Path
) -> None:
    whole = config.read(recipe, SpeakerEncoderRecipe)
    half = config.read(recipe, SpeakerEncoderRecipe, overrides=["loop.steps=2"])
    told: list[str] = []
    made = [
        make(each, speech, tmp_path / out, device="cpu", on_progress=told.append)
        for each, out in ((whole, "a"), (half, "b"), (whole, "b"))
    ]
    assert sum(text.startswith("filter banks of one") for text in told) == 2
    assert sum(text.startswith("step ") for text in told) == 4 + 2 + 2
    first, _, last = (each and each.fingerprint for each in made)
    assert first == last


def test_who_is_held_out_is_not_learned(
    speech: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from myna.training import speaker_encoder

    seen = {}

    def spy(task, examples, trials, *_, **__):
        seen["learned"] = {tuple(examples[row]["key"].split()[:2]) for row in range(len(examples))}
        seen["asked"] = {tuple(trials[row]["key"].split()[:2]) for row in range(len(trials))}
        raise KeyboardInterrupt

    monkeypatch.setattr(speaker_encoder, "run", spy)
    with pytest.raises(KeyboardInterrupt):
        make(config.read(recipe, SpeakerEncoderRecipe), speech, tmp_path / "run")
    assert len(seen["learned"]) == 2 + 4 - 2
    assert len(seen["asked"]) == 2
    assert not seen["learned"] & seen["asked"]


def test_filter_banks_are_kept_until_the_list_changes(speech: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = filter_banks(speech, "two", cache)
    assert [each.line.speaker for each in first] == [f"s{n}" for n in range(4) for _ in range(2)]
    expected = fbank(read(speech / "two/1-0.wav"))
    np.testing.assert_array_equal(first[2].bands, expected.astype(np.float16))

    told: list[str] = []
    again = filter_banks(speech, "two", cache, told.append)
    assert not told
    for before, now in zip(first, again, strict=True):
        np.testing.assert_array_equal(before.bands, now.bands)

    path = speech / "two.list"
    path.write_text(path.read_text() + "two/0-0.wav|s9|en|\n")
    longer = filter_banks(speech, "two", cache, told.append)
    assert told
    assert len(longer) == 9
    np.testing.assert_array_equal(longer[-1].bands, first[0].bands)


def test_damaged_filter_banks_are_made_anew(
    speech: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = filter_banks(speech, "one", tmp_path)
    kept = tmp_path / "one.safetensors"
    kept.write_bytes(kept.read_bytes()[:-7])
    again = filter_banks(speech, "one", tmp_path)
    assert "is damaged" in caplog.text
    np.testing.assert_array_equal(first[-1].bands, again[-1].bands)


def test_a_corpus_that_is_not_there(speech: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"three\.list"):
        filter_banks(speech, "three", tmp_path)


def test_more_speakers_held_out_than_there_are(speech: Path, recipe: Path, tmp_path: Path) -> None:
    greedy = config.read(recipe, SpeakerEncoderRecipe, overrides=["held_out.two=5"])
    with pytest.raises(TrainingError, match="5 speakers are to be held out of a corpus that has 4"):
        make(greedy, speech, tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("speeds=[0.1]", "speeds are"),
        ("each=0", "each is 0"),
        ("seconds=0.1", "seconds is 0.1"),
        ("held_out.three=2", "held_out names"),
    ],
)
def test_odd_recipes_are_refused(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.read(recipe, SpeakerEncoderRecipe, overrides=[override])


def test_the_packaged_recipe_is_sound() -> None:
    found = config.read(RECIPE, SpeakerEncoderRecipe)
    assert found.seconds >= found.task.crop[1]
    assert encoder_spec(found.encoder, EcapaSpec).bands == 80

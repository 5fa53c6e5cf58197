"""The content encoder from recordings to files, in its two stages, at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")
# ruff: noqa: E402 - the rest can be imported only with torch

import toy
from myna import config
from myna.audio.filterbank import fbank
from myna.audio.pitch import pitch
from myna.audio.recordings import read
from myna.checkpoints import store
from myna.dataset.lists import Line
from myna.datatypes import Audio
from myna.engines.recogniser import Recogniser, pack
from myna.errors import CheckpointError, ConfigError
from myna.nets.content_encoder import ContentEncoder
from myna.specs import ENCODERS, ContentEncoderSpec
from myna.text.sounds import ids
from myna.training import content_corpora, content_encoder
from myna.training.content_corpora import UNKNOWN, examples, labelled, octaves, sounds_of
from myna.training.content_encoder import RECIPES, ContentEncoderRecipe, main, make
from myna.training.content_figures import code_use, speakers_told
from myna.training.content_packing import begin
from myna.training.corpora import filter_banks

SPEC = ContentEncoderSpec(
    channels=2, width=16, heads=2, layers=2, feedforward=16, levels=(4, 4), quantised_after=1
)
SMALL = """
encoder = "toy-content"
quantised = {quantised}
corpora = ["one", "two"]
spelled = ["two"]
joined = ["two"]
words = [1, 2]
passes = 2
every = 3
judged = 2

[loop]
steps = 4
budget = 1000
most_rows = 4
average = 0.9
evaluate_every = 2
save_every = 2
sample_every = 0
"""
SENTENCES = ["Good morning to you all.", "Birds repeat what they hear.", "He went home.", "A fox."]
SYLLABLES = ["zhong1", "guo2", "ma3", "lv4", "nothing", "fe1"]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of two speakers, and syllables in pinyin, two of which are none."""
    folder = tmp_path_factory.mktemp("speech")
    for corpus in ("one", "two"):
        (folder / corpus).mkdir()
    lines = []
    for number, text in enumerate(SENTENCES * 2):
        name = f"one/{number}.wav"
        toy.clip(2.0, seed=number).save(folder / name)
        lines.append(f"{name}|{'ab'[number // 4]}|en|{text}\n")
    lines.append("one/0.wav|a|en|\n")
    (folder / "one.list").write_text("".join(lines))
    lines = []
    for number, text in enumerate(SYLLABLES):
        name = f"two/{number}.wav"
        toy.clip(0.5, seed=20 + number).save(folder / name)
        lines.append(f"{name}|c|zh|{text}\n")
    (folder / "two.list").write_text("".join(lines))
    return folder


@pytest.fixture(autouse=True)
def toy_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "toy-content", SPEC)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A recogniser that knows nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = ContentEncoder(SPEC)
    pack(net.state_dict(), SPEC, tmp_path / "start.safetensors")
    return tmp_path / "start.safetensors"


def small(quantised: bool, *settings: str) -> ContentEncoderRecipe:
    text = SMALL.format(quantised=str(quantised).lower())
    return config.parse(text, ContentEncoderRecipe, overrides=settings)


def test_both_stages_by_command(speech: Path, tmp_path: Path) -> None:
    paths = []
    for quantised in (False, True):
        paths.append(tmp_path / f"{quantised}.toml")
        paths[-1].write_text(SMALL.format(quantised=str(quantised).lower()))
    given = ["--speech", str(speech), "--device", "cpu"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main([*given, "--out", str(first), "--recipe", str(paths[0])]) == 0
    Recogniser.load(first / "recogniser.safetensors")
    assert not (first / "toy-content").exists()
    found = json.loads((first / "figures.json").read_text())
    assert set(found) == {"one.sounds_wrong", "two.sounds_wrong"}

    weights = str(first / "recogniser.safetensors")
    arguments = ["--out", str(second), "--recipe", str(paths[1]), "--from", weights]
    assert main([*given, *arguments]) == 0
    heard = Recogniser.load(second / "recogniser.safetensors")
    assert heard.phones(toy.clip(1.0)) is not None
    model = store.open_model(second / "toy-content")
    store.verify(model)
    assert (model.kind, model.spec) == (store.ENCODER, "toy-content")
    net = ContentEncoder(SPEC)
    tensors = store.tensors(model, "weights")
    net.load_state_dict({name: torch.from_numpy(each).float() for name, each in tensors.items()})
    found = json.loads((second / "figures.json").read_text())
    assert model.provenance["held_out"] == found
    assert 1 <= found["perplexity"] <= found["codes_used"] <= 16
    assert found["one.speakers_by_chance"] == 0.5
    assert "two.speakers_told" not in found
    assert "two.frames_wrong" not in found


def test_a_run_goes_on_and_computes_once(
    speech: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_corpora, "LEAST_SCORE", -1e9)
    told: list[str] = []
    made = [
        make(recipe, speech, tmp_path / out, start=start, device="cpu", on_progress=told.append)
        for recipe, out in (
            (small(True), "a"),
            (small(True, "loop.steps=2"), "b"),
            (small(True), "b"),
        )
    ]
    assert sum(text.startswith("labels of one") for text in told) == 2
    assert not any(text.startswith("labels of two") for text in told)
    assert sum(text.startswith("step ") for text in told) == 4 + 2 + 2
    prints = [each and each.folder and each.folder.fingerprint for each in made]
    assert prints[0] == prints[2] != prints[1]
    assert "one.frames_wrong" in made[0].figures


def test_labels_are_of_the_frames_that_the_recogniser_lays(
    speech: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_corpora, "LEAST_SCORE", -1e9)
    banks = filter_banks(speech, "one", tmp_path / "banks")
    labels = labelled(speech, "one", banks, start, tmp_path / "labels")
    total = sum(len(each.bands) for each in banks)
    assert labels.frames.shape == labels.pitch.shape == (total,)
    own = len(banks[0].bands)
    sounds = sounds_of(banks[0].line, spelled=False)
    placed, _ = Recogniser.load(start).lay(banks[0].bands.astype(np.float32), sounds)
    for sound, (first, last) in zip(ids(sounds), placed, strict=True):
        assert set(labels.frames[first:last].tolist()) == {sound}
    assert (labels.frames[:own] != UNKNOWN).all()
    expected = octaves(pitch(read(speech / "one/0.wav")), own)
    np.testing.assert_array_equal(labels.pitch[:own], expected)
    assert (labels.frames[-own:] == UNKNOWN).all(), "it has no text"

    monkeypatch.setattr(content_corpora, "LEAST_SCORE", 1.0)
    doubted = labelled(speech, "one", banks, start, tmp_path / "others")
    assert (doubted.frames == UNKNOWN).all()
    assert (doubted.pitch > 0).any()
    assert (labelled(speech, "one", banks, start, tmp_path / "labels").frames >= 0).any(), "kept"


def test_labels_are_made_anew_for_another_recogniser(
    speech: Path, start: Path, tmp_path: Path
) -> None:
    banks = filter_banks(speech, "one", tmp_path / "banks")
    told: list[str] = []
    labelled(speech, "one", banks, start, tmp_path / "labels", on_progress=told.append)
    labelled(speech, "one", banks, start, tmp_path / "labels", on_progress=told.append)
    assert len(told) == 1
    net = ContentEncoder(SPEC)
    pack(net.state_dict(), SPEC, start)
    labelled(speech, "one", banks, start, tmp_path / "labels", on_progress=told.append)
    assert len(told) == 2
    (tmp_path / "labels" / "one.safetensors").write_bytes(b"damaged")
    labelled(speech, "one", banks, start, tmp_path / "labels", on_progress=told.append)
    assert len(told) == 3


def test_pitch_comes_a_hundred_times_per_second() -> None:
    time = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 200 * number * time) / number for number in range(1, 9))
    audio = Audio((0.2 * tone).astype(np.float32), 16_000)
    values = octaves(pitch(audio), len(fbank(audio)))
    assert np.median(values[10:-10]) == pytest.approx(np.log2(200), abs=0.02)
    assert len(octaves(pitch(audio), 120)) == 120


def test_what_cannot_be_learned_from_is_left_out(speech: Path, tmp_path: Path) -> None:
    one = examples("one", filter_banks(speech, "one", tmp_path))
    assert [each.line.number for each in one] == list(range(1, 9))
    assert not examples("one", filter_banks(speech, "one", tmp_path), longest_seconds=1.0)
    two = examples("two", filter_banks(speech, "two", tmp_path), spelled=True)
    assert [each.line.text for each in two] == SYLLABLES[:4]
    assert sounds_of(Line(path="", text="zhong1", language="zh"), spelled=True) == ["zh", "ong1"]
    assert sounds_of(Line(path="", text="KTV", language="zh"), spelled=False) == []
    assert sounds_of(Line(path="", text="A fox.", language="en"), spelled=False)[1:] == [
        "F",
        "AA",
        "K",
        "S",
    ]


def test_weights_of_another_encoder_are_refused(start: Path, tmp_path: Path) -> None:
    same = ContentEncoder(SPEC)
    begin(same, start)
    other = ContentEncoder(ContentEncoderSpec(channels=2, width=24, heads=2, layers=2))
    with pytest.raises(CheckpointError, match="does not fit"):
        begin(other, start)
    plain = ContentEncoderSpec(channels=2, width=16, heads=2, layers=2, feedforward=16)
    with pytest.raises(CheckpointError, match="another content encoder"):
        begin(ContentEncoder(plain), start)
    unquantised = ContentEncoder(plain)
    pack(unquantised.state_dict(), plain, tmp_path / "plain.safetensors")
    drawn = same.quantiser.down.weight.clone()
    begin(same, tmp_path / "plain.safetensors")
    assert torch.equal(same.quantiser.down.weight, drawn)
    assert torch.equal(same.head.tone.weight, unquantised.head.tone.weight.half().float())


def test_figures_of_codes() -> None:
    assert code_use([np.array([0, 1]), np.array([2, 3])], 8) == {
        "codes_used": 4.0,
        "perplexity": pytest.approx(4.0),
    }
    known = {"a": [np.array([0, 0, 1])], "b": [np.array([2, 2, 1])]}
    asked = {"a": [np.array([0, 1])], "b": [np.array([2, 1]), np.array([0, 0])]}
    assert speakers_told(known, asked, 4) == pytest.approx(2 / 3)


def test_recipes_are_read_and_hold_out_the_same() -> None:
    folder = Path(content_encoder.__file__).with_name("recipes")
    first, second = (config.read(folder / f"{name}.toml", ContentEncoderRecipe) for name in RECIPES)
    assert not first.spec.levels
    assert second.spec.codes == 1024
    assert first.every == second.every
    assert first.corpora == second.corpora


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('joined=["three"]', "which corpora does not"),
        ("words=[2, 1]", "a least and a most"),
        ("every=1", "every is 1"),
        ("early=1.0", "early is 1"),
    ],
)
def test_settings_that_cannot_be(setting: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        small(True, setting)

"""The recogniser from recordings to weights, at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")
# ruff: noqa: E402 - the rest can be imported only with torch

import toy
from myna import config
from myna.dataset.lists import Line
from myna.engines.recogniser import Recogniser
from myna.errors import ConfigError
from myna.specs import ConformerSpec
from myna.training import recogniser
from myna.training.corpora import filter_banks
from myna.training.recogniser import RECIPE, RecogniserRecipe, main, make
from myna.training.recogniser_corpora import examples, sounds_of

SPEC = ConformerSpec(channels=2, width=16, heads=2, layers=2, feedforward=16, early_after=1)
SMALL = """
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
def toy_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "RECOGNISER", SPEC)


def small(*settings: str) -> RecogniserRecipe:
    return config.parse(SMALL, RecogniserRecipe, overrides=settings)


def test_by_command(speech: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    run = tmp_path / "run"
    given = ["--speech", str(speech), "--out", str(run), "--device", "cpu"]
    assert main([*given, "--recipe", str(tmp_path / "small.toml")]) == 0
    heard = Recogniser.load(run / "recogniser.safetensors")
    assert heard.phones(toy.clip(1.0)) is not None
    found = json.loads((run / "figures.json").read_text())
    assert set(found) == {"one.sounds_wrong", "two.sounds_wrong"}
    assert all(value > 0 for value in found.values())
    assert config.read(run / "recipe.toml", RecogniserRecipe) == small()


def test_a_run_goes_on(speech: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = [
        make(recipe, speech, tmp_path / out, device="cpu", on_progress=told.append)
        for recipe, out in ((small(), "a"), (small("loop.steps=2"), "b"), (small(), "b"))
    ]
    assert sum(text.startswith("step ") for text in told) == 4 + 2 + 2
    whole, part, rest = made
    assert whole is not None
    assert part is not None
    assert rest is not None
    assert whole.figures == rest.figures
    assert part.weights == rest.weights
    assert whole.weights.read_bytes() == rest.weights.read_bytes()


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


def test_the_recipe_is_read() -> None:
    recipe = config.read(RECIPE, RecogniserRecipe)
    assert recipe.every == 33
    assert "en_kathleen" in recipe.corpora


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
        small(setting)

"""Features of clips: made as the published data was, kept, resumed, and dropped with a reason."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
import toy_small

pytest.importorskip("torch")

from myna import text
from myna.audio.filterbank import fbank
from myna.audio.preparation import training_content_input, training_pcm
from myna.audio.recordings import read
from myna.audio.resample import HANN_SINC, HIGH_QUALITY, resample
from myna.checkpoints.store import open_model
from myna.dataset.features import FOLDER, FeatureLimits, FeatureSet, features
from myna.dataset.manifest import Clip
from myna.datatypes import Audio
from myna.engines import load_engine
from myna.engines.base import Engine
from myna.engines.recogniser import Recogniser
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError, DatasetError, EngineError
from myna.text.sounds import heard_in, ids
from myna.training.fresh import fresh

WORDS = "birds repeat what they hear, and so does this one."


@pytest.fixture
def engine(toy_home: Path) -> Engine:
    return load_engine(open_model("toyPro"), device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set" / "clips").mkdir(parents=True)
    return tmp_path / "set"


def clip(
    folder: Path, name: str = "one", seconds: float = 3.0, rate: int = 32_000, **facts: Any
) -> Clip:
    sound = toy.clip(seconds, rate=rate, seed=len(name))
    sound.save(folder / "clips" / f"{name}.wav")
    known: dict[str, Any] = {
        "text": WORDS,
        "language": "en",
        "speaker": "anna",
        "end": sound.seconds,
    }
    return Clip(
        id=name,
        source=f"{name}.wav",
        audio=f"clips/{name}.wav",
        rate=sound.rate,
        **known | facts,
    )


class Counting:
    """An engine that counts how often tokens are asked for, and may fail."""

    def __init__(self, engine: Engine, fail_at: int = -1) -> None:
        self.engine, self.calls, self.fail_at = engine, 0, fail_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def tokens(self, samples: Any) -> Any:
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        self.calls += 1
        return self.engine.tokens(samples)


def test_everything_is_made_as_published_data_was(engine: Engine, folder: Path) -> None:
    one = clip(folder, rate=22_050)
    (example,) = features(folder, [one], engine, improved=False)
    rate = engine.spec.rate
    sound = resample(read(folder / one.audio), rate, HIGH_QUALITY)
    stored = training_pcm(sound)
    heard = Audio(stored.astype(np.float32) / 32768, rate)
    phones = text.direct(WORDS, language="en", table="v2").symbols
    assert example["key"] == "one"
    assert (example["text"], example["language"], example["voice"]) == (WORDS, "en", "anna")
    assert example["seconds"] == pytest.approx(3.5, abs=1e-3)
    np.testing.assert_array_equal(example["phones"], text.ids(phones, "v2"))
    np.testing.assert_array_equal(example["samples"], stored)
    assert example["samples"].dtype == np.int16
    expected = engine.tokens(training_content_input(sound).samples)
    np.testing.assert_array_equal(example["tokens"], expected)
    vector = engine.speaker(fbank(resample(heard, 16_000, HANN_SINC)))
    np.testing.assert_array_equal(example["speaker"], vector)
    assert vector.shape == (engine.spec.decoder.speaker_vector,)
    assert "text_features" not in example


def test_a_family_without_a_speaker_vector_gets_none(toy_home: Path, folder: Path) -> None:
    engine = load_engine(open_model("toy"), device="cpu")
    (example,) = features(folder, [clip(folder)], engine)
    assert "speaker" not in example
    with pytest.raises(EngineError, match="toy have no speaker vector"):
        engine.speaker(np.zeros((50, 80), dtype=np.float32))


def test_text_features_where_the_family_has_them(engine: Engine, folder: Path) -> None:
    pytest.importorskip("pypinyin")
    pytest.importorskip("jieba")
    words = "你好世界早上春天来了。"
    (example,) = features(folder, [clip(folder, text=words, language="zh")], engine)
    phonemes = text.direct(words, language="zh")
    per_char = engine.text_features(phonemes.text)
    expected = np.repeat(per_char, phonemes.phones_per_char or (), axis=0)
    found = example["text_features"]
    assert found.dtype == np.float32
    assert found.shape == (len(phonemes.symbols), 24)
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_improved_reading_keeps_words_of_other_languages(engine: Engine, folder: Path) -> None:
    pytest.importorskip("pypinyin")
    pytest.importorskip("jieba")
    mixed = clip(folder, text="你好 world 世界早上", language="zh")
    published, native = (
        features(folder, [mixed], engine, improved=improved)[0] for improved in (False, True)
    )
    english = text.ids(["W", "L", "D"], "v2")
    assert not set(english) & set(published["phones"])
    assert set(english) <= set(native["phones"])


def test_what_is_on_disk_is_not_computed_again(engine: Engine, folder: Path) -> None:
    clips = [clip(folder, "a"), clip(folder, "bb"), clip(folder, "ccc")]
    stopped = Counting(engine, fail_at=2)
    with pytest.raises(KeyboardInterrupt):
        features(folder, clips, stopped)
    assert len(list((folder / FOLDER).iterdir())) == 2  # whole ones, and nothing half written
    going_on, seen = Counting(engine), []
    resumed = features(
        folder, clips, going_on, on_progress=lambda done, total: seen.append((done, total))
    )
    assert going_on.calls == 1
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    straight = [dict(each) for each in features(folder, clips, engine)]
    for ours, theirs in zip(resumed, straight, strict=True):
        np.testing.assert_array_equal(ours["tokens"], theirs["tokens"])


@pytest.mark.parametrize("change", ["text", "audio", "model", "reading"])
def test_a_change_is_computed_anew(engine: Engine, folder: Path, change: str) -> None:
    one = clip(folder)
    features(folder, [one], engine, improved=False)
    counting = Counting(engine)
    improved = change == "reading"
    match change:
        case "text":
            one = replace(one, text="birds repeat what they hear, and so did this one.")
        case "audio":
            toy.clip(3.0, seed=9).save(folder / one.audio)
        case "model":
            counting.ears = lambda: "others"  # type: ignore[attr-defined]
    features(folder, [one], counting, improved=improved)
    assert counting.calls == 1


def test_families_that_spell_ask_the_text_and_not_the_engine(
    toy_home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_small.install(toy_home, monkeypatch)
    counting = Counting(TorchEngine(fresh("toySmall", tmp_path / "base", ())))
    (row,) = features(folder, [clip(folder, rate=16_000)], counting)  # type: ignore[arg-type]
    assert counting.calls == 0
    assert row["places"].shape == row["tokens"].shape
    assert (np.diff(row["places"]) >= 0).all()
    levels = toy_small.SPELLING.levels
    said = [sound for sound, _ in groupby(row["tokens"] // levels) if sound]
    assert said == [sound for sound, _ in groupby(ids(heard_in(text.read(WORDS, language="en"))))]


def test_what_an_aligner_laid_is_not_taken_for_what_another_does(
    toy_home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_small.install(toy_home, monkeypatch)
    engine = TorchEngine(fresh("toySmall", tmp_path / "base", ()))
    recogniser, clips = Recogniser.load(), [clip(folder, rate=16_000)]
    features(folder, clips, engine, recogniser=recogniser)
    features(folder, clips, engine)
    assert len(list((folder / FOLDER).iterdir())) == 1
    recogniser.fingerprint = "other weights"
    features(folder, clips, engine, recogniser=recogniser)
    assert len(list((folder / FOLDER).iterdir())) == 2


def test_a_damaged_file_is_made_again(engine: Engine, folder: Path) -> None:
    one = clip(folder)
    (row,) = features(folder, [one], engine).rows
    row.path.write_bytes(row.path.read_bytes()[:100])
    counting = Counting(engine)
    (example,) = features(folder, [one], counting)
    assert counting.calls == 1
    assert len(example["tokens"]) == row.tokens


def test_damage_found_later_says_what_to_do(engine: Engine, folder: Path) -> None:
    found = features(folder, [clip(folder)], engine)
    found.rows[0].path.write_bytes(b"")
    with pytest.raises(DatasetError, match="Delete the file"):
        found[0]


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({"text": "Hi."}, "speaking rate", "phones per second; 3 to 25"),
        ({"text": WORDS * 3}, "speaking rate", "phones per second"),
        ({"text": " "}, "no text", "Nobody knows"),
        ({"text": "안녕", "language": "zh"}, "unreadable text", "Nothing in"),
        ({"text": "…"}, "speaking rate", "phones per second"),
        ({"language": "xx"}, "unreadable text", "do not speak the language 'xx'"),
        ({"end": 0.5}, "too short", "0.6 to 54 s"),
    ],
)
def test_unfit_clips_are_dropped_with_a_reason(
    engine: Engine, folder: Path, facts: dict[str, Any], word: str, reason: str
) -> None:
    good, bad = clip(folder, "good"), clip(folder, **facts)
    if bad.seconds < 1:
        Audio(np.ones(8000, dtype=np.float32), 16_000).save(folder / bad.audio)
    found = features(folder, [bad, good], engine, improved=False)
    assert [row.clip.id for row in found.rows] == ["good"]
    (dropped,) = found.dropped
    assert dropped.dropped == word
    assert reason in dropped.reason


def test_sound_that_cannot_be_used(engine: Engine, folder: Path) -> None:
    silent, broken, gone = clip(folder, "silent"), clip(folder, "broken"), clip(folder, "gone")
    Audio(np.zeros(48_000, dtype=np.float32), 16_000).save(folder / silent.audio)
    (folder / broken.audio).write_bytes(b"RIFF and nothing")
    (folder / gone.audio).unlink()
    found = features(folder, [silent, broken, gone], engine)
    assert [each.dropped for each in found.dropped] == [
        "unusable audio",
        "unusable audio",
        "unreadable",
    ]


def test_dropped_clips_stay_out(engine: Engine, folder: Path) -> None:
    found = features(folder, [clip(folder).drop("noise", "It is noise.")], engine)
    assert len(found) == 0
    assert found.dropped == ()


def test_limits_are_applied_to_what_is_on_disk_too(engine: Engine, folder: Path) -> None:
    one = clip(folder)
    assert len(features(folder, [one], engine)) == 1
    found = features(folder, [one], engine, limits=FeatureLimits(most_tokens=50))
    assert "87 tokens" in found.dropped[0].reason
    with pytest.raises(ConfigError, match="shortest_seconds is 9"):
        FeatureLimits(shortest_seconds=9, longest_seconds=8)


def test_no_file_outside_the_set(engine: Engine, folder: Path) -> None:
    one = clip(folder)
    with pytest.raises(DatasetError, match="outside"):
        features(folder, [replace(one, audio="../one.wav")], engine)
    with pytest.raises(DatasetError, match="myna prepare"):
        features(folder, [replace(one, audio="")], engine)


def test_some_of_a_set(engine: Engine, folder: Path) -> None:
    found = features(folder, [clip(folder, "a"), clip(folder, "bb", 2.5)], engine)
    assert found.lengths == tuple(len(example["tokens"]) for example in found)
    assert found.seconds == pytest.approx(3.5 + 3.0)
    some = found.take([1])
    assert isinstance(some, FeatureSet)
    assert [example["key"] for example in some] == ["bb"]

"""Judges measure what they say they do, and their absence is never silent."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
from myna.audio.loudness import loudness
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError, MissingExtraError
from myna.evaluation import judges
from myna.evaluation.judges import open_judges
from myna.evaluation.mos import LOWEST, Opinion
from myna.evaluation.sentences import Sentence
from myna.evaluation.speakers import Recorded

SENTENCE = Sentence("Good morning to you.", "en")
NOBODY = Recorded("nobody", ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "ko"}, "judges of en, zh"),
        ({"language": "en", "without": ["everything"]}, "no judge 'everything'"),
        ({"language": "en", "also": ["mouse"]}, "no judge 'mouse'"),
        ({"language": "zh", "also": ["second"]}, "hears English only"),
    ],
)
def test_judges_that_there_are_not(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_judges(**options)


@pytest.mark.parametrize(
    ("judge", "package"),
    [
        ("words", "moonshine_voice"),
        ("mos", "speechmos"),
        ("similarity", "resemblyzer"),
        ("second", "pocketsphinx"),
    ],
)
def test_missing_packages(judge: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that names the way out, unless the user has left the judge out."""
    if judge == "mos":
        pytest.importorskip("onnxruntime")
    if judge == "similarity":
        pytest.importorskip("torch")
    find, load = importlib.util.find_spec, importlib.import_module

    def missing(name: str, *more: Any) -> Any:
        return None if name == package else find(name, *more)

    def failing(name: str, *more: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    monkeypatch.setattr(importlib, "import_module", failing)
    others = [name for name in judges.USUAL["en"] if name != judge]
    with pytest.raises(MissingExtraError, match=rf"pip install .*--without {judge}\."):
        open_judges("en", without=others, also=[judge])
    left = open_judges("en", without=[*{"words", "similarity", "mos", judge}], also=[judge])
    assert [each.name for each in left] == ["pitch"]


def test_words_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moonshine_voice")
    judge = judges.Words()
    nothing = judge.listen(None, SENTENCE, NOBODY)
    assert nothing.measures == {"words": 4, "word_errors": 4}
    assert nothing.heard == ""
    heard = judge.listen(toy.clip(2.0), SENTENCE, NOBODY)
    assert heard.heard is not None
    assert heard.measures["words"] == 4


def test_sounds_with_and_without_tones() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("pypinyin")
    judge = judges.Sounds()
    word = Sentence("你好", "zh")
    nothing = judge.listen(None, word, NOBODY)
    assert nothing.measures == {"sounds": 4, "sound_errors": 4, "base_errors": 4}
    found = judge.listen(toy.clip(1.0), word, NOBODY).measures
    assert found["base_errors"] <= found["sound_errors"]
    assert "own" in judge.who
    assert "base_errors" not in judge.listen(None, SENTENCE, NOBODY).measures


class _Encoder:
    """Knows people by the level of their recordings."""

    def vector(self, audio: Audio) -> Any:
        if audio.seconds < 0.8:
            raise AudioError("It holds too little speech.")
        angle = float(np.abs(audio.samples).max())
        return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


@pytest.fixture
def similarity(monkeypatch: pytest.MonkeyPatch) -> judges.Similarity:
    monkeypatch.setattr(judges, "open_speaker_encoder", lambda _: _Encoder())
    return judges.Similarity()


def _level(level: float, seconds: float = 1.0) -> Audio:
    return Audio(np.full(round(16000 * seconds), level, np.float32), 16000)


def _recorded(folder: Path, *audios: Audio) -> tuple[Sentence, ...]:
    found = []
    for number, audio in enumerate(audios):
        path = folder / f"{len(list(folder.iterdir()))}.wav"
        audio.save(path)
        found.append(Sentence(str(number), "en", path))
    return tuple(found)


def test_similarity(similarity: judges.Similarity, tmp_path: Path) -> None:
    """With all recordings of the person but the one judged, and those that say too little."""
    like = _recorded(tmp_path, _level(0.2), _level(0.6), _level(0.9, 0.1))
    person = Recorded("anna", like, like)
    found = similarity.listen(_level(0.3), SENTENCE, person)
    expected = (np.cos(0.1) + np.cos(0.3)) / 2
    assert found.measures["similarity"] == pytest.approx(expected, abs=1e-3)
    own = similarity.listen(_level(0.2), like[0], person)
    assert own.measures["similarity"] == pytest.approx(np.cos(0.4), abs=1e-3)
    assert similarity.listen(None, SENTENCE, person).measures == {"similarity": 0.0}
    short = similarity.listen(_level(0.3, 0.1), SENTENCE, person)
    assert (short.measures, short.note) == ({}, "It holds too little speech.")
    assert similarity.listen(_level(0.3), SENTENCE, NOBODY).measures == {}
    assert similarity.key(SENTENCE, person) != similarity.key(like[0], person)


def test_likeness(similarity: judges.Similarity, tmp_path: Path) -> None:
    anna = _recorded(tmp_path, _level(0.1), _level(0.2))
    ben = _recorded(tmp_path, _level(0.9))
    found = similarity.likeness({"anna": anna, "ben": ben})
    assert found is not None
    assert found.same == pytest.approx(np.cos(0.1), abs=1e-3)
    assert found.different == pytest.approx((np.cos(0.8) + np.cos(0.7)) / 2, abs=1e-3)
    assert similarity.likeness({"anna": anna}) is None


def test_sound_is_judged_at_one_level(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    class Listener:
        def opinion(self, audio: Audio) -> Opinion:
            heard.append(loudness(audio.samples, audio.rate))
            return Opinion(3.0, 3.5, 4.0)

    monkeypatch.setattr(judges, "Listener", Listener)
    judge = judges.Sound()
    loud = toy.clip(1.0)
    quiet = replace(loud, samples=loud.samples * np.float32(0.05))
    for audio in (loud, quiet):
        found = judge.listen(audio, SENTENCE, NOBODY)
        assert found.measures == {"mos": 3.0, "mos_speech": 3.5, "mos_background": 4.0}
    assert heard == pytest.approx([-26.0, -26.0], abs=0.05)
    assert judge.listen(None, SENTENCE, NOBODY).measures["mos"] == LOWEST
    assert len(heard) == 2


def test_pitch() -> None:
    """The buzz is one of 120 Hz."""
    found = judges.Pitch().listen(toy.clip(1.0), SENTENCE, NOBODY).measures
    assert found["pitch_hz"] == pytest.approx(120, abs=2)
    assert found["pitch_range"] < 1
    assert not judges.Pitch().listen(None, SENTENCE, NOBODY).measures

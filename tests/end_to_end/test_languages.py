"""`myna say` in every language and in several at once, with markup, through the whole engine."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import toy
from myna import Myna, Sampling, Voice
from myna.apps.cli.main import main
from myna.errors import TextError, VoiceError

PACKAGES = ("jieba", "pypinyin", "jpreprocess", "budoux", "ToJyutping")
pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in PACKAGES), reason="not all languages are installed"
)

TEXTS = {
    "zh": ("今天天气很好，我们去公园吧。", {"zh"}),
    "en": ("The weather is fine, so we go to the park.", {"en"}),
    "ja": ("今日はいい天気ですね。", {"ja"}),
    "ko": ("오늘은 날씨가 참 좋네요.", {"ko"}),
    "yue": ("今日天氣好好，我哋去公園啦。", {"yue"}),
    "auto": ("我在用Python。今日はいい天気です。오늘은 좋아요.", {"zh", "en", "ja", "ko"}),
    "auto_yue": ("我哋用Python寫程式。", {"yue", "en"}),
}


@pytest.fixture
def voice(toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    toy.clip().save("anna.wav")
    assert main(["clone", "anna.wav", "--model", "toy", "--quiet", "-o", "anna.voice"]) == 0
    return "anna.voice"


def say(voice: str, text: str, *options: str) -> tuple[np.ndarray, dict[str, Any]]:
    arguments = ["say", text, "--voice", voice, "--seed", "1", "--quiet", "-o", "a.wav"]
    assert main([*arguments, "--report", "a.json", *options]) == 0
    samples, _ = soundfile.read("a.wav", dtype="float32")
    return samples, json.loads(Path("a.json").read_text("utf-8"))


@pytest.mark.parametrize("reading", ["compatible", "improved"])
@pytest.mark.parametrize("language", TEXTS)
def test_every_language_is_spoken(voice: str, language: str, reading: str) -> None:
    text, languages = TEXTS[language]
    samples, report = say(voice, text, "--language", language, "--reading", reading)
    assert np.abs(samples).max() > 0
    assert sum(sentence["tokens"] for sentence in report["sentences"]) > 0
    speech = Myna.load("toy").speak(
        text, voice, language=language, improved=reading == "improved", sampling=Sampling(seed=1)
    )
    assert {part.language for part in speech.phonemes} == languages
    assert len(speech.audio.samples) == len(samples)


def test_a_written_pause_is_silence_of_its_length(voice: str) -> None:
    samples, report = say(voice, "One more time. [pause 1.5s]And then again.", "--language", "en")
    rate, (first, second) = report["rate"], report["timings"]
    assert second["start"] - first["end"] == pytest.approx(1.5, abs=1e-3)
    between = samples[round(first["end"] * rate) + 1 : round(second["start"] * rate) - 1]
    assert not between.any()
    samples, report = say(voice, "[pause 2s]One more time.[pause 1s]", "--language", "en")
    assert report["timings"][0]["start"] == pytest.approx(2.0, abs=1e-3)
    assert report["seconds"] - report["timings"][0]["end"] == pytest.approx(1.0, abs=1e-3)


def test_a_rate_holds_for_its_words(voice: str) -> None:
    _, usual = say(voice, "One more time.", "--language", "en")
    _, quick = say(voice, "[rate 2]One more time.[/rate]", "--language", "en")
    ratio = usual["sentences"][0]["seconds"] / quick["sentences"][0]["seconds"]
    assert ratio == pytest.approx(2.0, rel=0.05)


def test_what_no_model_can_do_is_said(voice: str) -> None:
    text = "[emotion:happy]We won the game![/emotion] 😀 [pitch +2]Really.[/pitch]"
    _, report = say(voice, text, "--language", "en")
    warnings = " ".join(report["warnings"])
    for word in ("happy", "😀", "semitones"):
        assert word in warnings


def test_a_voice_keeps_its_lexicon(voice: str) -> None:
    Path("words.txt").write_text("en\tmyna\tM IY1 N AA0\n", "utf-8")
    more = ["--lexicon", "words.txt", "--quiet", "-o", "b.voice"]
    assert main(["clone", "anna.wav", "--model", "toy", *more]) == 0
    kept = Voice.load("b.voice")
    assert kept.lexicon == "en\tmyna\tM IY1 N AA0\n"
    myna = Myna.load("toy")
    (sentence,) = myna.speak("The myna sings.", kept, language="en").sentences
    assert "M IY1 N AA0" in " ".join(sentence.symbols)
    other = "en\tmyna\tM AY1 N AH0"
    (sentence,) = myna.speak("The myna sings.", kept, language="en", lexicon=other).sentences
    assert "M AY1 N AH0" in " ".join(sentence.symbols)


def test_a_damaged_lexicon_is_an_error(voice: str) -> None:
    Path("words.txt").write_text("en\tmyna\tno phones\n", "utf-8")
    arguments = ["clone", "anna.wav", "--model", "toy", "--lexicon", "words.txt", "-o", "b.voice"]
    assert main(arguments) == 1
    assert not Path("b.voice").exists()


def test_a_sentence_that_cannot_be_read_is_left_out(voice: str) -> None:
    _, report = say(voice, "Привет. Good morning everyone.", "--language", "en")
    assert [sentence["text"] for sentence in report["sentences"]] == ["Good morning everyone."]
    with pytest.raises(TextError, match="language='en'"):
        Myna.load("toy").speak("Привет, мир.", voice, language="en")


def test_what_is_left_out_leaves_its_pauses_and_a_warning(voice: str) -> None:
    text = "[pause 1s]Привет. [pause 0.5s]Good morning. [pause 1s]Пока.[pause 2s] How are you?"
    _, report = say(voice, text, "--language", "en")
    (first, second) = report["timings"]
    assert first["start"] == pytest.approx(1.5, abs=1e-3)
    assert second["start"] - first["end"] == pytest.approx(3.0, abs=1e-3)
    assert any("Привет" in warning for warning in report["warnings"])


def test_a_stranger_cannot_hide_a_lexicon_that_is_none(voice: str) -> None:
    kept = Voice.load(voice)
    object.__setattr__(kept, "lexicon", "not a lexicon")
    kept.save("bad.voice")
    with pytest.raises((TextError, VoiceError)):
        Myna.load("toy").speak("Good morning.", "bad.voice", language="en")

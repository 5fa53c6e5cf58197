"""Words that cannot be what is said are found, and all others pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import toy
from myna.dataset.checking import (
    TextLimits,
    check_sounds,
    check_text,
    check_words,
    error_rate,
)
from myna.dataset.letters import language_of
from myna.dataset.manifest import Clip
from myna.dataset.transcribing import Transcript
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError

WORDS = "Birds repeat what they hear, and so does this one."
OTHERS = "Nobody knows where the old road through these hills begins."


def clip(text: str = WORDS, language: str = "en", seconds: float = 3.5, **facts: Any) -> Clip:
    return Clip(id="a", source="a.wav", end=seconds, text=text, language=language, **facts)


class TestText:
    def test_good_words_pass_unchanged_but_for_a_measure(self) -> None:
        found = check_text(clip())
        assert found.kept
        assert not found.warnings
        assert 8 < found.quality["phones_per_second"] < 14
        assert found.text == WORDS

    def test_a_clip_without_words_passes(self) -> None:
        assert check_text(clip("", "")) == clip("", "")

    @pytest.mark.parametrize(
        ("text", "language"),
        [
            (WORDS, "en"),
            ("你好，今天天气很好。", "zh"),
            ("今日はとても暑いですね。", "ja"),
            ("안녕하세요, 만나서 반갑습니다.", "ko"),
            ("我哋今日去邊度食飯呀？", "yue"),
            ("我买了一部 iPhone 手机", "zh"),
            ("…1, 2!", ""),
        ],
    )
    def test_the_language_is_told_by_letters(self, text: str, language: str) -> None:
        assert language_of(text) == language

    def test_a_language_that_nobody_gave_is_filled_in(self) -> None:
        found = check_text(clip(language=""))
        assert found.language == "en"
        assert "language en" in found.done[0]
        assert "Give it with the list" in check_text(clip("12 34", language="")).reason

    @pytest.mark.parametrize(
        ("made", "word", "reason"),
        [
            (clip(seconds=0.2), "too short", "0.20 s"),
            (clip(seconds=60), "too long", "0.6 to 54 s"),
            (clip("?!"), "no words", "no words"),
            (clip("<b>Birds</b> repeat."), "markup", "'<b>'"),
            (clip("<|en|> Birds repeat."), "markup", "not said"),
            (clip(language="tlh"), "language", "'tlh'"),
            (clip("Привет, как твои дела сегодня?"), "alphabet", "100%"),
            (clip("今日はとても暑いですね。"), "alphabet", "en, but 100%"),
            (clip("this is all in English", "zh"), "alphabet", "Latin letters"),
            (clip(seconds=1.0), "speaking rate", "per second; 2 to 20"),
            (clip("Yes.", seconds=9.0), "speaking rate", "0.3 per second"),
        ],
    )
    def test_what_cannot_be_said_is_dropped(self, made: Clip, word: str, reason: str) -> None:
        pytest.importorskip("pypinyin")
        found = check_text(made)
        assert found.dropped == word
        assert reason in found.reason

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("Birds repeat (laughs) what they hear.", "brackets, '(laughs)'"),
            ("See www.example.org for what they hear.", "an address, 'www.example.org'"),
            ("Birds *repeat* what they hear.", "signs of markup, '*repeat*'"),
        ],
    )
    def test_what_may_not_be_said_is_flagged(self, text: str, what: str) -> None:
        found = check_text(clip(text))
        assert found.kept
        assert what in found.warnings[0]

    def test_words_that_one_language_would_lose(self) -> None:
        pytest.importorskip("pypinyin")
        pytest.importorskip("jieba")
        found = check_text(clip("我买了一部很新的 iPhone 手机", "zh"))
        assert found.kept
        assert "Latin letters" in found.warnings[0]

    def test_limits(self) -> None:
        assert check_text(clip(seconds=9.0), TextLimits(slowest=6)).dropped == "speaking rate"
        with pytest.raises(ConfigError, match=r"doubtful is 0\.9"):
            TextLimits(doubtful=0.9)


class TestWords:
    @dataclass
    class Ear:
        text: str
        name: str = "ear"

        def transcribe(self, audio: Audio, language: str) -> Transcript:
            return Transcript(text=self.text, language=language)

    def test_the_same_words_in_another_spelling(self) -> None:
        given = clip("He paid 20 dollars, did he not?")
        found = check_words(given, toy.clip(), self.Ear("he paid twenty dollars did he not"))
        assert found.kept
        assert found.quality["word_error"] == 0

    def test_words_of_another_clip(self) -> None:
        found = check_words(clip(), toy.clip(), self.Ear(OTHERS))
        assert found.dropped == "wrong text"
        assert "Nobody knows where" in found.reason
        assert found.quality["word_error"] > 0.6

    def test_half_of_them(self) -> None:
        found = check_words(clip(), toy.clip(), self.Ear("Birds repeat what they hear."))
        assert found.kept
        assert "differ from what is heard" in found.warnings[0]

    def test_silence_has_no_words(self) -> None:
        silence = Audio(np.zeros(32_000, dtype=np.float32), 16_000)
        found = check_words(clip(), silence, self.Ear(WORDS))
        assert found.dropped == "wrong text"
        assert found.quality["word_error"] == 1

    def test_nobody_checks_himself(self) -> None:
        own = clip(text_from="ear")
        assert check_words(own, toy.clip(), self.Ear(OTHERS)) == own


class TestSounds:
    @dataclass
    class Hearing:
        sounds: str
        score: float
        languages: tuple[str, ...] = ("en", "zh")
        asked: list[str] = field(default_factory=list)

        def phones(self, audio: Audio, language: str = "auto") -> list[Any]:
            return [SimpleNamespace(symbol=symbol) for symbol in self.sounds.split()]

        def align(self, audio: Audio, phones: Any) -> Any:
            self.asked += phones
            return SimpleNamespace(score=self.score)

    def test_the_sounds_of_the_text(self) -> None:
        hearing = self.Hearing("HH AH L OW W ER L D", -0.2)
        found = check_sounds(clip("Hello world."), toy.clip(), hearing)
        assert found.kept
        assert not found.warnings
        assert hearing.asked == ["HH", "AH", "L", "OW", "W", "ER", "L", "D"]
        assert found.quality["sound_error"] == 0
        assert found.quality["sound_score"] == -0.2

    @pytest.mark.parametrize(
        ("score", "dropped", "warned"),
        [(-9.0, "wrong text", False), (-2.5, "", True), (-1.0, "", False)],
    )
    def test_the_score_decides(self, score: float, dropped: str, warned: bool) -> None:
        hearing = self.Hearing("M AY N EY M IH Z P IY T ER", score)
        found = check_sounds(clip("Hello world."), toy.clip(), hearing)
        assert found.dropped == dropped
        assert bool(found.warnings) == warned
        assert found.quality["sound_error"] > 0.6
        if dropped or warned:
            assert "M AY N EY M" in found.reason + "".join(found.warnings)

    def test_more_sounds_than_the_recording_has_room_for(self) -> None:
        class Full(self.Hearing):  # type: ignore[name-defined,misc]
            def align(self, audio: Audio, phones: Any) -> Any:
                raise AudioError("too short for 99 sounds")

        before = {"sound_error": 0.1, "sound_score": -0.1, "snr_db": 30.0}
        found = check_sounds(clip(quality=before), toy.clip(), Full("", 0.0))
        assert (found.dropped, found.reason) == ("wrong text", "too short for 99 sounds")
        assert found.quality == {"sound_error": 1.0, "snr_db": 30.0}

    def test_other_languages_pass(self) -> None:
        given = clip("안녕하세요", "ko")
        assert check_sounds(given, toy.clip(), self.Hearing("", -99)) == given


@pytest.mark.parametrize(
    ("given", "found", "rate"),
    [
        ("abcd", "abcd", 0.0),
        ("abcd", "", 1.0),
        ("", "ab", 2.0),
        ("kitten", "sitting", 3 / 6),
        ("abcd", "bcda", 2 / 4),
    ],
)
def test_error_rate(given: str, found: str, rate: float) -> None:
    assert error_rate(given, found) == pytest.approx(rate)

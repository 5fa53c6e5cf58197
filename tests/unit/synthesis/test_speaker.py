"""Cloning and speaking at toy size: the promises of `Myna`, whatever the weights say."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
from myna.datatypes import Audio, Delivery, Guard, Pacing, Reference, Sampling, Speech, Voice
from myna.errors import (
    ConfigError,
    ModelNotFoundError,
    TextError,
    UnusableReferenceError,
    VoiceError,
)
from myna.synthesis import cloning
from myna.synthesis.speaker import Myna

SEEDED = Sampling(seed=3)
SENTENCES = Pacing(sentences=True)
ONCE = Guard(check=False)
"""Nothing that toys say is speech, so there is nothing to listen for."""
RATES = [16_000, 22_050, 24_000, 32_000, 44_100]


@pytest.fixture(params=["toy", "toyPro"])
def myna(request: pytest.FixtureRequest, toy_home: Path) -> Myna:
    """A family without a speaker vector, and one with it."""
    found = Myna.load(request.param, device="cpu")
    found.speak = partial(found.speak, guard=ONCE)  # type: ignore[method-assign]
    return found


@pytest.fixture
def voice(myna: Myna) -> Voice:
    return clone(myna)


def clone(myna: Myna, **settings: Any) -> Voice:
    return myna.clone(toy.clip(), **{"text": toy.WORDS, "language": "en", **settings})


def samples(speech: Speech) -> np.ndarray:
    return speech.audio.samples


class TestSpeaking:
    def test_stream_pieces_are_what_speak_returns(self, myna: Myna, voice: Voice) -> None:
        for delivery in (Delivery(), Delivery(rate=22_050, pause=0.123, speed=1.2)):
            whole = myna.speak(toy.TEXT, voice, sampling=SEEDED, delivery=delivery)
            pieces = list(
                myna.stream(toy.TEXT, voice, sampling=SEEDED, delivery=delivery, pacing=SENTENCES)
            )
            assert len(pieces) == toy.SENTENCES
            assert {piece.rate for piece in pieces} == {whole.audio.rate}
            np.testing.assert_array_equal(
                np.concatenate([piece.samples for piece in pieces]), samples(whole)
            )

    def test_a_sentence_is_the_same_alone_and_among_others(self, myna: Myna, voice: Voice) -> None:
        first = "Good morning to you."
        alone = myna.speak(first, voice, sampling=SEEDED)
        many = myna.speak(f"{first} {toy.TEXT} {toy.TEXT} {toy.TEXT}", voice, sampling=SEEDED)
        assert len(many.sentences) > 8  # more than are decoded at the same time
        length = len(samples(alone))
        np.testing.assert_array_equal(samples(many)[:length], samples(alone))

    def test_a_seed_repeats_and_its_absence_does_not(self, myna: Myna, voice: Voice) -> None:
        one = myna.speak(toy.TEXT, voice)
        again = myna.speak(toy.TEXT, voice, sampling=Sampling(seed=one.report.seed))
        np.testing.assert_array_equal(samples(again), samples(one))
        other = myna.speak(toy.TEXT, voice)
        assert other.report.seed != one.report.seed
        assert not np.array_equal(samples(other), samples(one))

    def test_what_was_said_before_does_not_matter(self, myna: Myna, voice: Voice) -> None:
        one = myna.speak(toy.TEXT, voice, sampling=SEEDED)
        myna.speak("Something else.", voice)
        fresh = Myna.load(myna.engine.spec.name, device="cpu")
        for other in (myna, fresh):
            again = other.speak(toy.TEXT, voice, sampling=SEEDED, guard=ONCE)
            np.testing.assert_array_equal(samples(again), samples(one))

    def test_pauses_are_exact(self, myna: Myna, voice: Voice) -> None:
        for rate in RATES:
            for pause in (0.0, 0.3, 1 / 3):
                self.check_pauses(myna, voice, rate, pause)

    def check_pauses(self, myna: Myna, voice: Voice, rate: int, pause: float) -> None:
        said = myna.speak(
            toy.TEXT, voice, sampling=SEEDED, delivery=Delivery(rate=rate, pause=pause)
        )
        assert said.audio.rate == rate
        lengths = [round(each.seconds * rate) for each in said.report.sentences]
        end = 0
        for index, (length, timing) in enumerate(zip(lengths, said.timings, strict=True)):
            assert round(timing.start * rate) == end
            assert timing.end - timing.start == pytest.approx(length / rate)
            silence = round((index + 1) * pause * rate) - round(index * pause * rate)
            if index == len(lengths) - 1:
                silence = 0
            gap = samples(said)[end + length : end + length + silence]
            assert len(gap) == silence
            assert not gap.any()
            end += length + silence
        assert end == len(samples(said))

    def test_speed_changes_the_length(self, myna: Myna, voice: Voice) -> None:
        for speed in (0.5, 0.9, 1.0, 1.25, 2.0):
            said = myna.speak(toy.TEXT, voice, sampling=SEEDED, delivery=Delivery(speed=speed))
            for each in said.report.sentences:
                frames = 2 * each.tokens
                if speed != 1:
                    frames = int(frames / speed) + 1
                assert round(each.seconds * 32_000) == frames * 640

    def test_report(self, myna: Myna, voice: Voice) -> None:
        told: list[tuple[int, int]] = []
        said = myna.speak(
            toy.TEXT, voice, sampling=SEEDED, progress=lambda *each: told.append(each)
        )
        report = said.report
        assert (report.model, report.seed) == (myna.engine.fingerprint, 3)
        assert " ".join(each.text for each in report.sentences) == toy.TEXT
        assert [each.phones for each in report.sentences] == [
            len(sentence.symbols) for sentence in said.sentences
        ]
        assert [timing.text for timing in said.timings] == [each.text for each in report.sentences]
        assert told == [(done, toy.SENTENCES) for done in (1, 2, 3)]
        plain = report.as_dict()
        assert plain["sentences"][0]["tokens"] == report.sentences[0].tokens
        assert [part.language for part in said.phonemes] == ["en"] * toy.SENTENCES

    def test_sentences_that_do_not_end_are_told(self, myna: Myna, voice: Voice) -> None:
        short = Sampling(seed=3, longest_seconds=0.5)  # 12 tokens; before the 11th none can end
        said = myna.speak(toy.TEXT, voice, sampling=short)
        unended = [each for each in said.report.sentences if not each.ended]
        assert unended
        assert len(said.report.warnings) == len(unended)
        for warning, each in zip(said.report.warnings, unended, strict=True):
            assert "did not end" in warning
            assert each.text in warning
            assert each.tokens == 12
        assert {each.tokens for each in said.report.sentences if each.ended} <= {11, 12}

    def test_mandarin_and_english_in_one_sentence(self, myna: Myna, voice: Voice) -> None:
        pytest.importorskip("pypinyin")
        pytest.importorskip("jieba")
        said = myna.speak("春天来了hello，我们去看花。", voice, sampling=SEEDED)
        assert {part.language for part in said.phonemes} == {"zh", "en"}
        assert samples(said).any()

    def test_a_language_the_family_does_not_speak(self, myna: Myna, voice: Voice) -> None:
        myna.engine.spec = replace(myna.engine.spec, languages=("en",))
        assert myna.speak("Good morning.", voice).audio.seconds > 0
        with pytest.raises(TextError, match="does not speak the language 'zh'"):
            myna.speak("你好世界。", voice)

    def test_nothing_to_say(self, myna: Myna, voice: Voice) -> None:
        for text in ("", "  \n ", "!?...", "😀", "😀 🎉!"):
            for way in (myna.speak, myna.stream):
                with pytest.raises(TextError, match="at least one word"):
                    way(text, voice)

    def test_full_scale_is_not_exceeded(
        self, myna: Myna, voice: Voice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tone = np.sin(np.arange(32_000) / 9).astype(np.float32)
        monkeypatch.setattr(
            myna.engine, "decode", lambda asked: tone * np.float32(3.0 if asked.part else 0.1)
        )
        for rate in RATES:
            said = myna.speak(toy.TEXT, voice, delivery=Delivery(rate=rate))
            assert np.abs(samples(said)).max() <= 1 + 1e-6

    def test_silence_sets_no_level(
        self, myna: Myna, voice: Voice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tone = (np.sin(np.arange(32_000) / 9) * 0.3).astype(np.float32)
        monkeypatch.setattr(myna.engine, "decode", lambda asked: tone * np.float32(asked.part > 0))
        delivery = Delivery(pause=0)
        pieces = list(myna.stream(toy.TEXT, voice, delivery=delivery, pacing=SENTENCES))
        assert not pieces[0].samples.any()
        for piece in pieces[1:]:
            np.testing.assert_allclose(piece.samples, tone, atol=1e-6)


class TestWhoseVoice:
    def test_of_another_family_is_refused(self, toy_home: Path) -> None:
        voice = clone(Myna.load("toy", device="cpu"))
        with pytest.raises(VoiceError, match=r"family toy\).*family toyPro"):
            Myna.load("toyPro", device="cpu").speak("Hello there.", voice)

    def test_of_other_weights_is_refused(self, toy_home: Path, tmp_path: Path) -> None:
        toy.voice_model(tmp_path / "other", "toy", seed=77)
        voice = clone(Myna.load("toy", device="cpu"))
        other = Myna.load(tmp_path / "other", device="cpu")
        for way in (other.speak, other.stream):
            with pytest.raises(VoiceError, match="other weights"):
                way("Hello there.", voice)

    def test_the_same_weights_under_another_name_will_do(
        self, toy_home: Path, tmp_path: Path
    ) -> None:
        toy.voice_model(tmp_path / "copy", "toy", seed=0)
        myna, copy = Myna.load("toy", device="cpu"), Myna.load(tmp_path / "copy", device="cpu")
        voice = clone(myna)
        np.testing.assert_array_equal(
            samples(copy.speak(toy.TEXT, voice, sampling=SEEDED)),
            samples(myna.speak(toy.TEXT, voice, sampling=SEEDED)),
        )

    def test_values_beyond_the_tables_are_refused(self, myna: Myna, voice: Voice) -> None:
        prompt = voice.prompt
        assert prompt is not None
        bad = [
            replace(voice, timbre=voice.timbre[:-1]),
            replace(voice, prompt=replace(prompt, phones=prompt.phones + 732)),
            replace(voice, prompt=replace(prompt, tokens=prompt.tokens + 64)),
            replace(
                voice,
                prompt=replace(
                    prompt, text_features=np.zeros((len(prompt.phones), 5), dtype=np.float32)
                ),
            ),
        ]
        for each in bad:
            with pytest.raises(VoiceError, match="damaged"):
                myna.speak("Hello there.", each)

    def test_a_file_is_as_good(self, myna: Myna, voice: Voice, tmp_path: Path) -> None:
        voice.save(tmp_path / "a.voice")
        np.testing.assert_array_equal(
            samples(myna.speak(toy.TEXT, tmp_path / "a.voice", sampling=SEEDED)),
            samples(myna.speak(toy.TEXT, voice, sampling=SEEDED)),
        )


class TestCloning:
    def test_with_words_there_is_a_prompt(self, myna: Myna, voice: Voice) -> None:
        assert voice.prompt is not None
        assert voice.prompt.text == toy.WORDS
        heard = voice.details["references"][0]
        seconds = heard["end"] - heard["start"] + 0.6  # 9600 samples of silence after it
        assert len(voice.prompt.tokens) == pytest.approx(seconds * 25, abs=1.5)
        assert voice.family == myna.engine.spec.name
        assert voice.model == myna.engine.fingerprint

    @pytest.mark.parametrize("text", ["", "  "])
    def test_without_words_only_the_timbre_is_taken(
        self, myna: Myna, voice: Voice, text: str
    ) -> None:
        only = clone(myna, text=text)
        assert only.prompt is None
        assert only.timbre.shape == voice.timbre.shape
        assert samples(myna.speak(toy.TEXT, only)).any()

    def test_several_are_averaged_and_the_first_leads(self, myna: Myna) -> None:
        clips = [toy.clip(seed=seed) for seed in (0, 1)]
        settings = {"text": toy.WORDS, "language": "en"}
        both = myna.clone(clips, **settings)
        one, other = (myna.clone(each, **settings) for each in clips)
        np.testing.assert_allclose(both.timbre, (one.timbre + other.timbre) / 2, atol=1e-6)
        assert both.prompt is not None
        assert one.prompt is not None
        np.testing.assert_array_equal(both.prompt.tokens, one.prompt.tokens)
        assert len(both.details["references"]) == 2

    def test_facts_travel_along(self, myna: Myna, tmp_path: Path) -> None:
        toy.clip().save(tmp_path / "anna.wav")
        assert myna.clone(tmp_path / "anna.wav").name == "anna"
        assert myna.clone([str(tmp_path / "anna.wav")]).name == "anna"
        voice = myna.clone(
            Reference(toy.clip(), toy.WORDS, "en"), name="Anna", licence="CC0-1.0", consent="Mine."
        )
        assert (voice.name, voice.licence, voice.consent) == ("Anna", "CC0-1.0", "Mine.")
        assert voice.prompt is not None

    @pytest.mark.parametrize("rate", [16_000, 44_100])
    def test_any_rate_will_do(self, myna: Myna, rate: int) -> None:
        voice = myna.clone(toy.clip(rate=rate), text=toy.WORDS, language="en")
        assert np.isfinite(voice.timbre).all()

    def test_none_or_silence_is_refused(self, myna: Myna) -> None:
        with pytest.raises(UnusableReferenceError, match="at least one recording"):
            myna.clone([])
        with pytest.raises(UnusableReferenceError, match="silent"):
            myna.clone(Audio(np.zeros(32_000, dtype=np.float32), 16_000))

    def test_words_are_given_once(self, myna: Myna) -> None:
        with pytest.raises(ConfigError, match="its own text"):
            myna.clone(Reference(toy.clip(), toy.WORDS, "en"), text="Something else.")

    def test_more_words_than_ten_seconds_hold_are_refused(self, myna: Myna) -> None:
        with pytest.raises(TextError, match="5000 characters"):
            myna.clone(toy.clip(), text="word " * 1000, language="en")

    def test_a_missing_encoder_is_named(self, myna: Myna, toy_home: Path) -> None:
        (toy_home / "models" / "toy-hubert").unlink()
        with pytest.raises(ModelNotFoundError, match="toy-hubert"):
            clone(myna)


class TestCache:
    def cached(self, home: Path) -> list[Path]:
        return sorted((home / "cache" / "voices").glob("*.voice"))

    def test_is_used(self, myna: Myna, toy_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = clone(myna, name="one")
        (path,) = self.cached(toy_home)
        assert Voice.load(path).name == ""  # whose it is is not the cache's affair
        monkeypatch.setattr(cloning, "_hear", forbidden)
        again = clone(myna, name="other", licence="CC0-1.0")
        assert (again.name, again.licence) == ("other", "CC0-1.0")
        assert_same(again, first)

    def test_damage_is_noticed_and_mended(
        self, myna: Myna, toy_home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        first = clone(myna)
        (path,) = self.cached(toy_home)
        whole = path.read_bytes()
        path.write_bytes(whole[:100])
        with caplog.at_level(logging.WARNING, "myna"):
            assert_same(clone(myna), first)
        assert "damaged" in caplog.text
        assert path.read_bytes() == whole

    def test_can_be_left_out(self, myna: Myna, toy_home: Path) -> None:
        clone(myna, cache=False)
        assert self.cached(toy_home) == []

    def test_other_words_sound_or_model_are_another_voice(self, toy_home: Path) -> None:
        for model in ("toy", "toyPro"):
            myna = Myna.load(model, device="cpu")
            for seed in (0, 1):
                for text in ("", toy.WORDS, "Another text."):
                    myna.clone(toy.clip(seed=seed), text=text, language="en")
        assert len(self.cached(toy_home)) == 12

    def test_another_encoder_hears_another_voice(self, myna: Myna, toy_home: Path) -> None:
        myna.clone(toy.clip(), text=toy.WORDS, language="en")
        encoder = toy_home / "models" / "toy-hubert"
        encoder.unlink()
        toy.encoder(encoder, "toy-hubert", seed=10)
        Myna.load("toy", device="cpu").clone(toy.clip(), text=toy.WORDS, language="en")
        assert len(self.cached(toy_home)) == 2

    def test_a_place_that_cannot_be_written_costs_only_the_cache(
        self, myna: Myna, toy_home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (toy_home / "cache").write_text("a file where a folder belongs")
        voice = myna.clone(Reference(toy.clip(), toy.WORDS, "en"))
        assert voice.prompt is not None
        assert "could not be kept" in caplog.text

    def test_a_place_that_can_only_be_read_is_used(
        self, myna: Myna, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(path: Path) -> None:
            raise PermissionError(path)

        first = clone(myna)
        monkeypatch.setattr(cloning.os, "utime", refused)
        monkeypatch.setattr(cloning, "_hear", forbidden)
        assert_same(clone(myna), first)

    def test_the_oldest_go(
        self, myna: Myna, toy_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cloning, "_CACHED_VOICES", 2)
        for seed in range(4):
            myna.clone(toy.clip(seed=seed))
        assert len(self.cached(toy_home)) == 2


class TestLoading:
    def test_missing_model(self, toy_home: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="myna models get v2Pro"):
            Myna.load("v2Pro")

    def test_unknown_engine(self, toy_home: Path) -> None:
        with pytest.raises(ConfigError, match="engine is 'magic'"):
            Myna.load("toy", engine="magic")

    def test_speaking_needs_no_cloning_encoders(self, myna: Myna, toy_home: Path) -> None:
        voice = clone(myna)
        for name in ("toy-hubert", "toy-eres2net", "toy-roberta"):
            (toy_home / "models" / name).unlink()
        fresh = Myna.load(myna.engine.spec.name, device="cpu")
        assert samples(fresh.speak("Hello there.", voice)).any()


def assert_same(found: Voice, expected: Voice) -> None:
    np.testing.assert_array_equal(found.timbre, expected.timbre)
    assert found.prompt is not None
    assert expected.prompt is not None
    np.testing.assert_array_equal(found.prompt.phones, expected.prompt.phones)
    np.testing.assert_array_equal(found.prompt.tokens, expected.prompt.tokens)
    assert found.details == expected.details


def forbidden(*_: object) -> Voice:
    pytest.fail("cloned again although it was cached")

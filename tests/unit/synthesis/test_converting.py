"""The same words at the same time in another voice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.audio import alignment
from myna.audio.filterbank import fbank
from myna.audio.pitch import pitch
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import Audio, Delivery, Sampling, Voice
from myna.engines.base import DecodeRequest
from myna.errors import AudioError, ConfigError, MynaError, TextError, VoiceError
from myna.specs import CONTENT_RATE
from myna.synthesis.between import Between
from myna.synthesis.converting import convert
from myna.synthesis.scheduler import Scheduler
from myna.synthesis.speaker import Myna
from myna.text import read
from myna.text.sounds import spoken

TEXT = "We keep the little boat beside the wooden bridge. It is the only one."
PAUSE = 1.5


@pytest.fixture(scope="module")
def myna() -> Myna:
    return Myna.load("tiny", engine="onnx", threads=1)


@pytest.fixture(scope="module")
def said(myna: Myna) -> Audio:
    """Both sentences by kathleen, with a long pause between."""
    return myna.speak(
        TEXT, "kathleen", sampling=Sampling(seed=3), delivery=Delivery(pause=PAUSE)
    ).audio


def plain(audio: Audio) -> Audio:
    return resample(audio, CONTENT_RATE, HIGH_QUALITY)


def heard(myna: Myna, audio: Audio) -> list[tuple[int, float]]:
    """Sounds, and the second at which each is named."""
    path = alignment.free(myna.hearing.hear(fbank(plain(audio)), ("en",)))
    return [(each.sound, each.start / 50) for each in path.placed]


def wrong(myna: Myna, audio: Audio) -> float:
    """Share of the sounds of the text that are heard otherwise."""
    sentence = read(TEXT, language="en", table="v2", improved=True)
    meant = [sound for sound in spoken(sentence) if sound]
    found = [sound for sound, _ in heard(myna, audio)]
    return alignment.edit_distance(found, meant) / len(meant)


@pytest.mark.parametrize("text", ["", TEXT])
def test_the_same_words_in_another_voice(myna: Myna, said: Audio, text: str) -> None:
    speech = myna.convert(said, "darshan", text=text, seed=1)
    assert len(speech.audio.samples) == len(said.samples)
    assert wrong(myna, speech.audio) < wrong(myna, said) + 0.2
    darshan = pitch(plain(myna.speak(TEXT, "darshan", sampling=Sampling(seed=1)).audio)).median
    before, after = pitch(plain(said)).median, pitch(plain(speech.audio)).median
    assert after == pytest.approx(darshan, rel=0.1)
    assert after < 0.8 * before
    assert speech.report.seed == 1
    assert len(speech.timings) == 2
    if text:
        assert [each.text for each in speech.timings] == [
            each.source.strip() for each in speech.sentences
        ]
        assert " ".join(each.text for each in speech.timings) == TEXT
        words = [word for timing in speech.timings for word in timing.words]
        assert " ".join(word.text for word in words) == TEXT
        assert all(one.end <= other.start for one, other in pairwise(words))
    else:
        assert all("AH" in each.text.split() for each in speech.timings[:1])


def test_sounds_stay_where_they_were(myna: Myna, said: Audio) -> None:
    speech = myna.convert(said, "bdl", text=TEXT, seed=1)
    before, after = heard(myna, said), heard(myna, speech.audio)
    off = [
        min(abs(place - other) for also, other in after if also == sound)
        for sound, place in before
        if any(also == sound for also, _ in after)
    ]
    assert len(off) > 0.7 * len(before)
    assert np.median(off) <= 0.04
    first, second = speech.timings
    assert second.start - first.end == pytest.approx(PAUSE, abs=0.25)
    rate = speech.audio.rate
    middle = round((first.end + second.start) / 2 * rate)
    assert not speech.audio.samples[middle - rate // 5 : middle + rate // 5].any()


def test_seed_and_rate(myna: Myna, said: Audio) -> None:
    one, same = (myna.convert(said, "slt", seed=5).audio.samples for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert (myna.convert(said, "slt", seed=6).audio.samples != one).any()
    audio = myna.convert(
        resample(said, 44_100, HIGH_QUALITY), "slt", delivery=Delivery(rate=8_000)
    ).audio
    assert audio.rate == 8_000
    assert abs(audio.seconds - said.seconds) <= 1 / 8_000


def test_long_recordings_are_spoken_in_parts(myna: Myna, said: Audio) -> None:
    # Without a pause long enough to end a part anyway.
    long = Audio(np.tile(said.samples[: round(2.4 * said.rate)], 5), said.rate)
    told: list[tuple[int, int]] = []
    speech = myna.convert(long, "bdl", progress=lambda *each: told.append(each))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert len(told) == len(speech.sentences) > 1
    assert all(2.0 <= timing.end - timing.start <= 10.0 for timing in speech.timings)
    assert all(one.end <= other.start for one, other in pairwise(speech.timings))
    assert len(speech.audio.samples) == len(long.samples)


def test_what_cannot_be_converted(myna: Myna, said: Audio) -> None:
    rate = said.rate
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * rate).astype(np.float32)
    cases: list[tuple[Audio, dict[str, object], type[MynaError], str]] = [
        (Audio(np.zeros(rate, np.float32), rate), {}, AudioError, "silent"),
        (Audio(said.samples[: rate // 5], rate), {}, AudioError, "at least"),
        (Audio(noise, rate), {}, AudioError, "No clear speech"),
        (Audio(np.tile(said.samples, 60), rate), {}, AudioError, "300 s"),
        (said, {"text": "Something else was written here by mistake."}, AudioError, "not what is"),
        (said, {"text": "你好，世界。"}, TextError, "does not speak"),
        (said, {"language": "zh"}, TextError, "does not speak"),
        (said, {"language": "xx"}, ConfigError, "auto or one of"),
        (said, {"delivery": Delivery(speed=1.2)}, ConfigError, "keeps the time"),
        (said, {"voice": "nobody"}, VoiceError, "nobody"),
    ]
    for audio, how, kind, words in cases:
        with pytest.raises(kind, match=words):
            myna.convert(audio, **{"voice": "bdl", **how})  # type: ignore[arg-type]
    stranger = replace(myna.voice("bdl"), model="other")
    with pytest.raises(VoiceError, match="other weights"):
        myna.convert(said, stranger)


def test_another_language_is_noticed(
    myna: Myna, said: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = myna.hearing.hear

    def as_mandarin(bands: np.ndarray, languages: object = ()) -> np.ndarray:
        found = hear(bands)
        found[:, 41:81] = found[:, 1:41]
        found[:, 1:41] -= 1
        return found

    monkeypatch.setattr(myna.hearing, "hear", as_mandarin)
    with pytest.raises(AudioError, match="does not seem to be in a language"):
        myna.convert(said, "bdl")
    assert myna.convert(said, "bdl", language="en").audio.samples.any()


def test_between_the_tokens_of_others_the_same_is_made(myna: Myna, said: Audio) -> None:
    voice = myna.voice("bdl")
    alone = myna.convert(said, voice, seed=4).audio.samples
    with Scheduler(myna.engine) as scheduler:
        between = Between(myna.engine, scheduler)
        meanwhile = convert(between, said, voice, lambda: myna.hearing, seed=4).audio.samples
    # Up to rounding, which moves a pulse by a sliver.
    assert np.square(meanwhile - alone).mean() < 1e-5 * np.square(alone).mean()


class TestPublishedFamilies:
    """Whose content encoder hears tokens, and whose decoder reads words."""

    @pytest.fixture
    def myna(self, toy_home: Path) -> Myna:
        return Myna.load("toyPro", engine="torch", device="cpu")

    @pytest.fixture
    def voice(self, myna: Myna) -> Voice:
        return myna.clone(toy.clip(seed=1), name="anna")

    def test_tokens_of_the_recording_and_words_of_the_text(
        self, myna: Myna, voice: Voice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording = toy.clip(5.3, rate=22_050)
        asked: list[DecodeRequest] = []
        decode = myna.engine.decode

        def noted(request: DecodeRequest) -> np.ndarray:
            asked.append(request)
            return decode(request)

        monkeypatch.setattr(myna.engine, "decode", noted)
        speech = myna.convert(recording, voice, text=toy.TEXT, seed=2)
        assert speech.audio.seconds == pytest.approx(recording.seconds, abs=1e-4)
        (request,) = asked
        assert len(request.tokens) == -(-len(recording.samples) * 25 // recording.rate)
        own = myna.engine.tokens(plain(recording).samples)
        assert (request.tokens[: len(own) // 2] == own[: len(own) // 2]).mean() > 0.9
        np.testing.assert_array_equal(request.timbre, voice.timbre)
        (sentence,) = speech.sentences
        assert sentence.source == toy.TEXT
        assert len(request.phones) == len(sentence.symbols)

    def test_the_text_must_be_given(self, myna: Myna, voice: Voice) -> None:
        with pytest.raises(TextError, match="text is missing"):
            myna.convert(toy.clip(), voice)

    def test_they_take_a_minute(self, myna: Myna, voice: Voice) -> None:
        with pytest.raises(AudioError, match="60 s"):
            myna.convert(toy.clip(61), voice, text=toy.TEXT)

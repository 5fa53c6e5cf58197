"""When words are said: of models that spell, from their tokens; of others, as they are heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toy
from myna import text as reading
from myna.audio.spelling import said_when
from myna.datatypes import (
    Delivery,
    Guard,
    Pacing,
    Sampling,
    SemanticTokens,
    Sentence,
    Speech,
    Timing,
    Utterance,
    Word,
)
from myna.engines.hearing import Hearing
from myna.errors import TextError
from myna.specs import FAMILIES
from myna.synthesis.coverage import Coverage
from myna.synthesis.guard import Take
from myna.synthesis.performance import Script
from myna.synthesis.scheduler import Scheduler
from myna.synthesis.speaker import Myna
from myna.synthesis.takes import Listener
from myna.synthesis.wording import within, words
from myna.text.sounds import SOUNDS, spoken

TEXT = "It costs $5 million, really - no! Dr. Smith (yes) has a bad day."
UNHEARD = Guard(check=False)
SEEDED = Sampling(seed=1)
SPELLING = FAMILIES["tiny"].token_model.spelling
assert SPELLING is not None
L = SPELLING.levels


@pytest.fixture(scope="module")
def tiny() -> Myna:
    return Myna.load("tiny")


def said(myna: Myna, text: str = TEXT, **delivery: float) -> Speech:
    return myna.speak(text, sampling=SEEDED, delivery=Delivery(**delivery), guard=UNHEARD)  # type: ignore[arg-type]


def read(text: str) -> Sentence:
    return reading.read(text, language="en", improved=True)


def grouped(text: str) -> list[str]:
    """The words of a sentence whose phones all last a second."""
    sentence = read(text)
    sounds = spoken(sentence)
    times = [(float(n), n + 1.0) if sound else None for n, sound in enumerate(sounds)]
    found = words(sentence, sounds, times, 1e6)
    assert sum(word.end - word.start for word in found) <= len(sounds)
    return [word.text for word in found]


class TestWhatAWordIs:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("It costs $5.", ["It", "costs", "$5."]),
            ("It costs $5 million, yes.", ["It", "costs", "$5 million,", "yes."]),
            ("Dr. Smith's dog.", ["Dr.", "Smith's", "dog."]),
            ("e.g. at 10:30 p.m. now", ["e.g.", "at", "10:30 p.m.", "now"]),
            ("Yes - no.", ["Yes -", "no."]),
            ('"Hi," he said (twice)!', ['"Hi,"', "he", "said", "(twice)!"]),
            ("- Yes. -", ["- Yes. -"]),
            ("Hello 你好 world.", ["Hello 你好", "world."]),
            ("  Two\n lines ", ["Two", "lines"]),
            ("Buffalo buffalo buffalo.", ["Buffalo", "buffalo", "buffalo."]),
            ("Bad day.", ["Bad", "day."]),
        ],
    )
    def test_as_written(self, text: str, wanted: list[str]) -> None:
        assert grouped(text) == wanted

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("One [pause 0.2s] two.", [["One"], ["two."]]),
            ("Say [read|R EH1 D] now.", [["Say", "read", "now."]]),
            (
                '<speak>The <sub alias="big one">b1</sub> left.</speak>',
                [["The", "big one", "left."]],
            ),
        ],
    )
    def test_markup_is_none(self, text: str, wanted: list[list[str]]) -> None:
        pieces = reading.sentences(text, language="en", improved=True, syntax="auto")
        found = []
        for piece in pieces:
            sentence = reading.read(piece, language="en", improved=True)
            sounds = spoken(sentence)
            times = [(0.0, 1.0) if sound else None for sound in sounds]
            found.append([word.text for word in words(sentence, sounds, times, 1.0)])
        assert found == wanted

    @given(st.text(st.sampled_from("ab5$.,-'\" \n…%é你"), max_size=24).filter(str.strip))
    @settings(max_examples=60, deadline=None)
    def test_nothing_is_lost(self, text: str) -> None:
        try:
            sentence = read(text)
        except TextError:
            return
        sounds = spoken(sentence) if all(p.language == "en" for p in sentence.parts) else []
        if not any(sounds):
            return
        times = [(float(n), n + 1.0) if sound else None for n, sound in enumerate(sounds)]
        found = words(sentence, sounds, times, 1e6)
        assert " ".join(word.text for word in found) == " ".join(sentence.source.split())

    def test_what_was_not_said_is_missing(self) -> None:
        sentence = read("One two three.")
        sounds = spoken(sentence)
        half = len(sounds) // 2
        times = [(0.0, 1.0) if sound and n < half else None for n, sound in enumerate(sounds)]
        assert [word.text for word in words(sentence, sounds, times, 9.0)] == ["One", "two"]

    def test_times_stay_within_the_sound_and_in_order(self) -> None:
        found = within([Word(-1, 2, "a"), Word(1.5, 2.5, "b"), Word(3, 9, "c")], 4.0)
        assert found == (Word(0, 2, "a"), Word(2, 2.5, "b"), Word(3, 4, "c"))


class TestTokens:
    def test_each_phone_has_its_tokens(self) -> None:
        sounds = np.array([0, 5, 7, 0, 7, 9])
        tokens = np.array([0, 5 * L, 5 * L + 3, 7 * L + 1, 0, 0, 7 * L, 9 * L, 9 * L + 2, 0])
        assert said_when(tokens, sounds, SPELLING) == [
            None,
            (1, 3),
            (3, 4),
            None,
            (6, 7),
            (7, 9),
        ]

    def test_equal_neighbours_share(self) -> None:
        tokens = np.array([5 * L, 5 * L + 1, 5 * L + 4, 6 * L])
        assert said_when(tokens, np.array([5, 5, 6]), SPELLING) == [(0, 1.5), (1.5, 3), (3, 4)]

    def test_stopped_before_its_end(self) -> None:
        assert said_when(np.array([0, 5 * L]), np.array([5, 6]), SPELLING) == [(1, 2), None]
        assert said_when(np.zeros(0, np.int64), np.array([5]), SPELLING) == [None]


class TestTiny:
    @pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
    def test_words_are_in_order_and_are_the_sentence(self, tiny: Myna, speed: float) -> None:
        speech = said(tiny, speed=speed)
        assert len(speech.timings) == 3
        for timing in speech.timings:
            assert " ".join(word.text for word in timing.words) == " ".join(timing.text.split())
            assert timing.start <= timing.words[0].start
            assert timing.words[-1].end <= timing.end
            for word, later in pairwise(timing.words):
                assert word.start < word.end <= later.start
        assert [word.text for word in speech.timings[0].words] == ["It", "costs", "$5 million,"]

    def test_speed_divides(self, tiny: Myna) -> None:
        slow, fast = (said(tiny, speed=speed).timings for speed in (0.5, 2.0))
        for one, other in zip(slow, fast, strict=True):
            for word, again in zip(one.words, other.words, strict=True):
                assert word.text == again.text
                # The tokens are the same: chance knows nothing of speed.
                assert word.start - one.start == pytest.approx(
                    4 * (again.start - other.start), abs=1e-6
                )

    def test_pauses_shift(self, tiny: Myna) -> None:
        text = "First one. [pause 1.5s] Second one."
        short, long = said(tiny, text, pause=0.3), said(tiny, text.replace("1.5", "4"), pause=0.3)
        for one, other in zip(short.timings[1].words, long.timings[1].words, strict=True):
            assert other.start - one.start == pytest.approx(2.5, abs=1e-3)

    def test_where_words_are_is_sound_and_before_them_is_none(self, tiny: Myna) -> None:
        speech = said(tiny, "Stop. Go, now.")
        rate, samples = speech.audio.rate, speech.audio.samples

        def power(start: float, end: float) -> float:
            return float(np.square(samples[round(start * rate) : round(end * rate)]).mean())

        for timing in speech.timings:
            for word in timing.words:
                assert power(word.start, word.end) > 1e-3
        first, second = speech.timings
        assert power(first.end, second.start) < 1e-8

    @pytest.mark.parametrize("pacing", [Pacing(first=0.2, longest=0.4), Pacing(sentences=True)])
    def test_streamed_as_offline(self, tiny: Myna, pacing: Pacing) -> None:
        delivery = Delivery(speed=1.3, rate=16_000)
        whole = tiny.speak(TEXT, sampling=SEEDED, delivery=delivery, guard=UNHEARD)
        utterance = Utterance(text=TEXT, voice=tiny.voice(), sampling=SEEDED, delivery=delivery)
        with Scheduler(tiny.engine) as scheduler:
            job = scheduler.submit(utterance, pacing=pacing)
            pieces = list(job)
            assert len(pieces) >= len(whole.timings)
            assert job.timings == whole.timings
            written = scheduler.open(utterance, pacing=pacing)
            for start in range(0, len(TEXT), 7):
                written.write(TEXT[start : start + 7])
            written.finish()
            list(written)
        assert [timing.words for timing in written.timings] == [
            timing.words for timing in whole.timings
        ]

    def test_a_trimmed_take_keeps_its_words_in_place(self, tiny: Myna) -> None:
        """Something is heard before the text, and cut off."""
        utterance = Utterance(text="Stay where you are.", voice=tiny.voice(), sampling=SEEDED)
        script = Script(tiny.engine, utterance, None)
        ((_, tokens),) = tiny.engine.generate(script.requests())
        piece = script.render(0, tokens)
        listener = Listener(tiny.engine, script, utterance.voice, Guard(), lambda: None)  # type: ignore[arg-type, return-value]
        audio = said(tiny, utterance.text).audio
        facts = {"share": 1.0, "missing": (), "leaked": False, "score": -1.0, "end": audio.seconds}
        heard = Coverage(extra=3, start=0.26, **facts)  # type: ignore[arg-type]
        clean = Coverage(extra=0, start=0.0, **facts)  # type: ignore[arg-type]
        listener._heard = lambda index, audio: clean  # type: ignore[method-assign]
        take = Take(audio=audio, tokens=9, phones=9, ended=True, coverage=heard)
        found = listener.finished(0, piece, take, 0)
        assert len(piece.samples) - len(found.samples) == round(0.2 * audio.rate)
        assert [word.text for word in found.words] == ["Stay", "where", "you", "are."]
        for word, before in zip(found.words[1:], piece.words[1:], strict=True):
            assert word.start == pytest.approx(max(before.start - 0.2, 0.0))

    def test_a_sentence_that_was_stopped(self, tiny: Myna) -> None:
        utterance = Utterance(text="Stay where you are.", voice=tiny.voice(), sampling=SEEDED)
        script = Script(tiny.engine, utterance, None)
        ((_, tokens),) = tiny.engine.generate(script.requests())
        short = SemanticTokens(ids=tokens.ids[: len(tokens.ids) // 2], ended=False)
        found = script.words(0, short, short.seconds)
        assert 0 < len(found) < 4
        assert found[-1].end <= short.seconds


class Planted:
    """A recogniser that hears sounds one after another, all of them equally long."""

    def __init__(self, sounds: Sequence[int], chance: float = -0.05) -> None:
        self.sounds, self.chance = sounds, chance

    def hear(self, bands: np.ndarray, languages: Iterable[str]) -> np.ndarray:
        frames = 2 * -(-len(bands) // 4)
        heard = np.full((frames, len(SOUNDS)), -12.0, np.float32)
        heard[:, 0] = -0.05
        for number, sound in enumerate(self.sounds):
            frame = (number * frames + frames // 2) // len(self.sounds)
            heard[frame, 0] = -12.0
            heard[frame, sound] = self.chance
        return heard


class TestPublished:
    ENGLISH = "Good morning to you."

    def speak(self, home: Path, text: str, language: str, hears: Planted | None) -> Timing:
        myna = Myna.load("toy", device="cpu")
        voice = myna.clone(toy.clip(), text=toy.WORDS, language="en")
        guard = UNHEARD if hears is None else Guard(retries=0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Hearing, "load", lambda: hears)
            speech = myna.speak(text, voice, language=language, sampling=SEEDED, guard=guard)
        (timing,) = speech.timings
        return timing

    def sounds(self) -> list[int]:
        (piece,) = reading.sentences(self.ENGLISH, language="en")
        return [sound for sound in spoken(reading.read(piece, language="en")) if sound]

    def test_english_that_is_heard(self, toy_home: Path) -> None:
        timing = self.speak(toy_home, self.ENGLISH, "en", Planted(self.sounds()))
        assert [word.text for word in timing.words] == self.ENGLISH.split()
        for word, later in pairwise(timing.words):
            assert timing.start <= word.start < word.end <= later.start
        # GOOD MORNING TO YOU: 3, 6, 2 and 2 sounds, all equally long.
        share = (timing.words[1].end - timing.words[0].end) / (timing.end - timing.start)
        assert share == pytest.approx(6 / 13, abs=0.15)

    def test_a_word_that_is_not_heard(self, toy_home: Path) -> None:
        timing = self.speak(toy_home, self.ENGLISH, "en", Planted(self.sounds()[:-2]))
        assert timing.end > timing.start
        assert timing.words == ()

    def test_nobody_listens(self, toy_home: Path) -> None:
        assert self.speak(toy_home, self.ENGLISH, "en", None).words == ()

    @pytest.mark.parametrize(
        ("text", "language"), [("早上好，朋友们。", "zh"), ("早上好 friends。", "auto")]
    )
    def test_other_languages(self, toy_home: Path, text: str, language: str) -> None:
        timing = self.speak(toy_home, text.replace("，", ""), language, Planted([1, 2]))
        assert timing.end > timing.start
        assert timing.words == ()


def test_timings_move_and_come_back_from_plain_values() -> None:
    timing = Timing(1.0, 2.0, "Hi there.", (Word(1.0, 1.25, "Hi"), Word(1.5, 2.0, "there.")))
    later = timing.later(0.5)
    assert later == Timing(1.5, 2.5, "Hi there.", (Word(1.5, 1.75, "Hi"), Word(2.0, 2.5, "there.")))
    assert Timing.of(asdict(later)) == later
    assert Timing.of({"start": 0, "end": 1, "text": "a"}) == Timing(0.0, 1.0, "a")

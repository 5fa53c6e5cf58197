"""What is heard of a sentence: planted sounds, and speech of `tiny` that was damaged on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from myna import text
from myna.datatypes import Audio, Phonemes, Sampling, Sentence
from myna.synthesis.coverage import Coverage, Hears, Words, coverage, trimmed, words_of
from myna.synthesis.speaker import Myna
from myna.text.sounds import SOUNDS, ids

RATE = 16_000
FRAMES = 5
"""That each planted sound takes: named in two of them."""
GOOD, BAD = -0.05, -9.0
TEXT = "Many birds sing."


class Planted:
    """Hears what was planted, frame by frame, whatever the samples are."""

    def __init__(self, sounds: Sequence[str], *, chance: float = GOOD) -> None:
        self.heard = np.full((FRAMES * len(sounds), len(SOUNDS)), BAD, np.float32)
        self.heard[:, 0] = GOOD
        for number, sound in enumerate(sounds):
            if sound:
                named = slice(FRAMES * number + 1, FRAMES * number + 3)
                self.heard[named, 0] = BAD
                self.heard[named, ids([sound])[0]] = chance

    def hear(self, bands: np.ndarray, languages: Iterable[str]) -> np.ndarray:
        return self.heard

    @property
    def audio(self) -> Audio:
        rng = np.random.default_rng(0)
        samples = rng.normal(0, 0.1, 320 * len(self.heard) + 240)
        return Audio(samples.astype(np.float32), RATE)


def sentence(words: str, language: str = "en") -> Sentence:
    return text.read(words, language=language, table="v2", improved=True)


def spoken(words: str) -> list[list[str]]:
    known = words_of(sentence(words))
    assert known is not None
    return [[SOUNDS[sound] for sound in word] for word in known.sounds]


def found(said: Sequence[str], words: str = TEXT, reference: Sequence[str] = ()) -> Coverage:
    planted, known = Planted(said), words_of(sentence(words))
    assert known is not None
    return coverage(planted, planted.audio, known, ids(reference))


def flat(words: Iterable[Iterable[str]]) -> list[str]:
    return [sound for word in words for sound in word]


class TestWords:
    def test_each_word_has_its_place_and_its_sounds(self) -> None:
        words = words_of(sentence("It is 7, Bob."))
        assert words is not None
        assert ["It is 7, Bob."[start:end] for start, end in words.spans] == [
            "It",
            "is",
            "7",
            "Bob",
        ]
        assert [SOUNDS[sound] for sound in words.sounds[2]] == ["S", "EH", "V", "AH", "N"]
        assert sum(map(len, words.sounds)) == len(words.in_a_row)

    def test_what_the_recogniser_does_not_know_is_unknown(self) -> None:
        spans = ((0, 1), (0, 1))
        part = Phonemes(("n", "i3"), "zh", "你", (2,), spans, "你")
        assert words_of(Sentence(source="你", parts=(part,))) is None
        english = sentence("Hello.").parts[0]
        assert words_of(Sentence(source="Hello.", parts=(english,))) is not None
        assert words_of(Sentence(source="Hello. 你", parts=(english, part))) is None

    def test_marks_alone_have_no_words(self) -> None:
        silent = Sentence(source="...", parts=())
        assert words_of(silent) is None


class TestListening:
    def test_what_is_said_is_whole(self) -> None:
        heard = found(["", *flat(spoken(TEXT)), ""])
        assert heard.whole
        assert (heard.share, heard.missing, heard.extra, heard.leaked) == (1, (), 0, False)
        assert heard.start == 0
        assert heard.end == Planted(["", *flat(spoken(TEXT)), ""]).audio.seconds

    @pytest.mark.parametrize(("number", "word"), list(enumerate(["Many", "birds", "sing"])))
    def test_a_dropped_word_is_named(self, number: int, word: str) -> None:
        words = spoken(TEXT)
        said = [[""] * len(each) if place == number else each for place, each in enumerate(words)]
        heard = found(flat(said))
        assert [TEXT[start:end] for start, end in heard.missing] == [word]
        assert heard.share == pytest.approx(2 / 3)
        assert not heard.whole
        assert heard.score < found(flat(words)).score

    def test_a_lost_part_of_a_long_number_is_noticed(self) -> None:
        long = "It is 1,777."
        words = spoken(long)
        assert len(words[2]) > 20
        words[2][4:16] = [""] * 12
        assert [long[a:b] for a, b in found(flat(words), long).missing] == ["1,777"]

    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    def test_sounds_that_are_not_in_the_text_are_counted(self, place: int) -> None:
        words = spoken(TEXT)
        said = [*flat(words[:place]), "AA", "K", "SH", *flat(words[place:])]
        heard = found(said)
        assert heard.extra == 3
        assert heard.share == 1
        assert not heard.whole

    def test_a_repeated_word_is_extra(self) -> None:
        words = spoken(TEXT)
        heard = found(flat([words[0], words[1], words[1], words[2]]))
        assert heard.extra >= len(words[1]) - 1
        assert heard.share == 1

    def test_one_stray_sound_is_no_matter(self) -> None:
        heard = found([*flat(spoken(TEXT)), "AA"])
        assert heard.whole

    def test_words_of_the_reference_are_known_again(self) -> None:
        reference = flat(spoken("The quick brown fox jumps over the lazy dog."))
        leaked = reference[-8:]
        said = [*leaked, *flat(spoken(TEXT))]
        assert found(said, reference=reference).leaked
        nearly = [*leaked[:3], "UH", *leaked[4:]]
        assert found([*nearly, *flat(spoken(TEXT))], reference=reference).leaked
        assert not found(said, reference=flat(spoken("Sheep may safely graze."))).leaked
        assert not found(said).leaked
        assert not found(flat(spoken(TEXT)), reference=reference).leaked

    def test_unclear_speech_scores_lower(self) -> None:
        known = words_of(sentence(TEXT))
        assert known is not None
        scores = []
        for chance in (-0.05, -1.0, -3.0):
            planted = Planted(known_sounds(known), chance=chance)
            scores.append(coverage(planted, planted.audio, known).score)
        assert scores == sorted(scores, reverse=True)
        assert scores[0] - scores[2] > 2

    @pytest.mark.parametrize("samples", [0, 100, 900])
    def test_too_little_sound_says_nothing(self, samples: int) -> None:
        known = words_of(sentence(TEXT))
        assert known is not None
        planted = Planted(["AA"])
        heard = coverage(planted, Audio(np.zeros(samples, np.float32), RATE), known)
        assert heard.share == 0
        assert heard.missing == known.spans
        assert not heard.whole


class TestTrimming:
    def test_what_is_before_and_behind_goes(self) -> None:
        extra = ["AA", "K", "SH", "UW", "P"]
        said = [*extra, *flat(spoken(TEXT)), *extra]
        audio, heard = Planted(said).audio, found(said)
        step = FRAMES / 50
        text_starts, text_ends = len(extra) * step, (len(said) - len(extra)) * step
        assert heard.start == pytest.approx(text_starts, abs=0.1)
        assert heard.end == pytest.approx(text_ends, abs=0.1)
        rest = trimmed(audio, heard)
        assert rest.seconds == pytest.approx(heard.end - heard.start + 0.12, abs=0.01)
        assert rest.rate == audio.rate
        assert rest.samples[0] == rest.samples[-1] == 0
        middle = len(rest.samples) // 2
        first = round((heard.start - 0.06) * RATE)
        assert rest.samples[middle] == audio.samples[first + middle]

    def test_what_is_whole_stays(self) -> None:
        said = flat(spoken(TEXT))
        audio = Planted(said).audio
        assert trimmed(audio, found(said)) is audio

    def test_what_is_inside_stays(self) -> None:
        words = spoken(TEXT)
        said = [*words[0], "AA", "K", "SH", *flat(words[1:])]
        audio = Planted(said).audio
        assert trimmed(audio, found(said)) is audio


@pytest.fixture(scope="module")
def tiny() -> Myna:
    pytest.importorskip("onnxruntime")
    return Myna.load("tiny", engine="onnx")


@pytest.fixture(scope="module")
def said(tiny: Myna) -> tuple[Audio, Words]:
    return says(tiny, "The mayor promised a new playground for every district.")


@pytest.fixture(scope="module")
def reference(tiny: Myna) -> tuple[Audio, Words]:
    return says(tiny, "Seven green apples fell off that old truck.")


def says(tiny: Myna, line: str) -> tuple[Audio, Words]:
    sampling = Sampling(seed=2, top_k=1)
    speech = tiny.speak(line, "bdl", language="en", sampling=sampling)
    words = words_of(speech.sentences[0])
    assert words is not None
    return speech.audio, words


@pytest.fixture(scope="module")
def hearing() -> Hears:
    pytest.importorskip("onnxruntime")
    from myna.engines.hearing import Hearing

    return Hearing.load()


class TestSpeech:
    """`tiny` and the recogniser of the package."""

    def test_a_sentence_is_there(self, hearing: Hears, said: tuple[Audio, Words]) -> None:
        audio, words = said
        heard = coverage(hearing, audio, words)
        assert heard.share > 0.8
        assert heard.score > -2

    def test_another_sentence_is_not(self, hearing: Hears, said: tuple[Audio, Words]) -> None:
        audio, _ = said
        other = words_of(sentence("Seven green apples fell off that old truck yesterday."))
        assert other is not None
        heard = coverage(hearing, audio, other)
        assert heard.share < 0.6
        assert heard.score < -4

    def test_the_end_is_missed(self, hearing: Hears, said: tuple[Audio, Words]) -> None:
        audio, words = said
        cut = Audio(audio.samples[: -len(audio.samples) // 3], audio.rate)
        heard = coverage(hearing, cut, words)
        assert words.spans[-1] in heard.missing
        assert words.spans[1] not in heard.missing

    def test_a_loop_is_noticed(self, hearing: Hears, said: tuple[Audio, Words]) -> None:
        audio, words = said
        middle = len(audio.samples) // 2
        looped = np.concatenate([audio.samples[: middle + audio.rate], audio.samples[middle:]])
        heard = coverage(hearing, Audio(looped, audio.rate), words)
        assert heard.extra >= coverage(hearing, audio, words).extra + 3

    def test_words_of_the_reference_before_it_are_cut_off(
        self, hearing: Hears, said: tuple[Audio, Words], reference: tuple[Audio, Words]
    ) -> None:
        (audio, words), (other, others) = said, reference
        both = Audio(np.concatenate([other.samples, audio.samples]), audio.rate)
        heard = coverage(hearing, both, words, others.in_a_row)
        assert heard.leaked
        assert not coverage(hearing, both, words, []).leaked
        assert heard.start == pytest.approx(other.seconds, abs=0.4)
        rest = coverage(hearing, trimmed(both, heard), words, others.in_a_row)
        assert not rest.leaked
        assert rest.share >= heard.share - 0.2


def known_sounds(words: Words) -> list[str]:
    return [SOUNDS[sound] for sound in words.in_a_row]

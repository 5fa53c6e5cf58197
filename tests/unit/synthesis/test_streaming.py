"""Speech in pieces while it is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
from myna.audio.loudness import limited
from myna.audio.resample import HANN_SINC, Resampling, resample
from myna.datatypes import Audio, Delivery, Guard, Pacing, Sampling, Utterance
from myna.engines.drawing import Drawing
from myna.errors import ConfigError, TextError
from myna.synthesis.growing import broken, scripts
from myna.synthesis.speaker import Myna
from myna.synthesis.streaming import Buffer

SEEDED = Sampling(seed=5)
ONCE = Guard(retries=0, check=False)
TEXT = "Good morning to everybody who is listening. Is it the same as ever?"


@pytest.fixture(scope="module")
def tiny() -> Myna:
    return Myna.load("tiny")


def joined(pieces: Iterator[Audio]) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces])


@pytest.mark.parametrize("delivery", [Delivery(), Delivery(rate=16_000, speed=1.2, pause=0.5)])
def test_tiny_says_in_pieces_what_it_says_at_once(tiny: Myna, delivery: Delivery) -> None:
    whole = tiny.speak(TEXT, sampling=SEEDED, delivery=delivery, guard=ONCE).audio
    pacing = Pacing(first=0.2, longest=0.5)
    pieces = list(tiny.stream(TEXT, sampling=SEEDED, delivery=delivery, pacing=pacing))
    assert len(pieces) >= 4
    assert {piece.rate for piece in pieces} == {whole.rate}
    found = joined(iter(pieces))
    assert found.shape == whole.samples.shape
    off = np.sqrt(np.square(found - whole.samples).mean())
    assert off < 1e-3 * np.sqrt(np.square(whole.samples).mean())


def test_the_first_piece_comes_before_the_sentence_is_over(
    tiny: Myna, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    take = Drawing.take
    counted: Any = lambda *given: steps.append(1) or take(*given)  # noqa: E731
    monkeypatch.setattr(Drawing, "take", counted)
    stream = tiny.stream(TEXT.replace(". ", " and "), sampling=SEEDED)
    first = next(stream)
    assert 0.2 < first.seconds < 0.6
    early = len(steps)
    rest = joined(stream)
    assert len(steps) > early + 25
    assert len(rest) > 2 * len(first.samples)


def test_closing_frees_the_room_at_once(tiny: Myna, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = tiny.engine.generation()
    monkeypatch.setattr(tiny.engine, "generation", lambda: generation)
    room = generation.room
    stream = tiny.stream(TEXT, sampling=SEEDED)
    next(stream)
    assert generation.room == room - 1
    stream.close()
    assert generation.room == room


def test_text_in_pieces_is_the_text(tiny: Myna) -> None:
    whole = tiny.speak(TEXT, sampling=SEEDED, guard=ONCE).audio.samples
    letters = joined(tiny.stream(iter(TEXT), sampling=SEEDED))
    assert letters.shape == whole.shape
    off = np.sqrt(np.square(letters - whole).mean())
    assert off < 1e-3 * np.sqrt(np.square(whole).mean())


def test_a_sentence_is_said_while_the_text_is_still_written(tiny: Myna) -> None:
    written = []

    def text() -> Iterator[str]:
        for piece in ("Good morning. ", "Dr. Smith is", " here. ", "All is ", "well."):
            written.append(piece)
            yield piece

    stream = tiny.stream(text(), sampling=SEEDED)
    next(stream)
    assert len(written) < 4
    assert joined(stream).any()
    assert len(written) == 5


def test_a_text_of_nothing(tiny: Myna) -> None:
    for pieces in ([], ["", "  "], ["😀", "!"]):
        with pytest.raises(TextError):
            list(tiny.stream(pieces))
    assert joined(tiny.stream(["Hello there.", " 😀"], sampling=SEEDED)).any()


def test_other_families_stream_too(toy_home: Path) -> None:
    myna = Myna.load("toy", device="cpu")
    voice = myna.clone(toy.clip(), text=toy.WORDS, language="en")
    for delivery in (Delivery(), Delivery(rate=22_050, speed=1.2)):
        given: dict[str, Any] = {"sampling": SEEDED, "delivery": delivery}
        whole = myna.speak(toy.TEXT, voice, guard=ONCE, **given)
        found = joined(myna.stream(toy.TEXT, voice, pacing=Pacing(first=0.1), **given))
        assert abs(len(found) - len(whole.audio.samples)) < 0.05 * whole.audio.rate


def test_pieces_grow_as_far_as_the_machine_allows() -> None:
    now = [0.0]
    buffer = Buffer(Pacing(first=0.3, longest=5.0), lambda: now[0])
    assert buffer.next_piece() == 0.3
    lengths = []
    for _ in range(8):
        now[0] += 0.25 * (seconds := buffer.next_piece())  # four times as fast as speech
        buffer.give(seconds)
        lengths.append(seconds)
        assert buffer.left is not None
        assert buffer.left > 0
    assert lengths == sorted(lengths)
    assert lengths[-1] == 5.0


def test_pieces_whose_growth_is_given_do_not_depend_on_the_clock() -> None:
    for speed in (0.1, 3.0):
        now, lengths = [0.0], []
        buffer = Buffer(Pacing(first=0.5, longest=3.0, growth=2.0), lambda now=now: now[0])
        for _ in range(5):
            lengths.append(buffer.next_piece())
            now[0] += speed
            buffer.give(lengths[-1])
        assert lengths == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("setting", [{"first": 0.0}, {"longest": 100.0}, {"growth": 0.5}])
def test_pacing_has_ranges(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="it goes from"):
        Pacing(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rates", [(24_000, 16_000), (24_000, 44_100), (24_000, 48_000), (32_000, 8_000)]
)
def test_resampling_in_pieces(rates: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).normal(size=20_001).astype(np.float32)
    expected = resample(Audio(samples, rates[0]), rates[1], HANN_SINC).samples
    for cuts in ([1, 2, 3], [5000, 5001, 19_000], [20_000]):
        resampling = Resampling(*rates, HANN_SINC)
        parts = np.split(samples, cuts)
        found = [resampling.add(part, last=index == len(cuts)) for index, part in enumerate(parts)]
        np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)


def test_what_is_near_full_scale_is_bent_below_it() -> None:
    samples = np.linspace(-3, 3, 1001).astype(np.float32)
    found = limited(samples)
    assert np.abs(found).max() <= 1
    assert (np.diff(found) >= 0).all()
    quiet = np.abs(samples) <= 0.9
    np.testing.assert_array_equal(found[quiet], samples[quiet])
    np.testing.assert_array_equal(limited(samples[300:400]), found[300:400])


def test_a_long_piece_is_what_short_ones_are(tiny: Myna) -> None:
    text = "Birds say what they hear, and so does this one. " * 60
    asked = Utterance(text="", voice=tiny.voice(), sampling=Sampling(seed=1))

    def said(*pieces: str) -> list[str]:
        made = scripts(tiny.engine, asked, pieces)
        return [line.sentence.source for script in made for line in script.lines]

    assert max(len(part) for part in broken(text)) <= 500
    assert said(text) == said(*(text[start : start + 7] for start in range(0, len(text), 7)))

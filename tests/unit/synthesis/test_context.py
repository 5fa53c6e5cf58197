"""Sentences that go on from those before them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.datatypes import Guard, Pacing, Reference, Sampling, Utterance, Voice
from myna.engines.base import TokenRequest
from myna.errors import ConfigError
from myna.synthesis.performance import MOST_CONTEXT, Context, Said, Script
from myna.synthesis.scheduler import Scheduler
from myna.synthesis.speaker import Myna

TEXT = "Good morning. Is it the same as ever? It is."
ONCE = Guard(check=False)
TOGETHER = Sampling(seed=5, context=2, longest_seconds=2.0)
ALONE = Sampling(seed=5, longest_seconds=2.0)


@pytest.fixture
def myna(toy_home: Path) -> Myna:
    return Myna.load("toy")


@pytest.fixture
def voice(myna: Myna) -> Voice:
    return myna.clone(Reference(toy.clip(), "Good morning.", "en"), cache=False)


def test_each_sentence_goes_on_from_two_before(
    myna: Myna, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TokenRequest] = []
    generate = myna.engine.generate
    monkeypatch.setattr(
        myna.engine, "generate", lambda requests: asked.extend(requests) or generate(requests)
    )
    speech = myna.speak(TEXT, voice, sampling=TOGETHER, guard=ONCE)
    assert voice.prompt is not None
    prompt = len(voice.prompt.tokens)
    said = [each.tokens for each in speech.report.sentences]
    assert [len(each.prompt) for each in asked] == [
        prompt,
        prompt + said[0],
        prompt + said[0] + said[1],
    ]
    own = [each.phones for each in speech.report.sentences]
    assert [len(each.phones) for each in asked] == [
        len(voice.prompt.phones) + sum(own[: index + 1]) for index in range(3)
    ]
    np.testing.assert_array_equal(asked[2].prompt[:prompt], voice.prompt.tokens)
    np.testing.assert_array_equal(asked[2].prompt[: len(asked[1].prompt)], asked[1].prompt)


def test_the_first_sentence_is_as_ever_and_the_next_is_not(myna: Myna, voice: Voice) -> None:
    together = myna.speak(TEXT, voice, sampling=TOGETHER, guard=ONCE)
    alone = myna.speak(TEXT, voice, sampling=ALONE, guard=ONCE)
    first = round(together.timings[0].end * together.audio.rate)
    np.testing.assert_array_equal(together.audio.samples[:first], alone.audio.samples[:first])
    assert together.audio.samples.tolist() != alone.audio.samples.tolist()


def test_streams_and_schedulers_say_the_same(myna: Myna, voice: Voice) -> None:
    expected = myna.speak(TEXT, voice, sampling=TOGETHER, guard=ONCE).audio.samples
    whole = Pacing(sentences=True)
    pieces = [piece.samples for piece in myna.stream(TEXT, voice, sampling=TOGETHER, pacing=whole)]
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-5)
    with Scheduler(myna.engine) as scheduler:
        asked = Utterance(text=TEXT, voice=voice, sampling=TOGETHER)
        pieces = [piece.samples for piece in scheduler.submit(asked, pacing=whole)]
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-5)


def test_only_so_much_goes_before() -> None:
    context = Context(2)
    for length in (10, 20, 30):
        context.add(Said(np.zeros(5, np.int64), None, np.zeros(length, np.int64)))
    assert [len(each.tokens) for each in context.before] == [20, 30]
    context.add(Said(np.zeros(5, np.int64), None, np.zeros(MOST_CONTEXT - 20, np.int64)))
    assert [len(each.tokens) for each in context.before] == [MOST_CONTEXT - 20]
    context.add(Said(np.zeros(5, np.int64), None, np.zeros(MOST_CONTEXT + 1, np.int64)))
    assert context.before == ()


def test_spelled_sentences_go_on_too() -> None:
    tiny = Myna.load("tiny")
    text = "Good morning to you. It is very late now. We must go home."
    said = [
        tiny.speak(text, sampling=replace(each, top_k=1), guard=ONCE) for each in (TOGETHER, ALONE)
    ]
    one, other = (each.audio.samples for each in said)
    first = round(said[0].timings[0].end * said[0].audio.rate)
    np.testing.assert_array_equal(one[:first], other[:first])
    assert one.tolist() != other.tolist()
    script = Script(tiny.engine, Utterance(text=text, voice=tiny.voice(), sampling=TOGETHER), None)
    before: list[Said] = []
    for index, line in enumerate(script.lines):
        ((_, tokens),) = tiny.engine.generate([script.request(index, before)])
        before.append(script.said(index, tokens))
        words = [word.text for word in script.words(index, tokens, 60.0)]
        assert words == line.sentence.source.split()
    assert len(before) == 3


def test_how_many_is_checked() -> None:
    with pytest.raises(ConfigError, match="0 to 8"):
        Sampling(context=9)

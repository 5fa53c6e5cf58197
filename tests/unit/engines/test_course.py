"""What may be said next, where tokens are spelled: all of the text, in order, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.audio.spelling import units
from myna.datatypes import Sampling
from myna.engines.base import TokenRequest
from myna.engines.course import Course
from myna.engines.drawing import Drawing, check
from myna.errors import EngineError
from myna.specs import SpellingSpec, TokenModelSpec

SPELLING = SpellingSpec()
SPEC = TokenModelSpec(phones=732, spelling=SPELLING)
L = SPELLING.levels


def course(*sounds: int, temperature: float = 0.0, seed: int = 0) -> Course:
    """Of phones that sound like this."""
    request = TokenRequest(
        phones=np.ones(len(sounds), np.int64), sounds=np.array(sounds), seed=seed
    )
    return Course(request, SPEC, temperature)


def logits(**chances: float) -> np.ndarray:
    """`s5=0.6` gives sound 5 this chance, spread over its tokens, `end` the end; others share."""
    found = np.zeros(SPEC.codes + 1)
    for name, chance in chances.items():
        sound = -1 if name == "end" else int(name[1:])
        ids = slice(SPEC.end, None) if sound < 0 else slice(sound * L, (sound + 1) * L)
        found[slice(0, 1) if sound == 0 else ids] = chance / (1 if sound <= 0 else L)
    found[found == 0] = (1 - sum(chances.values())) / (found == 0).sum()
    return np.log(found + 1e-12).astype(np.float32)


def options(way: Course, **chances: float) -> dict[int, float]:
    """Chances of sounds that may be said next; -1 for the end."""
    given = way.choices(logits(**chances))
    found: dict[int, float] = {}
    for token in np.flatnonzero(np.isfinite(given)):
        sound = -1 if token == SPEC.end else int(token // L)
        found[sound] = found.get(sound, 0.0) + float(np.exp(given[token]))
    return {sound: round(chance, 3) for sound, chance in found.items()}


def test_a_text_is_gone_through_sound_by_sound() -> None:
    way = course(5, 6, 0, 7, 0)
    assert options(way, s5=0.5, s0=0.2) == {5: 0.8, 0: 0.2}
    way.go(5 * L + 3)
    assert set(options(way, s5=0.9)) == {5}
    way.go(5 * L)
    assert set(options(way, s6=0.9)) == {6}
    way.go(6 * L)
    assert set(options(way, s7=0.9)) == {7, 0}
    way.go(0)
    assert set(options(way, s7=0.9)) == {7}
    way.go(7 * L)
    assert set(options(way, s7=0.9)) == {7}
    assert set(options(way, end=0.9)) == {0, -1}
    way.go(0)
    assert set(options(way, end=0.9)) == {-1}


def test_whatever_else_a_model_expects_is_the_next_sound() -> None:
    way = course(5, 6)
    way.go(5 * L)
    assert options(way, s5=0.3, s9=0.7) == {6: 0.7}
    way = course(5, 0, 6)
    way.go(5 * L)
    assert options(way, s5=0.3, s0=0.25, s9=0.45) == {6: 0.45, 0: 0.25}


def test_a_sound_lasts_until_it_is_likelier_to_be_over() -> None:
    way = course(5, 6)
    way.go(5 * L)
    lasted = 1
    while 5 in options(way, s5=0.9):
        way.go(5 * L)
        lasted += 1
    assert lasted == 7  # 0.9 ** 7 is the first power below a half


@pytest.mark.parametrize(("temperature", "spread"), [(0.0, 0), (0.5, 5), (1.0, 11)])
def test_durations_vary_with_temperature_around_their_median(
    temperature: float, spread: float
) -> None:
    lengths = []
    for seed in range(200):
        way = course(5, 6, temperature=temperature, seed=seed)
        way.go(5 * L)
        count = 1
        while 5 in options(way, s5=0.9) and count < 15:
            way.go(5 * L)
            count += 1
        lengths.append(count)
    assert np.median(lengths) == 7
    low, high = np.quantile(lengths, [0.25, 0.75])
    assert high - low == pytest.approx(spread, abs=1.5)
    assert (high > low) == (temperature > 0)


def test_only_one_token_is_silent_and_none_is_without_meaning() -> None:
    allowed = np.flatnonzero(np.isfinite(course(39).choices(logits())))
    assert allowed.tolist() == [0, *range(39 * L, 40 * L)]


def test_equal_sounds_are_told_apart_by_the_silence_at_a_mark() -> None:
    way = course(5, 5, 0, 5)
    way.go(5 * L)
    assert set(options(way, s5=0.1)) == {0}
    way.go(0)
    assert set(options(way, s5=0.9)) == {5}
    way.go(5 * L)
    assert set(options(way, s5=0.1)) == {0, -1}


def test_sounds_and_silences_end() -> None:
    way = course(5, 6)
    way.go(0)
    for _ in range(7):
        assert set(options(way, s0=1.0)) == {0}
        way.go(0)
    assert set(options(way, s0=1.0)) == {5}
    way.go(5 * L)
    for _ in range(14):
        assert set(options(way, s5=1.0)) == {5}
        way.go(5 * L)
    assert set(options(way, s5=1.0)) == {6}
    for _ in range(15):
        way.go(6 * L)
    assert set(options(way, s6=1.0)) == {0, -1}
    way.go(0)
    for _ in range(7):
        assert set(options(way, s0=1.0)) == {0}
        way.go(0)
    assert set(options(way, s0=1.0)) == {-1}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=30).filter(any),
    st.integers(0, 1000),
)
def test_whatever_a_model_says_the_text_is_said_once(sounds: list[int], seed: int) -> None:
    request = TokenRequest(
        phones=np.ones(len(sounds), np.int64), sounds=np.array(sounds), seed=seed
    )
    check(request, SPEC)
    drawing, random = Drawing(request, SPEC), np.random.default_rng(seed)
    while not drawing.done:
        drawing.take(random.standard_normal(SPEC.codes + 1).astype(np.float32))
    result = drawing.result()
    assert result.ended
    spoken = [number for number, sound in enumerate(sounds) if sound]
    joined = [number > 0 and sounds[number - 1] != 0 for number in spoken]
    places = units([sounds[number] for number in spoken], joined)
    wanted = [
        [sounds[number] for number in spoken][places.index(unit)] for unit in range(places[-1] + 1)
    ]
    found = [int(sound) for sound, _ in groupby(result.ids // L) if sound]
    assert found == wanted


def test_a_request_needs_sounds() -> None:
    phones = np.ones(3, np.int64)
    for sounds in (None, np.zeros(3, np.int64), np.ones(2, np.int64), np.array([1, 40, 2])):
        with pytest.raises(EngineError, match="spells what it says"):
            check(TokenRequest(phones=phones, sounds=sounds), SPEC)
    check(TokenRequest(phones=phones), replace(SPEC, spelling=None))


def test_a_short_word_may_be_short() -> None:
    """The least length of published models is no matter of models that know when they are done."""
    request = TokenRequest(
        phones=np.ones(1, np.int64), sounds=np.array([5]), sampling=Sampling(temperature=1.0)
    )
    drawing = Drawing(request, SPEC)
    for token in (5 * L, SPEC.end):
        sure = np.zeros(SPEC.codes + 1, np.float32)
        sure[token] = 100.0
        drawing.take(sure)
    assert drawing.result().ids.tolist() == [5 * L]

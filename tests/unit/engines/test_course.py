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


def course(
    *sounds: int, temperature: float = 0.0, seed: int = 0, said: tuple[int, ...] = ()
) -> Course:
    """Of phones that sound like this, of which the first were `said`."""
    request = TokenRequest(
        phones=np.ones(len(sounds), np.int64),
        sounds=np.array(sounds),
        prompt=np.array(said, np.int64) * L,
        seed=seed,
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


def says(way: Course, **chances: float) -> int:
    """The sound drawn next; -1 for the end."""
    token = way.draw(logits(**chances))
    return -1 if token == SPEC.end else token // L


def test_it_goes_on_from_what_was_said() -> None:
    way = course(5, 6, 0, 7, 0, said=(0, 5, 5, 6))
    assert says(way, s6=0.9) == 7  # the last sound is over, however long the model would hold it
    assert says(way, s7=0.9) == 7
    assert says(course(5, 6, 0, 7, 0, said=(5, 6, 0)), s0=0.9) == 0
    assert says(course(5, 6, 0, 7, 0, said=(5, 6, 0)), s7=0.9) == 7
    assert says(course(5, 0, 5, said=(5,)), s5=0.9) == 0  # or nobody would hear two of them


@pytest.mark.parametrize("said", [(5, 6, 7), (5, 6, 7, 0)])
def test_something_must_be_left_to_say(said: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="all sounds"):
        course(5, 6, 0, 7, 0, said=said)


def test_a_text_is_gone_through_sound_by_sound() -> None:
    way = course(5, 6, 0, 7, 0)
    assert says(way, s5=0.5, s0=0.2) == 5
    assert says(way, s5=0.9) == 5
    assert says(way, s6=0.9) == 6
    assert says(way, s0=0.9) == 0
    assert says(way, s0=0.9) == 0
    assert says(way, s7=0.9) == 7
    assert says(way, s0=0.9) == 0
    assert says(way, end=0.9) == -1


def test_no_model_can_leave_the_text() -> None:
    way = course(5, 6, 7)
    assert [says(way, s20=0.9) for _ in range(4)] == [5, 6, 7, -1]
    way = course(5, 6, 7)
    assert [says(way, end=0.9) for _ in range(4)] == [5, 6, 7, -1]
    way = course(5, 6, 7)  # no mark, no pause, but at the ends
    assert [says(way, s0=0.9) for _ in range(4)] == [0] * 4
    assert [says(way, s5=0.9), says(way, s0=0.9), says(way, s0=0.9)] == [5, 6, 7]


def test_whatever_else_a_model_expects_is_the_next_sound() -> None:
    """It takes the chance of silence at a mark only as that of silence."""
    found = []
    for seed in range(400):
        way = course(5, 0, 6, temperature=1.0, seed=seed)
        assert says(way, s5=0.9) in (0, 5)
        found.append(says(way, s0=0.25, s9=0.75))
    assert np.mean([sound == 0 for sound in found]) == pytest.approx(0.25, abs=0.06)
    assert set(found) <= {0, 5, 6}


def test_a_sound_lasts_until_it_is_likelier_to_be_over() -> None:
    way = course(5, 6)
    lasted = 0
    while says(way, s5=0.8) == 5:
        lasted += 1
    assert lasted == 8  # 0.8 ** 8 is the first power below 0.2


@pytest.mark.parametrize(("temperature", "spread"), [(0.0, 0), (0.5, 4), (1.0, 8)])
def test_durations_vary_with_temperature(temperature: float, spread: float) -> None:
    lengths = []
    for seed in range(200):
        way = course(5, 6, temperature=temperature, seed=seed)
        count = 0
        while says(way, s5=0.8) == 5:
            count += 1
        lengths.append(count)
    assert np.median(lengths) == pytest.approx(8, abs=1)
    low, high = np.quantile(lengths, [0.25, 0.75])
    assert high - low == pytest.approx(spread, abs=1.5)
    assert (high > low) == (temperature > 0)


def test_pitch_and_loudness_are_quantiles_too() -> None:
    """Of two peaks far from each other the median is never one that chance alone would take."""
    chances = np.full(SPEC.codes + 1, 1e-9)
    levels = chances[5 * L : 6 * L].reshape(6, 4)
    levels[:, 1] = [0.3, 0.1, 0.2, 0.1, 0.1, 0.2]
    levels[2, :] += [0.0, 0.0, 0.5, 0.0]
    drawn = set()
    for seed in range(50):
        token = course(5, seed=seed).draw(np.log(chances).astype(np.float32))
        assert token == 5 * L + 2 * 4 + 2
        wild = course(5, temperature=1.0, seed=seed).draw(np.log(chances).astype(np.float32))
        drawn.add(int(wild) % L // 4)
    assert drawn == {0, 1, 2, 3, 4, 5}


def test_equal_sounds_are_told_apart_by_the_silence_at_a_mark() -> None:
    way = course(5, 5, 0, 5)
    assert says(way, s5=0.9) == 5
    assert says(way, s9=0.9) == 0
    assert says(way, s5=0.9) == 5
    assert says(way, s5=0.1, end=0.9) == -1


def test_sounds_and_silences_end() -> None:
    way = course(5, 6)
    assert [says(way, s0=1.0) for _ in range(8)] == [0] * 8
    assert [says(way, s5=1.0) for _ in range(16)] == [5] * 15 + [6]
    way = course(5)
    assert says(way, s5=0.9) == 5
    assert [says(way, s0=1.0) for _ in range(9)] == [0] * 8 + [-1]


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
    for sounds in (
        None,
        np.zeros(3, np.int64),
        np.ones(2, np.int64),
        np.array([1, 40, 2]),
        np.array([-1, 1, 2]),
    ):
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

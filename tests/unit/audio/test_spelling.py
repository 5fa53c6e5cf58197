"""Tokens that are spelled: every sound once, in order, as high and as loud as it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.audio.spelling import SILENCE, meaning, moved, spell, units
from myna.errors import AudioError
from myna.specs import SpellingSpec

SPEC = SpellingSpec()
S, IY, T = 29, 18, 31


def bands(frames: int, power: float = 0.0) -> np.ndarray:
    return np.full((frames, 80), power, np.float32)


def hum(frames: int, hertz: float = 120.0) -> np.ndarray:
    return np.full(frames, hertz)


def said(tokens: np.ndarray) -> list[int]:
    return (tokens // SPEC.levels).tolist()


def test_tokens_lie_where_their_sounds_do() -> None:
    spans = [(8, 16), (16, 32), (40, 44)]
    tokens, places = spell([S, IY, T], spans, hum(48), bands(48), SPEC)
    assert said(tokens) == [0, 0, S, S, IY, IY, IY, IY, 0, 0, T, 0]
    assert places.tolist() == [-0.5, -0.5, 0, 0, 1, 1, 1, 1, 1.5, 1.5, 2, 2.5]


def test_equal_neighbours_are_one_unless_something_lies_between() -> None:
    assert units([S, S, T, T], [False, True, True, False]) == [0, 0, 1, 2]
    tokens, places = spell([T, T], [(0, 8), (8, 16)], hum(16), bands(16), SPEC)
    assert said(tokens) == [T] * 4
    assert places.tolist() == [0.5] * 4
    tokens, _ = spell([T, T], [(0, 4), (12, 16)], hum(16), bands(16), SPEC)
    assert said(tokens) == [T, 0, 0, T]


def test_silence_has_one_token() -> None:
    loud = bands(48)
    loud[:8] = -20
    tokens, _ = spell([S, IY, T], [(8, 16), (16, 32), (40, 44)], hum(48), loud, SPEC)
    assert set(tokens[[0, 1, 8, 9, 11]].tolist()) == {SILENCE}


def test_pitch_is_relative_to_the_clip() -> None:
    rising = 100 * 2 ** np.linspace(0, 1, 40)
    spans = [(0, 40)]
    tokens, _ = spell([IY], spans, rising, bands(40), SPEC)
    levels = tokens % SPEC.levels // 4
    assert levels[0] == 0
    assert levels[-1] == len(SPEC.pitch)
    assert (np.diff(levels) >= 0).all()
    other, _ = spell([IY], spans, 2.3 * rising, bands(40), SPEC)
    np.testing.assert_array_equal(tokens, other)


def test_pitch_goes_on_where_there_is_no_voice() -> None:
    hertz = np.concatenate([np.zeros(8), np.full(16, 100.0), np.zeros(16), np.full(16, 160.0)])
    tokens, _ = spell([IY], [(0, 56)], hertz, bands(56), SPEC)
    levels = tokens % SPEC.levels // 4
    assert levels[0] == levels[2]
    assert levels[3] < levels[8] < levels[-1] or levels[3] < levels[-1]


def test_loudness_is_relative_to_the_clip_and_the_sound() -> None:
    growing = bands(40) + np.linspace(-4, 4, 40)[:, None]
    for power in (-6.0, 0.0, 3.0):
        tokens, _ = spell([IY], [(0, 40)], hum(40), growing + power, SPEC)
        levels = tokens % 4
        assert (np.diff(levels) >= 0).all()
        assert levels[0] == 0
        assert levels[-1] == 3
        np.testing.assert_array_equal(tokens, spell([IY], [(0, 40)], hum(40), growing, SPEC)[0])
    fricative, _ = spell([T], [(0, 40)], hum(40), bands(40), SPEC)
    vowel, _ = spell([IY], [(0, 40)], hum(40), bands(40), SPEC)
    assert (fricative % 4 > vowel % 4).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_sound_is_left_out_however_short(data: st.DataObject) -> None:
    sounds = data.draw(st.lists(st.integers(1, 39), min_size=1, max_size=12))
    count = data.draw(st.integers(max(2, len(sounds)), 60))
    cuts = st.lists(st.integers(0, 4 * count), min_size=2 * len(sounds), max_size=2 * len(sounds))
    edges = sorted(data.draw(cuts))
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    tokens, places = spell(sounds, spans, hum(4 * count), bands(4 * count), SPEC)
    assert len(tokens) == len(places) == count
    assert tokens.min() >= 0
    assert tokens.max() < SPEC.codes
    joined = [False, *(after[0] - before[1] < 1 for before, after in pairwise(spans))]
    wanted = [
        sound
        for number, sound in enumerate(sounds)
        if not (joined[number] and sounds[number - 1] == sound)
    ]
    # Sounds in order, each at places of its own.
    whole = places == np.round(places * 2) / 2
    assert whole.all()
    spoken = [
        sound
        for number, (sound, place) in enumerate(zip(said(tokens), places, strict=True))
        if sound and (number == 0 or place != places[number - 1])
    ]
    assert spoken == wanted


def test_what_cannot_be_spelled_is_refused() -> None:
    with pytest.raises(AudioError, match="room for 2 sounds, its text has 3"):
        spell([S, IY, T], [(0, 2), (2, 4), (4, 6)], hum(8), bands(8), SPEC)
    with pytest.raises(AudioError, match="hardly any voice"):
        spell([S], [(0, 8)], np.zeros(8), bands(8), SPEC)
    with pytest.raises(AudioError, match="English alone"):
        spell([40], [(0, 8)], hum(8), bands(8), SPEC)


def test_every_token_means_something_of_its_own() -> None:
    table = meaning(SPEC, 1024)
    assert table.shape == (1024, SPEC.content)
    used = table[SPEC.levels : SPEC.codes]
    assert len(np.unique(used, axis=0)) == len(used)
    assert (used[:, : SPEC.sounds].sum(1) == 1).all()
    assert table[0].tolist() == [1.0] + [0.0] * (SPEC.content - 1)
    assert not table[1 : SPEC.levels].any()
    assert not table[SPEC.codes :].any()
    one = table[S * SPEC.levels : (S + 1) * SPEC.levels]
    assert (np.diff(one[::4, SPEC.sounds]) > 0).all()
    assert (np.diff(one[:4, SPEC.sounds + 1]) > 0).all()
    assert np.abs(used).max() == 1


def test_levels_move_by_one_and_sounds_stay() -> None:
    spec = SpellingSpec()
    random = np.random.default_rng(0)
    tokens = random.integers(spec.levels, spec.codes, 2000)
    tokens[::7] = SILENCE
    changed = moved(tokens, spec, random, 0.5, 0.9)
    assert (changed // spec.levels == tokens // spec.levels).all()
    assert (changed[::7] == SILENCE).all()
    high, loud = len(spec.pitch) + 1, len(spec.loudness) + 1
    pitch = changed // loud % high - tokens // loud % high
    loudness = changed % loud - tokens % loud
    for levels in (pitch, loudness):
        assert 0.02 < (levels != 0).mean() < 0.9
        assert set(np.unique(levels)) == {-1, 0, 1}
    np.testing.assert_array_equal(moved(tokens, spec, random, 0.0, 0.0), tokens)

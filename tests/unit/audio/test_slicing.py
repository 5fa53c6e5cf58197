"""Slicing: ordered, disjoint, within limits, cut in pauses, and all speech is accounted for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.audio.slicing import Slices, SliceSettings, cut
from myna.datatypes import Audio
from myna.errors import ConfigError

RATE = 200
NEAR = 1e-6

Spans = list[tuple[float, float]]


def recording(speech: Spans, seconds: float) -> Audio:
    """Noise, loud where there is speech, and quietest in the middle of each pause."""
    samples = np.random.default_rng(0).normal(size=round(seconds * RATE))
    time = np.arange(len(samples)) / RATE
    near = np.full(len(samples), np.inf)
    for start, end in speech:
        near = np.minimum(near, np.maximum(0.0, np.maximum(start - time, time - end)))
    return Audio((samples * np.where(near == 0.0, 0.2, 1e-3 * np.exp(-near))).astype("f4"), RATE)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Spans, float]:
    at, speech = draw(st.floats(0.0, 2.0)), []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.floats(0.05, 4.0) | st.floats(4.0, 35.0))
        speech.append((at, at + length))
        at += length + draw(st.floats(0.0, 0.5) | st.floats(0.5, 4.0))
    return speech, at + draw(st.floats(0.0, 1.0))


@st.composite
def choices(draw: st.DrawFn) -> SliceSettings:
    shortest = draw(st.floats(0.5, 5.0))
    return SliceSettings(
        shortest=shortest,
        longest=shortest * draw(st.floats(2.0, 4.0)),
        least=draw(st.floats(0.2, shortest)),
        margin=draw(st.floats(0.0, min(1.0, shortest / 2.0))),
        least_pause=draw(st.floats(0.02, 0.3)),
        longest_pause=draw(st.floats(0.1, 3.0)),
    )


def check(found: Slices, speech: Spans, seconds: float, settings: SliceSettings) -> None:
    parts = sorted([*found.pieces, *found.left_out], key=lambda part: part.start)
    for part in parts:
        assert 0.0 <= part.start < part.end <= seconds + NEAR
    for before, after in pairwise(parts):
        assert before.end <= after.start + NEAR
    for piece in found.pieces:
        assert settings.least - NEAR <= piece.end - piece.start <= settings.longest + NEAR
    for start, end in speech:  # nothing is lost
        at = start
        for part in parts:
            if part.start <= at + NEAR:
                at = max(at, part.end)
        assert at >= min(end, seconds) - NEAR
    for piece in found.pieces:  # pauses, unless it says so
        for edge in (piece.start, piece.end):
            inside = any(start + NEAR < edge < end - NEAR for start, end in speech)
            assert piece.cut_in_speech or not inside
    for part in found.left_out:
        assert part.end - part.start < settings.least
        assert part.reason


@given(layouts(), choices())
def test_everything_is_accounted_for(layout: tuple[Spans, float], settings: SliceSettings) -> None:
    speech, seconds = layout
    audio = recording(speech, seconds)
    true = [(start, min(end, audio.seconds)) for start, end in speech]
    check(cut(audio, speech, settings), true, audio.seconds, settings)


@given(st.lists(st.tuples(st.floats(-2, 30), st.floats(-2, 30))), st.floats(0.001, 25.0))
def test_any_spans_will_do(speech: Spans, seconds: float) -> None:
    """In any order, overlapping, empty, or beyond the recording."""
    audio = recording(speech, seconds)
    inside = [(max(0.0, start), min(end, audio.seconds)) for start, end in speech]
    true = [(start, end) for start, end in inside if end > start]
    check(cut(audio, speech), true, audio.seconds, SliceSettings())


def test_phrases_are_joined_to_good_lengths() -> None:
    speech = [(0.5 + 2.0 * k, 2.2 + 2.0 * k) for k in range(12)]
    found = cut(recording(speech, 26.0), speech)
    assert found.left_out == ()
    assert all(3.0 <= piece.end - piece.start <= 10.0 for piece in found.pieces)
    assert not any(piece.cut_in_speech for piece in found.pieces)


def test_cuts_are_at_the_quietest_place_of_the_pause() -> None:
    speech = [(0.5, 6.5), (6.8, 12.8)]
    audio = recording(speech, 13.0)
    quiet = slice(round(6.63 * RATE), round(6.69 * RATE))
    audio.samples[quiet] = 0.0
    first, second = cut(audio, speech).pieces
    assert first.end == second.start == pytest.approx(6.66, abs=0.02)


def test_margins_are_kept_in_long_pauses() -> None:
    speech = [(1.0, 6.0), (9.0, 14.0)]
    pieces = cut(recording(speech, 15.0), speech, SliceSettings(margin=0.3)).pieces
    assert [(piece.start, piece.end) for piece in pieces] == [
        pytest.approx((0.7, 6.3)),
        pytest.approx((8.7, 14.3)),
    ]


def test_a_long_pause_divides() -> None:
    speech = [(0.5, 2.5), (4.0, 6.0)]
    audio = recording(speech, 7.0)
    assert len(cut(audio, speech).pieces) == 2
    assert len(cut(audio, speech, SliceSettings(longest_pause=2.0)).pieces) == 1


def test_long_speech_is_cut_where_it_is_quiet_and_says_so() -> None:
    speech = [(1.0, 16.0)]
    audio = recording(speech, 17.0)
    audio.samples[round(8.0 * RATE) : round(8.1 * RATE)] *= 0.01
    first, second = cut(audio, speech).pieces
    assert first.end == second.start == pytest.approx(8.05, abs=0.05)
    assert first.cut_in_speech
    assert second.cut_in_speech


def test_a_cut_in_speech_that_is_joined_again_is_none() -> None:
    speech = [(0.5, 7.5), (7.8, 10.0)]
    found = cut(recording(speech, 11.0), speech)
    assert not any(piece.cut_in_speech for piece in found.pieces)


def test_short_phrases_alone_are_kept_or_left_out_with_a_reason() -> None:
    speech = [(1.0, 2.5), (8.0, 8.3), (14.0, 19.0)]
    audio = recording(speech, 20.0)
    found = cut(audio, speech)
    assert len(found.pieces) == 2
    (rest,) = found.left_out
    assert rest.start < 8.0 < 8.3 < rest.end
    assert "0.70 s" in rest.reason
    strict = cut(audio, speech, SliceSettings(least=3.0))
    assert len(strict.pieces) == 1
    assert len(strict.left_out) == 2


def test_hours_are_cut_in_seconds() -> None:
    speech = [(2.0 * k, 2.0 * k + 1.6) for k in range(3600)]
    found = cut(Audio(np.zeros(7200 * RATE, dtype=np.float32), RATE), speech)
    check(found, speech[:50], 7200.0, SliceSettings())
    assert sum(piece.end - piece.start for piece in found.pieces) > 6000.0


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_tiny_recordings(samples: int) -> None:
    audio = Audio(np.zeros(samples, dtype=np.float32), 16_000)
    assert cut(audio, []) == Slices((), ())
    assert cut(audio, [(0.0, 1.0)]).pieces == ()


def test_settings_are_checked() -> None:
    for wrong in (
        {"shortest": 6.0},
        {"least": 4.0},
        {"margin": 0.9, "shortest": 1.0, "longest": 3.0},
        {"longest": float("nan")},
    ):
        with pytest.raises(ConfigError):
            SliceSettings(**wrong)

"""Pauses exact to the sample, and overlaps that fit."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from myna.audio.joining import pause, sola


@example(12, 1.35, 22_050)
@given(st.integers(1, 200), st.floats(0.0, 10.0), st.sampled_from([8000, 22_050, 24_000, 44_100]))
def test_pauses_never_drift(count: int, seconds: float, rate: int) -> None:
    pauses = [pause(index * seconds, seconds, rate) for index in range(count)]
    assert abs(sum(len(each) for each in pauses) - count * seconds * rate) <= 0.501
    assert all(abs(len(each) - seconds * rate) <= 1 for each in pauses)
    assert not np.concatenate(pauses).any()
    assert pauses[0].dtype == np.float32


def test_overlapping_pieces_of_one_signal_give_it_back() -> None:
    whole = np.random.default_rng(0).normal(size=6000).astype(np.float32)
    pieces = [whole[:2500], whole[2500 - 400 - 37 : 4500], whole[4500 - 400 - 320 :]]
    np.testing.assert_allclose(sola(pieces, overlap=400), whole, atol=1e-6)


def test_one_piece_and_none_pass_through() -> None:
    piece = np.arange(5, dtype=np.float32)
    np.testing.assert_array_equal(sola([piece], overlap=2), piece)
    assert len(sola([], overlap=2)) == 0


def test_silence_joins_without_a_shift() -> None:
    pieces = [np.zeros(1000, dtype=np.float32), np.zeros(1000, dtype=np.float32)]
    joined = sola(pieces, overlap=100)
    assert len(joined) == 1900
    assert not joined.any()

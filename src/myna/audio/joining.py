"""Put pieces of speech together: with pauses between sentences, or overlapping within one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from myna.datatypes import Floats

SEARCH = 320
"""Samples over which `sola` looks for the best match, as in the published pipeline."""

_ENERGY_FLOOR = 1e-8


def pause(before: float, seconds: float, rate: int) -> Floats:
    """Silence of `seconds`, after pauses of `before` seconds in all; float32.

    Pauses are rounded together, not one by one, so a long text does not drift from its timings.
    """
    samples = _place(before + seconds, rate) - _place(before, rate)
    return np.zeros(samples, dtype=np.float32)


def _place(seconds: float, rate: int) -> int:
    """The nearest sample; the later one of two, also where half a sample comes out a hair short."""
    return math.floor(seconds * rate + 0.5 + 1e-6)


def sola(pieces: Sequence[Floats], overlap: int, search: int = SEARCH) -> Floats:
    """Join pieces whose ends say the same: shift each to where it fits best, and cross-fade.

    The last `overlap` samples of a piece are compared with the next one at shifts of 0 to `search`
    samples; what lies before the best shift is dropped.

    Args:
        pieces: float32 waveforms; all but the last have at least `overlap` samples, all but the
            first at least `overlap` + `search`.
        overlap: samples of the cross-fade, at least 1.
        search: greatest shift.

    Returns:
        (samples,) float32.

    Source: synchronised overlap-add (Roucos and Wilgus, 1985). The score divides by the energy of
    the window only; the fade is the periodic Hann window of 2 * overlap.
    """
    assert all(len(piece) >= overlap for piece in pieces[:-1])
    assert all(len(piece) >= overlap + search for piece in pieces[1:])
    rising = 0.5 - 0.5 * np.cos(np.pi * np.arange(overlap) / overlap)
    joined = [np.asarray(piece, dtype=np.float32) for piece in pieces[:1]]
    for before, after in pairwise(pieces):
        tail = before[-overlap:].astype(np.float64)
        rest = after[_best_shift(tail, after[: overlap + search].astype(np.float64)) :]
        blend = tail * (1.0 - rising) + rest[:overlap] * rising
        joined[-1] = joined[-1][:-overlap]
        joined.append(np.concatenate((blend.astype(np.float32), rest[overlap:])))
    return np.concatenate(joined) if joined else np.zeros(0, dtype=np.float32)


def _best_shift(tail: np.ndarray, head: np.ndarray) -> int:
    match = np.correlate(head, tail, mode="valid")
    sums = np.concatenate(([0.0], np.cumsum(head**2)))
    energy = np.maximum(sums[len(tail) :] - sums[: -len(tail)], 0.0)
    return int(np.argmax(match / np.sqrt(energy + _ENERGY_FLOOR)))

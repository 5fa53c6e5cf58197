"""Random numbers depend on who asks and on nothing else, today and in later versions."""

from __future__ import annotations

import numpy as np
import pytest

from myna.engines.randomness import Purpose, Stream, draw_seed

PINNED = {
    (0, 0, Purpose.TOKENS): (
        [0.011546754286331562, 0.24154919656271823, 0.11142585551493822],
        [4.46135092, 1.42068207, 2.19439578],
        [2.28444147, -1.54945076, 1.92458534],
    ),
    (1234, 5, Purpose.TOKENS): (
        [0.9872889470336658, 0.9381427875179448, 0.5889888486000546],
        [0.0127925295, 0.0638531148, 0.529348016],
        [-0.13559483, 0.347767293, -0.0848475173],
    ),
    (2**63 - 1, 2**32 - 1, Purpose.NOISE): (
        [0.2524061645844603, 0.7623316417570002, 0.5475298624747943],
        [1.37671578, 0.2713736, 0.602338254],
        [-1.58590043, -0.21808143, -0.488212407],
    ),
}
"""The first numbers of each kind, recorded: a seed that was kept must go on giving its speech."""


@pytest.mark.parametrize("name", PINNED)
def test_first_values_are_the_recorded_ones(name: tuple[int, int, Purpose]) -> None:
    uniform, exponential, normal = PINNED[name]
    np.testing.assert_array_equal(Stream(*name).uniform(3), uniform)
    np.testing.assert_allclose(Stream(*name).exponential(3), exponential, rtol=1e-6)
    np.testing.assert_allclose(Stream(*name).normal(3), normal, rtol=1e-6)


def test_order_of_asking_does_not_matter() -> None:
    names = [(seed, part, use) for seed in (0, 7) for part in (0, 1, 2) for use in Purpose]
    alone = {name: Stream(*name).uniform(20) for name in names}
    streams = {name: Stream(*name) for name in names}
    found: dict[tuple[int, int, Purpose], list[float]] = {name: [] for name in names}
    for step in range(20):
        for name in names if step % 2 else reversed(names):
            found[name] += streams[name].uniform(1).tolist()
    for name in names:
        np.testing.assert_array_equal(found[name], alone[name])


def test_every_stream_is_another() -> None:
    names = [
        (seed, part, use)
        for seed in (0, 1, 2, 2**62)
        for part in (0, 1, 2, 4, 8)
        for use in Purpose
    ]
    first = {float(Stream(*name).uniform(1)[0]) for name in names}
    assert len(first) == len(names)


def test_distributions() -> None:
    stream = Stream(3, 0, Purpose.NOISE)
    uniform, exponential, normal = (
        stream.uniform(100_000),
        stream.exponential(100_000),
        stream.normal(100_001),
    )
    assert 0 < uniform.min() < uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.005)
    assert exponential.min() > 0
    assert (exponential.mean(), exponential.std()) == pytest.approx((1, 1), abs=0.02)
    assert (normal.mean(), normal.std()) == pytest.approx((0, 1), abs=0.02)
    assert np.mean(normal**4) == pytest.approx(3, abs=0.15)
    assert np.corrcoef(normal[:50_000], normal[50_001:])[0, 1] == pytest.approx(0, abs=0.02)


def test_kinds_and_shapes() -> None:
    stream = Stream(0, 0, Purpose.NOISE)
    assert stream.uniform(2).dtype == np.float64
    assert stream.exponential(2).dtype == np.float32
    drawn = stream.normal(1, 3, 5)
    assert (drawn.shape, drawn.dtype) == ((1, 3, 5), np.float32)


def test_drawn_seeds_are_fit_and_differ() -> None:
    seeds = {draw_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)

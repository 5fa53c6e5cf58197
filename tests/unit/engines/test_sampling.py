"""The rules by which a token is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from myna.engines.sampling import distribution, draw, penalise
from myna.specs import SamplingSpec

LOGITS = np.log(np.array([0.5, 0.2, 0.15, 0.1, 0.05], dtype=np.float32))

some_logits = arrays.arrays(np.float32, 40, elements=st.floats(-20, 20, width=32))


def test_penalty_is_applied_once_and_towards_less_likely() -> None:
    logits = np.array([2.0, -2.0, 1.0], dtype=np.float32)
    found = penalise(logits, np.array([0, 1, 0, 0]), 2.0)
    np.testing.assert_array_equal(found, [1, -4, 1])
    np.testing.assert_array_equal(logits, [2, -2, 1])


def test_no_penalty_changes_nothing() -> None:
    np.testing.assert_array_equal(penalise(LOGITS, np.arange(5), 1.0), LOGITS)
    np.testing.assert_array_equal(penalise(LOGITS, np.zeros(0, dtype=np.int64), 2.0), LOGITS)


def test_all_settings_off_is_the_softmax() -> None:
    np.testing.assert_allclose(
        distribution(LOGITS, SamplingSpec(top_k=10_000)), np.exp(LOGITS), 1e-5
    )


@pytest.mark.parametrize("count", [1, 2, 4])
def test_top_k(count: int) -> None:
    kept = np.exp(LOGITS[:count])
    expected = np.concatenate([kept / kept.sum(), np.zeros(5 - count)])
    np.testing.assert_allclose(distribution(LOGITS, SamplingSpec(top_k=count)), expected, 1e-5)


@pytest.mark.parametrize(("top_p", "count"), [(0.0, 1), (0.4, 1), (0.71, 2), (0.86, 3), (1.0, 5)])
def test_top_p_keeps_the_likeliest_that_stay_within(top_p: float, count: int) -> None:
    found = distribution(LOGITS, SamplingSpec(top_p=top_p, top_k=5))
    assert np.count_nonzero(found) == count


def test_temperature_sharpens_and_flattens() -> None:
    first = [
        distribution(LOGITS, SamplingSpec(temperature=temperature, top_k=5))[0]
        for temperature in (0.5, 1.0, 2.0)
    ]
    assert first[0] > first[1] > first[2]
    assert distribution(LOGITS, SamplingSpec(temperature=1e-5))[0] == 1


@given(some_logits, st.floats(0, 1), st.integers(1, 60), st.floats(0.1, 2))
def test_it_is_always_a_distribution(
    logits: np.ndarray, top_p: float, top_k: int, temperature: float
) -> None:
    sampling = SamplingSpec(top_p=top_p, top_k=top_k, temperature=temperature)
    found = distribution(logits, sampling)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()
    assert found[int(np.argmax(logits))] > 0


def test_draws_are_as_likely_as_told() -> None:
    random = np.random.default_rng(0)
    probabilities = distribution(LOGITS, SamplingSpec(top_k=4))
    counts = np.zeros(5)
    for _ in range(20_000):
        counts[draw(probabilities, random.exponential(size=5).astype(np.float32))] += 1
    np.testing.assert_allclose(counts / counts.sum(), probabilities, atol=0.012)
    assert counts[4] == 0

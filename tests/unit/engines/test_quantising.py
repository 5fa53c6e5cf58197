"""Levels and steps stand for the matrix that they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from myna.engines.quantising import MIDDLE, quantised


def test_a_weight_is_found_again_to_half_a_step() -> None:
    random = np.random.default_rng(0)
    matrix = (random.normal(size=(7, 40)) * random.uniform(1e-3, 10, (7, 1))).astype(np.float32)
    levels, steps = quantised(matrix)
    assert (levels.shape, levels.dtype) == ((40, 7), np.uint8)
    assert (steps.shape, steps.dtype) == ((7,), np.float32)
    assert levels.flags.c_contiguous
    found = (levels.T.astype(np.float64) - MIDDLE) * steps[:, None]
    assert (np.abs(found - matrix) <= 0.501 * steps[:, None]).all()


def test_the_largest_weight_of_a_row_is_exact_whatever_its_sign() -> None:
    matrix = np.array([[0.0, -2.54, 1.0], [1.27, 0.5, -1.0]], dtype=np.float32)
    levels, steps = quantised(matrix)
    np.testing.assert_allclose(steps, [0.02, 0.01], rtol=1e-6)
    assert levels.T.tolist() == [[128, 1, 178], [255, 178, 28]]


@pytest.mark.parametrize("shape", [(3, 4), (1, 1)])
def test_nothing_stays_nothing(shape: tuple[int, int]) -> None:
    levels, steps = quantised(np.zeros(shape, dtype=np.float32))
    assert (levels == MIDDLE).all()
    assert np.isfinite(steps).all()

"""Nothing moved: the toy models compute what they computed when `make.py` was last run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import toy

sys.path.insert(0, str(Path(__file__).parent))

from make import GOLDEN, compute


@pytest.mark.usefixtures("toy_home")
@pytest.mark.parametrize("family", toy.FAMILY_ROWS)
def test_nothing_moved(family: str) -> None:
    pytest.importorskip("pypinyin")
    found = compute(family)
    with np.load(GOLDEN, allow_pickle=False) as archive:
        recorded = {key: archive[key] for key in archive.files if key.startswith(f"{family}_")}
    assert set(found) == set(recorded)
    for point, values in recorded.items():
        if np.issubdtype(values.dtype, np.integer):
            np.testing.assert_array_equal(found[point], values, err_msg=point)
        else:
            np.testing.assert_allclose(found[point], values, atol=2e-4, rtol=0, err_msg=point)

"""Matrices as whole numbers of eight bits: a step then reads a quarter of the bytes.

Every row, which makes one number of the result, has a step of its own, as wide as its largest
weight needs; so nothing is cut off. Levels are unsigned, around a middle: of two unsigned factors
no processor's instructions overflow (those that multiply unsigned by signed bytes do where AVX2 or
AVX-512 lack VNNI).

Letters in shapes: N numbers that a matrix makes, K numbers that it reads.
"""

import numpy as np
from numpy.typing import NDArray

from myna.engines.base import Floats

LEVELS, STEPS = "levels", "steps"
"""What a graph calls both arrays of a matrix, after the matrix's own name."""

MIDDLE = 128
"""The level of zero."""
_MOST = 127
"""Levels to either side of it that are used."""

Levels = NDArray[np.uint8]


def quantised(matrix: Floats) -> tuple[Levels, Floats]:
    """Levels (K, N), as ONNX Runtime reads them, and steps (N,), of a matrix (N, K).

    A weight is found again, to half a step, as `(level - MIDDLE) * step`.
    """
    steps = np.maximum(matrix.max(1), -matrix.min(1)) / np.float32(_MOST)
    steps[steps == 0] = 1
    levels = matrix / steps[:, None]
    np.rint(levels, out=levels)
    levels += MIDDLE
    return np.ascontiguousarray(levels.astype(np.uint8).T), steps

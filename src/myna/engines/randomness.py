"""Random numbers that belong to a request.

A stream is named by (seed, part, purpose) and depends on nothing else, so a request gives the same
result alone, in a batch, and in any order of arrival. The bits are Philox's (a counter-based
generator whose stream numpy guarantees); the transforms are our own, because numpy does not promise
to keep its distributions.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_MAX_PART = 1 << 32


class Purpose(IntEnum):
    """What the numbers are for; each use has a stream of its own."""

    TOKENS = 0
    NOISE = 1
    """Of the latents."""
    GRAIN = 2
    """What sounds without a voice are made of."""
    PACE = 3
    """How long sounds last."""


class Stream:
    """Numbers for one part of one request."""

    def __init__(self, seed: int, part: int, purpose: Purpose) -> None:
        assert 0 <= seed < 2**63
        assert 0 <= part < _MAX_PART
        self._bits = np.random.Philox(key=np.array([seed, part * 4 + purpose], dtype=np.uint64))

    def uniform(self, count: int) -> NDArray[np.float64]:
        """(count,) in the open interval from 0 to 1."""
        raw = self._bits.random_raw(count)
        return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    def exponential(self, count: int) -> NDArray[np.float32]:
        """(count,) of mean 1."""
        return (-np.log(self.uniform(count))).astype(np.float32)

    def normal(self, *shape: int) -> NDArray[np.float32]:
        """Standard normal, by the Box-Muller transform."""
        count = int(np.prod(shape))
        pairs = (count + 1) // 2
        radius = np.sqrt(-2.0 * np.log(self.uniform(pairs)))
        angle = 2.0 * np.pi * self.uniform(pairs)
        both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        return both[:count].reshape(shape).astype(np.float32)


class Columns:
    """Standard normal numbers in columns, as many as are asked for; the first ones stay the same.

    Args:
        stream: that nothing else draws from.
        rows: numbers in a column.
        block: columns that are drawn at once.
    """

    def __init__(self, stream: Stream, rows: int, block: int) -> None:
        self._stream, self._rows, self._block = stream, rows, block
        self._drawn = np.zeros((rows, 0), dtype=np.float32)

    def between(self, start: int, stop: int) -> NDArray[np.float32]:
        """(rows, stop - start)"""
        missing = -(-(stop - self._drawn.shape[1]) // self._block)
        blocks = [self._stream.normal(self._rows, self._block) for _ in range(missing)]
        if blocks:
            self._drawn = np.concatenate([self._drawn, *blocks], axis=1)
        return self._drawn[:, start:stop]


def draw_seed() -> int:
    """A fresh seed, for a caller who gave none."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))

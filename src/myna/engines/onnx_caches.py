"""Keys and values of one request, written by a graph where they lie.

The runtime is given the same arrays to read and to write, so that a step copies nothing. There are
two layouts, one for each kind of step.

Letters in shapes: L layers, H heads, D head width, S positions, C capacity, V vocabulary.
"""

from typing import Any

import numpy as np

from myna.engines import graphs
from myna.engines.base import Floats
from myna.engines.onnx_sessions import Session


class Cache:
    """A request that was read, and goes on token by token.

    Args:
        session: of the step.
        logits: (V,) of any request, for their length.
        keys: (L, H, D, S), as the graph that reads a request returns them.
        values: (L, H, S, D).
    """

    def __init__(self, session: Session, logits: Floats, keys: Floats, values: Floats) -> None:
        self._session, self._logits = session, np.empty_like(logits)
        self._token, self._position, self._length = (np.zeros(1, dtype=np.int64) for _ in range(3))
        self._length[0] = keys.shape[3]
        self._capacity = 0
        self._keys, self._values = keys, values
        self._grow()

    def step(self, token: int, position: int) -> Floats:
        """Add a token -> logits (V,), which the next step overwrites."""
        if self._length[0] == self._capacity:
            self._grow()
        self._token[0], self._position[0] = token, position
        self._session.run_bound(self._binding)
        self._length[0] += 1
        return self._logits

    def _grow(self) -> None:
        """Go on with copies that have room for more."""
        self._make_room()
        kept = [array for pair in zip(self._keys, self._values, strict=True) for array in pair]
        past, become = (graphs.cache_names(len(self._keys), state) for state in ("past", "kept"))
        given = {"token": self._token, "position": self._position, "length": self._length}
        self._binding: Any = self._session.bind(
            {**given, **dict(zip(past, kept, strict=True))},
            {"logits": self._logits, **dict(zip(become, kept, strict=True))},
        )

    def _make_room(self) -> None:
        """Set capacity, keys and values."""
        raise NotImplementedError


class PlainCache(Cache):
    """For `graphs.STEP`, which reads all of its capacity, what is not used yet under a mask."""

    _BLOCK = 128
    """Positions by which it grows."""

    def _make_room(self) -> None:
        length = int(self._length[0])
        layers, heads, width, _ = self._keys.shape
        self._capacity = (length // self._BLOCK + 1) * self._BLOCK
        # Zeros, since even what is hidden must be a number.
        keys = np.zeros((layers, heads, width, self._capacity), dtype=np.float32)
        values = np.zeros((layers, heads, self._capacity, width), dtype=np.float32)
        keys[..., :length], values[:, :, :length] = self._keys, self._values
        self._keys, self._values = keys, values


class FusedCache(Cache):
    """For `graphs.STEP_INT8`, which never reads behind the length; see `myna.export.fused`.

    Keys and values are laid out alike, (L, 1, H, C, D).
    """

    _BLOCK = 512
    """Positions by which it grows. Memory that none has reached costs nothing: the system maps
    pages as they are hit."""

    def _make_room(self) -> None:
        length = int(self._length[0])
        if not self._capacity:
            self._keys = self._keys.swapaxes(2, 3)[:, None]
            self._values = self._values[:, None]
        layers, _, heads, _, width = self._keys.shape
        self._capacity = (length // self._BLOCK + 1) * self._BLOCK
        keys, values = (
            np.empty((layers, 1, heads, self._capacity, width), dtype=np.float32) for _ in range(2)
        )
        keys[..., :length, :], values[..., :length, :] = self._keys, self._values
        self._keys, self._values = keys, values

"""Keys and values of one request, for a step that keeps them where they lie by itself.

Keys and values are laid out alike, and what lies behind their length is never read; see
`myna.export.fused`.

Letters in shapes: L layers, H heads, D head width, S positions, C capacity, V vocabulary.
"""

from typing import Any

import numpy as np

from myna.engines import graphs
from myna.engines.base import Floats
from myna.engines.onnx_sessions import Session

_BLOCK = 512
"""Positions by which it grows. Memory that none has reached costs nothing: the system maps pages as
they are hit."""


class FusedCache:
    """A request that was read, and goes on token by token.

    Args:
        session: of `graphs.STEP_INT8`.
        logits: (V,) of any request, for their length.
        keys: (L, H, D, S), as the graph that reads a request returns them.
        values: (L, H, S, D).
    """

    def __init__(self, session: Session, logits: Floats, keys: Floats, values: Floats) -> None:
        self._session, self._logits = session, np.empty_like(logits)
        self._token, self._position, self._length = (np.zeros(1, dtype=np.int64) for _ in range(3))
        self._length[0] = keys.shape[3]
        self._make_room(keys.swapaxes(2, 3)[:, None], values[:, None])

    def step(self, token: int, position: int) -> Floats:
        """Add a token -> logits (V,), which the next step overwrites."""
        if self._length[0] == self._capacity:
            self._make_room(self._keys, self._values)
        self._token[0], self._position[0] = token, position
        self._session.run_bound(self._binding)
        self._length[0] += 1
        return self._logits

    def _make_room(self, keys: Floats, values: Floats) -> None:
        """Go on with copies that have room for more; keys and values are (L, 1, H, S, D)."""
        layers, _, heads, length, width = keys.shape
        self._capacity = (length // _BLOCK + 1) * _BLOCK
        shape = (layers, 1, heads, self._capacity, width)
        self._keys, self._values = (np.empty(shape, dtype=np.float32) for _ in range(2))
        self._keys[..., :length, :], self._values[..., :length, :] = keys, values
        self._binding = self._bound()

    def _bound(self) -> Any:
        kept = [array for pair in zip(self._keys, self._values, strict=True) for array in pair]
        past, become = (graphs.cache_names(len(self._keys), state) for state in ("past", "kept"))
        given = {"token": self._token, "position": self._position, "length": self._length}
        return self._session.bind(
            {**given, **dict(zip(past, kept, strict=True))},
            {"logits": self._logits, **dict(zip(become, kept, strict=True))},
        )

"""Where the keys and values of the past are kept, and how one new query looks at them.

The token model hands every key and value to a cache and asks it to attend, so a growing cache, a
preallocated one and one with shapes fit for CUDA graphs are three classes and one model.

Letters in shapes: L layers, B requests in this call, R slots, H heads, S positions, D head width,
C capacity. Keys and values travel together, along an axis of two.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Cache(Protocol):
    """What the token model needs of a cache."""

    def prefill(self, layer: int, past: Tensor) -> None:
        """Keep keys and values, (B, 2, H, S, D), of requests that start now."""

    def step(self, layer: int, query: Tensor, new: Tensor) -> Tensor:
        """Keep one position, (B, 2, H, D), and attend to all: query (B, H, D) -> (B, H, D)."""
        ...


class GrowingCache:
    """Keys and values joined by concatenation: the plainest cache, for requests of equal length."""

    def __init__(self) -> None:
        self._kept: dict[int, Tensor] = {}

    def prefill(self, layer: int, past: Tensor) -> None:
        self._kept[layer] = past

    def step(self, layer: int, query: Tensor, new: Tensor) -> Tensor:
        kept = self._kept[layer] = torch.cat([self._kept[layer], new[..., None, :]], dim=3)
        return F.scaled_dot_product_attention(query[:, :, None], kept[:, 0], kept[:, 1])[:, :, 0]


class SlotCache:
    """A preallocated place for each of several requests, which come and go.

    A request attends over exactly its own positions by calls of its own, so what it computes does
    not depend on who shares the cache: bit for bit, not merely up to rounding.
    """

    def __init__(
        self, layers: int, heads: int, width: int, *, slots: int, dtype: torch.dtype
    ) -> None:
        self._shape, self._dtype = (heads, width), dtype
        self._store: list[list[Tensor | None]] = [[None] * slots for _ in range(layers)]
        self._scale = width**-0.5
        self._lengths = [0] * slots
        self._active: Sequence[int] = ()

    def start(self, slot: int, length: int, capacity: int) -> None:
        """The request of the next `prefill`, which may grow to `capacity` positions."""
        assert length <= capacity, "the caller keeps within the capacity"
        heads, width = self._shape
        for layer in self._store:
            # Memory that no position has reached costs nothing: the system maps pages as they are
            # hit.
            layer[slot] = torch.empty(2, heads, capacity, width, dtype=self._dtype)
        self._lengths[slot] = length
        self._active = [slot]

    def free(self, slot: int) -> None:
        """Give the memory of a request back."""
        for layer in self._store:
            layer[slot] = None

    def select(self, slots: Sequence[int]) -> None:
        """The requests of the next `step`, in order: make room for one position in each."""
        for slot in slots:
            kept = self._held(0, slot)
            assert self._lengths[slot] < kept.shape[2], "the caller keeps within the capacity"
            self._lengths[slot] += 1
        self._active = slots

    def prefill(self, layer: int, past: Tensor) -> None:
        (slot,) = self._active
        self._held(layer, slot)[:, :, : past.shape[3]] = past[0]

    def step(self, layer: int, query: Tensor, new: Tensor) -> Tensor:
        # Written out: for a single query, PyTorch's fused attention falls back on the CPU to a path
        # that first copies and scales all keys.
        query = query[:, :, None] * self._scale
        seen = []
        for row, slot in enumerate(self._active):
            kept, length = self._held(layer, slot), self._lengths[slot]
            kept[:, :, length - 1] = new[row]
            keys, values = kept[:, :, :length].unbind()
            weights = torch.bmm(query[row], keys.transpose(1, 2)).softmax(-1)
            seen.append(torch.bmm(weights, values))
        return torch.stack(seen)[:, :, 0]

    def _held(self, layer: int, slot: int) -> Tensor:
        kept = self._store[layer][slot]
        assert kept is not None, "the slot was started"
        return kept


class StaticCache:
    """Shapes and addresses that never change, as CUDA graphs need; lengths are data, not shapes.

    Every step works on all slots; what idle ones compute is nobody's. Attention reads the whole
    capacity under a mask.
    """

    def __init__(
        self,
        layers: int,
        heads: int,
        width: int,
        *,
        slots: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (layers, slots, 2, heads, capacity, width)
        self._store = torch.zeros(shape, dtype=dtype, device=device)
        self._lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self._columns = torch.arange(capacity, device=device)
        self._slot = 0
        self.capacity = capacity

    def start(self, slot: int, length: int) -> None:
        """The request of the next `prefill`, which forgets what the slot held."""
        assert length <= self.capacity, "the caller keeps within the capacity"
        self._slot = slot
        self._lengths[slot] = length
        # A mask gives what is hidden no weight, but nothing times infinity is not a number: what
        # overflowed in one request must not reach the next.
        self._store[:, slot, :, :, length:] = 0

    def advance(self, active: Tensor) -> None:
        """After a step: each slot marked 1 in `active` (R,) has one position more."""
        self._lengths.add_(active)

    def prefill(self, layer: int, past: Tensor) -> None:
        self._store[layer, self._slot, :, :, : past.shape[3]] = past[0]

    def step(self, layer: int, query: Tensor, new: Tensor) -> Tensor:
        where = self._lengths[:, None, None, None, None].expand(*new.shape[:3], 1, new.shape[3])
        kept = self._store[layer].scatter_(3, where, new[..., None, :])
        visible = (self._columns <= self._lengths[:, None])[:, None, None]
        return F.scaled_dot_product_attention(query[:, :, None], kept[:, 0], kept[:, 1], visible)[
            :, :, 0
        ]

"""Where the keys and values of the past are kept, and how one new query looks at them.

The token model hands every key and value to a cache and asks it to attend, so a growing cache, a
preallocated one and one with shapes fit for CUDA graphs are three classes and one model.

Letters in shapes: L layers, B requests in this call, R slots, H heads, S positions, D head width,
C capacity.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Cache(Protocol):
    """What the token model needs of a cache."""

    def prefill(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Keep keys and values, each (B, H, S, D), of requests that start now."""

    def step(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Keep one key and value per request and attend to all of its: (B, H, D) each -> same."""
        ...


class GrowingCache:
    """Keys and values joined by concatenation: the plainest cache, for requests of equal length."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def prefill(self, layer: int, keys: Tensor, values: Tensor) -> None:
        self._kept[layer] = keys, values

    def step(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys, values = self._kept[layer]
        keys = torch.cat([keys, key[:, :, None]], dim=2)
        values = torch.cat([values, value[:, :, None]], dim=2)
        self._kept[layer] = keys, values
        return F.scaled_dot_product_attention(query[:, :, None], keys, values)[:, :, 0]


class SlotCache:
    """A preallocated place for each of several requests, which come and go.

    A request attends over exactly its own positions with one call of its own, so what it computes
    does not depend on who shares the cache: bit for bit, not merely up to rounding.
    """

    def __init__(
        self, layers: int, heads: int, width: int, *, slots: int, capacity: int, dtype: torch.dtype
    ) -> None:
        self._store = torch.empty(slots, layers, 2, heads, capacity, width, dtype=dtype)
        self._lengths = [0] * slots
        self._active: Sequence[int] = ()
        self.capacity = capacity

    def lengths(self, slots: Sequence[int]) -> list[int]:
        """Positions kept for each of `slots`."""
        return [self._lengths[slot] for slot in slots]

    def select(self, slots: Sequence[int]) -> None:
        """The requests of the next `step`, in order: make room for one position in each."""
        for slot in slots:
            assert self._lengths[slot] < self.capacity, "the caller keeps within the capacity"
            self._lengths[slot] += 1
        self._active = slots

    def start(self, slot: int, length: int) -> None:
        """The request of the next `prefill`, which forgets what the slot held."""
        assert length <= self.capacity, "the caller keeps within the capacity"
        self._lengths[slot] = length
        self._active = [slot]

    def prefill(self, layer: int, keys: Tensor, values: Tensor) -> None:
        (slot,) = self._active
        kept = self._store[slot, layer, :, :, : keys.shape[2]]
        kept[0] = keys[0]
        kept[1] = values[0]

    def step(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        seen = torch.empty_like(query)
        for row, slot in enumerate(self._active):
            length = self._lengths[slot]
            keys, values = self._store[slot, layer, :, :, :length]
            keys[:, -1] = key[row]
            values[:, -1] = value[row]
            attended = F.scaled_dot_product_attention(query[row, :, None], keys, values)
            seen[row] = attended[:, 0]
        return seen


class StaticCache:
    """Shapes and addresses that never change, as CUDA graphs need; lengths are data, not shapes.

    Every call works on all slots; unused ones attend to nothing that matters. Attention reads the
    whole capacity under a mask.
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
        shape = (layers, slots, heads, capacity, width)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self._columns = torch.arange(capacity, device=device)
        self._slot = 0
        self.capacity = capacity

    def start(self, slot: int, length: int) -> None:
        """The request of the next `prefill`, which forgets what the slot held."""
        assert length <= self.capacity, "the caller keeps within the capacity"
        self._slot = slot
        self.lengths[slot] = length

    def advance(self) -> None:
        """After a step: every slot has one position more (idle slots stay at the last one)."""
        self.lengths.add_(1).clamp_(max=self.capacity - 1)

    def prefill(self, layer: int, keys: Tensor, values: Tensor) -> None:
        length = keys.shape[2]
        self.keys[layer, self._slot, :, :length] = keys[0]
        self.values[layer, self._slot, :, :length] = values[0]

    def step(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        slots, heads, width = query.shape
        where = self.lengths[:, None, None, None].expand(slots, heads, 1, width)
        keys = self.keys[layer].scatter_(2, where, key[:, :, None])
        values = self.values[layer].scatter_(2, where, value[:, :, None])
        seen = (self._columns <= self.lengths[:, None])[:, None, None]
        return F.scaled_dot_product_attention(query[:, :, None], keys, values, seen)[:, :, 0]

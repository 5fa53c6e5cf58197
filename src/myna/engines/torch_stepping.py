"""Read a request into a slot, then advance several slots by one token.

Two ways to do the same: `EagerStepper` for CPUs, `GraphStepper` for CUDA devices, where launching
some two hundred kernels one by one would take longer than running them.

Letters in shapes: B active requests, P phones, F text features, T prompt tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from myna.nets.cache import SlotCache, StaticCache
from myna.nets.lanes import Lanes
from myna.nets.token_model import TokenModel


class Stepper(Protocol):
    """Slots, each holding one request."""

    def start(self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor) -> Tensor:
        """phones (P,), features (P, F) or None, prompt (T,) -> logits (V,) float32 on the CPU."""
        ...

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Add a token to each of `slots` -> logits (B, V) float32 on the CPU."""
        ...


class EagerStepper:
    """One call after another; a request attends over exactly its own past."""

    def __init__(self, net: TokenModel, *, slots: int, capacity: int, lanes: int) -> None:
        spec = net.spec
        self._net, self._linear = net, Lanes(lanes)
        self._cache = SlotCache(
            spec.layers,
            spec.heads,
            spec.head_width,
            slots=slots,
            capacity=capacity,
            dtype=net.head.weight.dtype,
        )

    def start(self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor) -> Tensor:
        self._cache.start(slot, len(phones) + len(prompt))
        if features is not None:
            features = features[None].to(self._net.head.weight.dtype)
        return self._net.prefill(phones[None], features, prompt[None], self._cache)[0].float()

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        self._cache.select(slots)
        logits = self._net.step(
            torch.tensor(tokens), torch.tensor(positions), self._cache, self._linear
        )
        return logits.float()


class GraphStepper:
    """Every step computes all slots with shapes that never change; on CUDA, from one graph.

    The product of a step has the same shape whoever is there, so a request's bits do not depend on
    its neighbours. Whether they depend on its slot is up to the matrix library: on a CPU with two
    threads they do, on CUDA it is not measured yet.

    Args:
        graph: record the step as a CUDA graph; False runs the same step call by call.
    """

    def __init__(self, net: TokenModel, *, slots: int, capacity: int, graph: bool) -> None:
        spec, weight = net.spec, net.head.weight
        self._net = net
        self._device = weight.device
        self._cache = StaticCache(
            spec.layers,
            spec.heads,
            spec.head_width,
            slots=slots,
            capacity=capacity,
            dtype=weight.dtype,
            device=weight.device,
        )
        self._tokens = torch.zeros(slots, dtype=torch.long, device=weight.device)
        self._positions = torch.zeros_like(self._tokens)
        self._active = torch.zeros_like(self._tokens)
        self._logits: Tensor | None = None
        self._graph = self._record() if graph else None

    def start(self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor) -> Tensor:
        self._cache.start(slot, len(phones) + len(prompt))
        phones, prompt = phones[None].to(self._device), prompt[None].to(self._device)
        if features is not None:
            features = features[None].to(self._device, self._net.head.weight.dtype)
        return self._net.prefill(phones, features, prompt, self._cache)[0].float().cpu()

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        chosen = torch.tensor(slots, device=self._device)
        self._tokens[chosen] = torch.tensor(tokens, device=self._device)
        self._positions[chosen] = torch.tensor(positions, device=self._device)
        self._active.zero_()[chosen] = 1
        if self._graph is None:
            self._logits = self._step()
        else:
            self._graph.replay()
        assert self._logits is not None
        return self._logits[chosen].float().cpu()

    def _step(self) -> Tensor:
        logits = self._net.step(self._tokens, self._positions, self._cache)
        self._cache.advance(self._active)
        return logits

    def _record(self) -> "torch.cuda.CUDAGraph":
        # Libraries allocate and tune on their first calls, which a graph may not contain.
        aside = torch.cuda.Stream(self._device)
        aside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(aside):
            for _ in range(2):
                self._step()
        torch.cuda.current_stream(self._device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # On a stream of this device: by default it would be one of whichever device is current.
        with torch.cuda.device(self._device), torch.cuda.graph(graph, stream=aside):
            self._logits = self._step()
        return graph

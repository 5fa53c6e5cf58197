"""Read a request into a slot, then advance several slots by one token.

Two ways to do the same: `EagerStepper` for CPUs, `GraphStepper` for CUDA devices, where launching
some two hundred kernels one by one would take longer than running them.

Letters in shapes: B active requests, P phones, F text features, T prompt tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from myna.engines.base import TokenRequest
from myna.engines.drawing import Drawing, check, longest
from myna.nets.cache import SlotCache, StaticCache
from myna.nets.lanes import Lanes
from myna.nets.token_model import TokenModel
from myna.specs import TokenModelSpec


class Stepper(Protocol):
    """Slots, each holding one request."""

    idle: list[int]
    """Slots without a request; whoever starts one takes it from here."""

    def start(
        self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor, capacity: int
    ) -> Tensor:
        """Read a request.

        Args:
            slot: of `idle` before.
            phones: (P,).
            features: (P, F), or None.
            prompt: (T,).
            capacity: positions that the request may come to need.

        Returns:
            Logits (V,) float32 on the CPU.
        """
        ...

    def free(self, slot: int) -> None:
        """Forget a request; the slot is idle again."""
        ...

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Add a token to each of `slots` -> logits (B, V) float32 on the CPU."""
        ...


class Slots:
    """A `Generation` on the slots of a stepper, which others may share."""

    def __init__(self, stepper: Stepper, spec: TokenModelSpec) -> None:
        self._stepper, self._spec = stepper, spec
        self._slots: dict[Drawing, int] = {}

    @property
    def room(self) -> int:
        return len(self._stepper.idle)

    @property
    def together(self) -> int:
        return len(self._stepper.idle) + len(self._slots)

    def add(self, request: TokenRequest) -> Drawing:
        check(request, self._spec)
        drawing, slot = Drawing(request, self._spec), self._stepper.idle.pop()
        self._slots[drawing] = slot
        try:
            with torch.inference_mode():
                logits = self._stepper.start(
                    slot, *_inputs(request), capacity=longest(request, self._spec)
                )
            drawing.take(logits.numpy())
        except BaseException:
            self.remove(drawing)
            raise
        return drawing

    def advance(self, drawings: Sequence[Drawing]) -> None:
        slots = [self._slots[drawing] for drawing in drawings]
        last = [drawing.last for drawing in drawings]
        with torch.inference_mode():
            logits = self._stepper.step(slots, last, [drawing.position for drawing in drawings])
        for drawing, row in zip(drawings, logits.numpy(), strict=True):
            drawing.take(row)

    def remove(self, drawing: Drawing) -> None:
        self._stepper.free(self._slots.pop(drawing))


class EagerStepper:
    """One call after another; a request attends over exactly its own past."""

    def __init__(self, net: TokenModel, *, slots: int, lanes: int) -> None:
        spec = net.spec
        self.idle = list(range(slots))
        self._net, self._linear = net, Lanes(lanes)
        self._cache = SlotCache(
            spec.layers,
            spec.heads,
            spec.head_width,
            slots=slots,
            dtype=net.head.weight.dtype,
        )

    def start(
        self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor, capacity: int
    ) -> Tensor:
        self._cache.start(slot, len(phones) + len(prompt), capacity)
        if features is not None:
            features = features[None].to(self._net.head.weight.dtype)
        return self._net.prefill(phones[None], features, prompt[None], self._cache)[0].float()

    def free(self, slot: int) -> None:
        self._cache.free(slot)
        self.idle.append(slot)

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
        self.idle = list(range(slots))
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

    def start(
        self, slot: int, phones: Tensor, features: Tensor | None, prompt: Tensor, capacity: int
    ) -> Tensor:
        assert capacity <= self._cache.capacity, "the caller keeps within the capacity"
        self._cache.start(slot, len(phones) + len(prompt))
        phones, prompt = phones[None].to(self._device), prompt[None].to(self._device)
        if features is not None:
            features = features[None].to(self._device, self._net.head.weight.dtype)
        return self._net.prefill(phones, features, prompt, self._cache)[0].float().cpu()

    def free(self, slot: int) -> None:
        self.idle.append(slot)

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


def _inputs(request: TokenRequest) -> tuple[Tensor, Tensor | None, Tensor]:
    # Copies: a matrix product's bits may depend on where in memory its operands begin, which for
    # tensors is always the same, and a caller's arrays may be read-only.
    features = request.text_features
    return (
        torch.tensor(request.phones),
        None if features is None else torch.tensor(features),
        torch.tensor(request.prompt),
    )

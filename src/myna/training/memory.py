"""How much memory a run will take, estimated before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from myna.training.batches import plan
from myna.training.device_memory import available_bytes, release
from myna.training.precision import computing
from myna.training.processes import Group
from myna.training.seeding import seeded
from myna.training.stepping import Stepper
from myna.training.task import Example, Examples, LoopSettings, Task

_SPARE = 1.3
"""Computing needs this much more than what is kept for gradients, for a moment at a time."""
_USABLE = 0.9
"""Share of the free memory that a plan fills."""
_MB, _GB = 10**6, 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """An estimate in bytes; printed, it says so in words."""

    weights: int
    gradients: int
    optimiser: int
    average: int
    activations: int
    """Of the largest piece."""
    pieces: int
    """Parts to compute a batch in, so that it fits: at least what the settings say."""
    available: int | None
    """On the device; None if the system does not tell."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.average + self.activations

    @property
    def fits(self) -> bool:
        """Whether the estimate is within what is available, or nobody knows."""
        return self.available is None or self.total <= self.available

    def __str__(self) -> str:
        parts = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimiser": self.optimiser,
            "average": self.average,
            f"a batch in {self.pieces} pieces" if self.pieces > 1 else "a batch": self.activations,
        }
        named = ", ".join(f"{name} {_size(size)}" for name, size in parts.items() if size)
        words = f"Training takes about {_size(self.total)} of memory ({named})"
        if self.available is None:
            return f"{words}."
        if self.fits:
            return f"{words}; {_size(self.available)} are free."
        return (
            f"{words}, but only {_size(self.available)} are free: use precision bfloat16, leave "
            f"out the longest examples, or train fewer parameters (LoRA)."
        )


def plan_memory(
    task: Task, examples: Examples, settings: LoopSettings, device: torch.device
) -> MemoryPlan:
    """Estimate what training takes, and in how many pieces a batch must be computed to fit.

    The nets move to the device, and one and two rows of the largest batches run forward on it;
    weights and buffers stay as they are.

    Raises:
        ConfigError: settings are out of range.
        TrainingError: a player has nothing to train.
    """
    task.nets.to(device)
    stepper = Stepper(task, settings, Group(device))
    gradients = sum(
        parameter.nbytes
        for mover in stepper.optimisers.values()
        for group in mover.param_groups
        for parameter in group["params"]
    )
    weights = sum(tensor.nbytes for tensor in task.nets.state_dict().values())
    average = sum(
        parameter.nbytes
        for name in (task.averaged if settings.average else ())
        for parameter in task.nets[name].parameters()
        if parameter.requires_grad
    )
    # Both optimisers keep two numbers for each parameter.
    fixed = weights + 3 * gradients + average
    available = available_bytes(device)
    if available is not None:
        # The weights are on the device already.
        available = int(_USABLE * available) + weights
    batches = _measured(task, examples, settings, stepper, device)
    pieces = settings.pieces
    while (
        available is not None
        and fixed + _largest(batches, pieces) > available
        and pieces < max(rows for rows, _, _ in batches)
    ):
        pieces *= 2
    return MemoryPlan(
        weights=weights,
        gradients=gradients,
        optimiser=2 * gradients,
        average=average,
        activations=_largest(batches, pieces),
        pieces=pieces,
        available=available,
    )


def _measured(
    task: Task, examples: Examples, settings: LoopSettings, stepper: Stepper, device: torch.device
) -> list[tuple[int, int, int]]:
    """Rows, bytes whatever the rows, and bytes per row: of the two batches that may be largest."""
    lengths = examples.lengths
    batches = plan(lengths, settings, epoch=0)
    most = max(batches, key=lambda rows: len(rows) * lengths[rows[0]])
    longest = max(batches, key=lambda rows: lengths[rows[0]])
    measured = []
    with _buffers_kept(task):
        for rows in {most, longest}:
            first = examples[rows[0]]
            one = _activations(task, [first], settings, stepper, device)
            two = _activations(task, [first, first], settings, stepper, device)
            measured.append((len(rows), max(0, 2 * one - two), max(0, two - one)))
    return measured


def _largest(batches: Sequence[tuple[int, int, int]], pieces: int) -> int:
    return max(round(_SPARE * (fixed + -(-rows // pieces) * each)) for rows, fixed, each in batches)


def _activations(
    task: Task,
    examples: Sequence[Example],
    settings: LoopSettings,
    stepper: Stepper,
    device: torch.device,
) -> int:
    """Bytes that autograd keeps between forward and backward, of the player with the most."""
    piece = task.collate(examples)
    of_weights = {each.untyped_storage().data_ptr() for each in task.nets.parameters()}
    with _counted(of_weights) as shared_bytes:
        batch, shared = stepper.forward(piece, 0, 0)
    most = 0
    for player in task.players:
        with (
            _counted(of_weights) as own_bytes,
            computing(device, settings.precision),
            seeded(device, settings.seed, player.name),
        ):
            terms = task.losses(player.name, batch, shared)
        most = max(most, sum((shared_bytes | own_bytes).values()))
        del terms
    del shared
    release(device)
    return most


@contextmanager
def _counted(besides: set[int]) -> Iterator[dict[int, int]]:
    """Sizes, by address, of the storages that autograd keeps from within the block."""
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in besides:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield found


@contextmanager
def _buffers_kept(task: Task) -> Iterator[None]:
    before = [(buffer, buffer.clone()) for buffer in task.nets.buffers()]
    try:
        yield
    finally:
        for buffer, kept in before:
            buffer.copy_(kept)


def _size(size: int) -> str:
    return f"{size / _GB:.1f} GB" if size >= _GB else f"{size / _MB:.0f} MB"

"""How the nets do on examples that they do not learn from, the same every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from myna.errors import TrainingError
from myna.training.batches import cut, plan, share
from myna.training.device_memory import is_out_of_memory, release
from myna.training.precision import computing
from myna.training.processes import Group
from myna.training.seeding import seeded
from myna.training.task import Batch, Examples, LoopSettings, Sample, Task

_SAMPLED = 3
"""Held-out examples that samples are made of."""


def held_out_losses(
    task: Task, held_out: Examples, settings: LoopSettings, group: Group, pieces: int
) -> dict[str, float]:
    """By term of `Task.evaluate`, its sum over all held-out examples over that of its denominators.

    Raises:
        TrainingError: memory ran out even for one row, or the task does not say its `loss`.
    """
    sums: dict[str, float] = {}
    under: dict[str, float] = {}
    with evaluating(task.nets):
        for number, rows in enumerate(plan(held_out.lengths, settings, epoch=0)):
            # A process with no row computes one that does not count: so it knows the terms.
            own = share(rows, group.rank, group.world)
            counts = 1.0 if own else 0.0
            waiting = cut([held_out[row] for row in own or rows[:1]], pieces)
            while waiting:
                part = waiting.pop(0)
                batch = task.collate(part)
                with seeded(group.device, settings.seed, "evaluation", number, batch.keys[0]):
                    terms = _terms(task, batch, settings, group.device)
                if terms is None and len(part) == 1:
                    raise TrainingError(
                        f"Memory ran out while evaluating the one example {batch.keys[0]}. Leave "
                        f"it out of the held-out examples, or use a machine with more memory."
                    )
                if terms is None:
                    waiting[:0] = cut(part, 2)
                    continue
                for name, term in terms.items():
                    sums[name] = sums.get(name, 0.0) + counts * term
                for name, value in task.denominators(batch).items():
                    under[name] = under.get(name, 0.0) + counts * value
    names = sorted(sums)
    numerators = group.add_numbers([sums[name] for name in names])
    denominators = group.add_numbers([under.get(name, 0.0) for name in names])
    found = {
        name: (above / below if below else above) if name in under else above
        for name, above, below in zip(names, numerators, denominators, strict=True)
    }
    if "loss" not in found:
        raise TrainingError(f"The task {task.name} does not say which held-out loss decides.")
    return found


def samples(
    task: Task, held_out: Examples, settings: LoopSettings, device: torch.device
) -> Sequence[Sample]:
    """What the task shows of the first held-out examples, the same every time."""
    examples = [held_out[index] for index in range(min(_SAMPLED, len(held_out)))]
    with (
        evaluating(task.nets),
        seeded(device, settings.seed, "samples"),
        computing(device, settings.precision),
    ):
        return task.samples(examples)


@contextmanager
def evaluating(nets: nn.Module) -> Iterator[None]:
    """Within the block, nets are in evaluation mode, and no gradients are kept."""
    before = {module: module.training for module in nets.modules()}
    nets.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in before.items():
            module.training = training


def _terms(
    task: Task, batch: Batch, settings: LoopSettings, device: torch.device
) -> Mapping[str, float] | None:
    """None if memory ran out."""
    try:
        with computing(device, settings.precision):
            terms: Mapping[str, Tensor] = task.evaluate(batch.to(device))
        return {name: float(term) for name, term in terms.items()}
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    release(device)
    return None

"""Several processes train as one: they add what each found, and decide together.

A process started by `torchrun`, or anything else that sets RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT, joins the others; any other is alone, and all here costs it nothing.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from myna.errors import ConfigError, TrainingError

T = TypeVar("T")

_BUCKET_BYTES = 32 << 20
"""Gradients are sent together up to this size, which is faster than one by one."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a run, seen from one of them."""

    device: torch.device
    """Of this process."""
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def add(self, tensor: Tensor) -> None:
        """Put the sum over all processes in the place of each one's own."""
        if self.world > 1:
            distributed.all_reduce(tensor)

    def add_numbers(self, numbers: Sequence[float]) -> list[float]:
        """Sums over all processes, in double precision."""
        if self.world == 1:
            return list(numbers)
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        sums: list[float] = tensor.tolist()
        return sums

    def highest(self, number: int) -> int:
        """The highest number of all processes."""
        if self.world == 1:
            return number
        tensor = torch.tensor(number, device=self.device)
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return int(tensor)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sum the gradients over all processes; one that no process has stays None."""
        if self.world == 1:
            return
        used = torch.tensor([p.grad is not None for p in parameters], device=self.device).int()
        distributed.all_reduce(used, distributed.ReduceOp.MAX)
        bucket: list[Tensor] = []
        size = 0
        for parameter, anywhere in zip(parameters, used.tolist(), strict=True):
            if not anywhere:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if bucket and (size > _BUCKET_BYTES or bucket[0].dtype != parameter.grad.dtype):
                _add_flat(bucket)
                bucket, size = [], 0
            bucket.append(parameter.grad)
            size += parameter.grad.nbytes
        if bucket:
            _add_flat(bucket)

    def share_weights(self, nets: nn.Module) -> None:
        """Give all processes the parameters and buffers of the first."""
        if self.world > 1:
            for tensor in nets.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Until all processes are here."""
        self.highest(0)

    def first_does(self, work: Callable[[], T]) -> T | None:
        """What the first process makes while the others wait; None in those.

        Raises:
            TrainingError: in the others, if the first could not do it.
        """
        if not self.first:
            if self.highest(0):
                raise TrainingError("The first process of this run gave up; it says why.")
            return None
        failed = 1
        try:
            made = work()
            failed = 0
        finally:
            self.highest(failed)
        return made


@contextmanager
def joined(device: str = "auto") -> Iterator[Group]:
    """This process among those of its run; they part when the outermost such block ends.

    Args:
        device: `cpu`, `cuda`, `cuda:1` ...; `auto` takes a GPU if there is one. Of several
            processes on GPUs, each takes the one of its LOCAL_RANK.

    Raises:
        ConfigError: there is no such device, or the environment is incomplete.
    """
    world = _number("WORLD_SIZE", 1)
    if world == 1:
        yield Group(pick_device(device))
        return
    if missing := [
        name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ
    ]:
        raise ConfigError(
            f"WORLD_SIZE is {world}, but {', '.join(missing)} is not set. Start several processes "
            f"with `torchrun`, or unset WORLD_SIZE."
        )
    rank = _number("RANK", 0)
    if not distributed.is_available():
        raise ConfigError("This PyTorch cannot train in several processes; start only one.")
    own = pick_device(device)
    if distributed.is_initialized():
        yield Group(own, rank, world)
        return
    # It keeps the group that exists when it is first imported, which optimisers cause, as default
    # arguments for ever; then the group's threads outlive it, and may abort the interpreter's end.
    importlib.import_module("torch.distributed.nn.functional")
    backend = "nccl" if own.type == "cuda" else "gloo"
    distributed.init_process_group(
        backend, rank=rank, world_size=world, device_id=own if own.type == "cuda" else None
    )
    try:
        yield Group(own, rank, world)
    finally:
        distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the first of its run, or alone."""
    return _number("WORLD_SIZE", 1) == 1 or _number("RANK", 0) == 0


def pick_device(name: str) -> torch.device:
    """The device of this name; of several processes on GPUs, each has that of its LOCAL_RANK.

    Raises:
        ConfigError: there is none.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available() and _number("WORLD_SIZE", 1) > 1:
        name = f"cuda:{_number('LOCAL_RANK', 0)}"
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda:0" if found else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device is {name!r}; it is 'auto', 'cpu' or 'cuda'.")
    if device.type == "cuda" and (device.index or 0) >= found:
        raise ConfigError(f"device is {name!r}, but PyTorch finds {found} CUDA devices here.")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _number(name: str, otherwise: int) -> int:
    value = os.environ.get(name, str(otherwise))
    if not value.isdecimal():
        raise ConfigError(f"The environment variable {name} is {value!r}, which is no number.")
    return int(value)


def _add_flat(bucket: Sequence[Tensor]) -> None:
    flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
    distributed.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in bucket])
    for tensor, part in zip(bucket, parts, strict=True):
        tensor.copy_(part.view_as(tensor))

"""Memory of the device that trains: how much there is, how much is used, and whether it ran out."""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path

import torch

_PHRASES = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")
"""What PyTorch's messages say on a CPU, where running out has no error of its own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in message for phrase in _PHRASES)


def release(device: torch.device) -> None:
    """Give back what nobody refers to any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def available_bytes(device: torch.device) -> int | None:
    """What this process could still take; None if the system does not tell."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    known = [each for each in (_of_system(), _of_container()) if each is not None]
    return min(known, default=None)


def used_bytes(device: torch.device) -> int | None:
    """The most that this process has taken so far; None if the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def gpu_use(device: torch.device) -> int | None:
    """Percent of the last moment in which the GPU worked; None if nobody tells.

    The package `nvidia-ml-py` tells.
    """
    if device.type != "cuda" or importlib.util.find_spec("pynvml") is None:
        return None
    return torch.cuda.utilization(device)


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kib[0]) * 1024 if kib else None


def _of_container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        most = (folder / "memory.max").read_text(encoding="ascii").strip()
        taken = (folder / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return max(0, int(most) - int(taken)) if most.isdecimal() else None

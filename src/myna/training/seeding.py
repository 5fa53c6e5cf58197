"""Random numbers that nets draw for themselves, such as dropout, from a seed and for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(device: torch.device, *what: int | str) -> Iterator[None]:
    """Within the block, what torch draws depends on `what` alone; after it, all is as before."""
    digest = hashlib.blake2b(" ".join(map(str, what)).encode(), digest_size=8).digest()
    seed = int.from_bytes(digest, "little") >> 1
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield

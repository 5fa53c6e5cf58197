"""In which precision products are computed; weights and their steps stay in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from myna.errors import ConfigError

PRECISIONS = ("float32", "bfloat16")


def computing(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within the block, what torch computes on the device, it computes so.

    Raises:
        ConfigError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}; it is one of {', '.join(PRECISIONS)}.")
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)

"""Make files in the published layouts, of full size, with recognisable values."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import torch

from myna.checkpoints import names, shapes
from myna.checkpoints.names import Table
from myna.checkpoints.shapes import Shapes
from myna.specs import FAMILIES

State = dict[str, torch.Tensor]

_LEFTOVERS = {
    "quantizer.vq.layers.0._codebook.inited": (1,),
    "quantizer.vq.layers.0._codebook.cluster_size": (1024,),
    "quantizer.vq.layers.0._codebook.embed_avg": (1024, 768),
}


def values(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.half) -> torch.Tensor:
    """Zeros, but for a first value that depends on the name."""
    tensor = torch.zeros(shape, dtype=dtype)
    tensor.view(-1)[0] = sum(name.encode()) % 97 + 1
    return tensor


def state(expected: Shapes, table: Table, dtype: torch.dtype = torch.half) -> State:
    """The tensors of a network under their published names, without a prefix."""
    return {
        str(table.published(ours)): values(ours, shape, dtype) for ours, shape in expected.items()
    }


def token_model(family: str) -> State:
    expected = shapes.token_model(FAMILIES[family].token_model)
    return {f"model.{name}": tensor for name, tensor in state(expected, names.TOKEN_MODEL).items()}


def decoder(family: str, *, fine_tuned: bool = False) -> State:
    tensors = state(shapes.decoder(FAMILIES[family].decoder), names.DECODER)
    tensors |= {name: torch.zeros(shape).half() for name, shape in _LEFTOVERS.items()}
    return {name: t for name, t in tensors.items() if not (fine_tuned and "enc_q" in name)}


def discriminator(family: str) -> State:
    expected = shapes.discriminator(FAMILIES[family].decoder.discriminator)
    return state(expected, names.DISCRIMINATOR)


class HParams:
    """The configuration object of published decoders, under the name they give it."""

    def __init__(self, **items: Any) -> None:
        for key, value in items.items():
            setattr(self, key, HParams(**value) if isinstance(value, dict) else value)


HParams.__module__ = "utils"


def save_token_model(path: Path, tensors: State) -> Path:
    config = {"model": {"vocab_size": 1025}, "data": {"max_sec": 54}, "inference": {"top_k": 15}}
    torch.save({"weight": tensors, "config": config, "info": "GPT-e15"}, path)
    return path


def save_discriminator(path: Path, tensors: State) -> Path:
    torch.save({"weight": tensors}, path)
    return path


def save_decoder(path: Path, tensors: State, head: str = "PK") -> Path:
    module = types.ModuleType("utils")
    module.HParams = HParams  # type: ignore[attr-defined]
    config = HParams(data={"hop_length": 640}, model={"version": "v2"}, train={"secret": "/home"})
    before = sys.modules.get("utils")
    sys.modules["utils"] = module
    try:
        torch.save({"weight": tensors, "config": config, "info": "8epoch_96iteration"}, path)
    finally:
        del sys.modules["utils"]
        if before is not None:
            sys.modules["utils"] = before
    with path.open("rb+") as stream:
        stream.write(head.encode())
    return path

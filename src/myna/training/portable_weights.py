"""Weights in a few files of bounded size, in half precision, and what they are in `facts.json`.

Files may come from a machine that was stopped at any moment: the facts are written last, and say
what each file must hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from myna.errors import TrainingError
from myna.files import replacing, save_json, sha256

FACTS = "facts.json"
FILES = "weights-*.safetensors"
"""Pattern of their names."""
MOST_BYTES = 15 << 20
"""Of a file: machines are borrowed with limits on what comes back."""

Parts = Mapping[str, Mapping[str, NDArray[Any]]]
"""Tensors by name, by part of a model folder."""


def write(out: Path, parts: Parts, facts: Mapping[str, Any]) -> int:
    """Write weights of a decoder and its judges; returns their bytes.

    Args:
        facts: `family`, and `steps` that the weights were trained for; others may follow.
    """
    shards: list[dict[str, NDArray[Any]]] = [{}]
    size = 0
    for part, tensors in parts.items():
        for name, tensor in tensors.items():
            half = np.ascontiguousarray(tensor.astype(np.float16))
            if shards[-1] and size + half.nbytes > MOST_BYTES:
                shards.append({})
                size = 0
            shards[-1][f"{part}.{name}"] = half
            size += half.nbytes
    files = {}
    for number, shard in enumerate(shards):
        path = out / FILES.replace("*", str(number))
        with replacing(path) as temporary:
            temporary.write_bytes(save(shard))
        files[path.name] = sha256(path)
    save_json(out / FACTS, {**facts, "files": files})
    return sum((out / name).stat().st_size for name in files)


def read(folder: Path, facts: Mapping[str, Any]) -> dict[str, dict[str, NDArray[Any]]]:
    """The weights that `facts_of` a folder names, in half precision.

    Raises:
        TrainingError: they are damaged.
    """
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    try:
        for file in facts["files"]:
            for name, tensor in load_file(folder / file).items():
                part, _, rest = name.partition(".")
                parts.setdefault(part, {})[rest] = tensor
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"The weights in {folder} are damaged ({error}).") from error
    return parts


def facts_of(folder: Path) -> dict[str, Any]:
    """What a folder or result says of its weights, which are whole.

    Raises:
        TrainingError: they are not.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        int(facts["steps"]), str(facts["family"])
        if any(Path(name).name != name for name in facts["files"]):
            raise ValueError("it names files elsewhere")
        wrong = [name for name, digest in facts["files"].items() if sha256(folder / name) != digest]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} not as they were written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"The weights in {folder} are not whole ({error}).") from error
    return facts

"""The only reader of the published formats: weights that torch saved, read without torch.

Nothing in a file is executed, and the tensors are views of the mapped file: reading costs no
memory until they are used. What the wrapper around them looks like is told in `Published`.

Source of the formats: the parity kit's README, section 4; torch's serialization notes.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints import inert_pickle
from myna.checkpoints.inert_pickle import Fields, Name
from myna.checkpoints.torch_zip import TorchZip
from myna.errors import CheckpointError

MOST_TENSORS = 20_000
"""More tensors than this are no model of ours."""
MOST_COPIES = 4
"""All tensors together may be this many times as large as the file, for those that share data."""
MOST_AXES = 8
MOST_VALUES = 100_000
"""Longest configuration, in values."""
MOST_DEPTH = 16

_SECTIONS = ("weight", "state_dict", "model", "generator")
_STORAGES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_DTYPES = frozenset(
    {
        "float16",
        "float32",
        "float64",
        "bfloat16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "bool",
    }
)

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """What one published file holds."""

    path: Path
    tensors: Tensors
    """By published name: read-only, bfloat16 widened to float32, all else as saved."""
    section: str
    """Key of the wrapper under which the tensors stood, or empty if there was no wrapper."""
    keys: tuple[str, ...]
    """All keys of the wrapper; empty if there was none."""
    config: Mapping[str, Any]
    """The training configuration as plain values; empty if there is none."""
    info: str
    """What the saver noted, such as `GPT-e15`."""
    head: str
    """First two bytes: `PK`, or the digits that a fine-tuning program wrote over them."""
    head_md5: str
    """MD5 of the first 8192 bytes, by which the official base models are known."""


def read(path: str | Path) -> Published:
    """Read a `.ckpt`, `.pth`, `.pt` or `.bin` file.

    Raises:
        UnsafeCheckpointError: it asks for code to be run; nothing was.
        CheckpointError: there is no such file, or it is damaged or of another format.
    """
    path = Path(path)
    archive, whole = _whole(path)
    if type(whole) is not dict:
        raise CheckpointError(f"{path} holds no dictionary of tensors.")
    wrapper = next((key for key in _SECTIONS if type(whole.get(key)) is dict), "")
    state = whole[wrapper] if wrapper else whole
    info = whole.get("info", "") if wrapper else ""
    config = _plain(whole.get("config", {}), path) if wrapper else {}
    return Published(
        path=path,
        tensors=_tensors(state, path),
        section=wrapper,
        keys=tuple(str(key) for key in whole) if wrapper else (),
        config=config if isinstance(config, dict) else {},
        info=info if isinstance(info, str) else "",
        head=archive.head,
        head_md5=hashlib.md5(archive.first(8192), usedforsecurity=False).hexdigest(),
    )


def read_tensor(path: str | Path) -> NDArray[Any]:
    """Read a file that torch saved and that holds one tensor, as prepared training data does.

    Raises:
        UnsafeCheckpointError: it asks for code to be run; nothing was.
        CheckpointError: there is no such file, it is damaged, or holds something else.
    """
    path = Path(path)
    _, whole = _whole(path)
    if not isinstance(whole, np.ndarray):
        raise CheckpointError(f"{path} holds no tensor, but a {type(whole).__name__}.")
    return whole


def _whole(path: Path) -> tuple[TorchZip, Any]:
    """The archive, and the value in it."""
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    archive = TorchZip(path)
    order = bytes(archive["byteorder"]) if "byteorder" in archive else b"little"
    if order != b"little":
        raise CheckpointError(
            f"{path} has the byte order {order[:16]!r}; save it again on a little-endian machine."
        )
    reader = _Reader(archive)
    whole = inert_pickle.read(bytes(archive["data.pkl"]), path, reader.names(), reader.storage)
    return archive, whole


def _tensors(state: dict[Any, Any], path: Path) -> dict[str, NDArray[Any]]:
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise CheckpointError(
                f"{path} has an entry {str(name)[:80]!r} that is no tensor where weights belong."
            )
    if not state:
        raise CheckpointError(f"{path} holds no tensors.")
    return state


@dataclass(frozen=True, slots=True)
class _Storage:
    values: NDArray[Any]
    widen: bool
    """True for bfloat16, whose bits stand in `values` as uint16."""


class _Reader:
    """Turns what the pickle says about tensors into views of the file."""

    def __init__(self, archive: TorchZip) -> None:
        self._archive = archive
        self._storages: dict[tuple[str, str], NDArray[Any]] = {}
        self._count = 0
        self._bytes = 0

    def names(self) -> dict[str, Name]:
        """All that a checkpoint may name."""
        calls: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_parameter": _parameter,
            "collections.OrderedDict": _dictionary,
            "utils.HParams": lambda: Fields(),
        }
        types = [f"torch.{name}" for name in (*_STORAGES, *_DTYPES)]
        return {name: Name(name, calls.get(name)) for name in (*calls, *types)}

    def storage(self, reference: Any) -> NDArray[Any]:
        """The data that a reference such as `("storage", FloatStorage, "0", "cpu", 12)` means."""
        kind, type_, key, _, count = reference
        if kind != "storage" or not isinstance(type_, Name) or not isinstance(key, str):
            raise ValueError("refers to something that is no tensor storage")
        dtype = _STORAGES[type_.dotted.removeprefix("torch.")]
        if (key, dtype) not in self._storages:
            if f"data/{key}" not in self._archive:
                raise self._error(f"the data of tensor storage {key!r} is missing")
            self._storages[key, dtype] = _values(self._archive[f"data/{key}"], dtype)
        values = self._storages[key, dtype]
        if len(values) != count:
            raise self._error(f"tensor storage {key!r} has {len(values)} values, not {count}")
        return values

    def _tensor(
        self,
        values: NDArray[Any],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_unused: Any,
    ) -> NDArray[Any]:
        if not isinstance(values, np.ndarray):
            raise TypeError("builds a tensor from what is no data")
        numbers = (offset, *shape, *strides)
        if not all(type(n) is int and 0 <= n <= 1 << 40 for n in numbers):
            raise self._error("a tensor has impossible sizes")
        if not len(shape) == len(strides) <= MOST_AXES:
            raise self._error(f"a tensor has {len(shape)} axes and {len(strides)} strides")
        count = prod(shape)
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if count > len(values) or (count and last >= len(values)):
            raise self._error(f"a tensor of shape {shape} is larger than the data behind it")
        self._account(count * values.itemsize)
        steps = tuple(step * values.itemsize for step in strides)
        start = values[offset:] if count else values[:0]
        return np.lib.stride_tricks.as_strided(start, shape, steps, writeable=False)

    def _account(self, size: int) -> None:
        self._count += 1
        self._bytes += size
        if self._count > MOST_TENSORS or self._bytes > MOST_COPIES * self._archive.size:
            raise self._error(
                f"it lists {self._count} tensors of {self._bytes} bytes in all, "
                f"more than a file of {self._archive.size} bytes can mean"
            )

    def _error(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self._archive.path} is damaged: {reason}. Copy or download it again."
        )


def _values(data: memoryview, dtype: str) -> NDArray[Any]:
    if not len(data):
        return np.zeros(0, np.float32 if dtype == "bfloat16" else dtype)
    if dtype == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    return np.frombuffer(data, dtype)


def _parameter(tensor: NDArray[Any], *_unused: Any) -> NDArray[Any]:
    return tensor


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    if not all(isinstance(key, str | int) for key, _ in pairs):
        raise TypeError("has a dictionary key that is neither text nor number")
    return dict(pairs)


def _plain(value: Any, path: Path) -> Any:
    """Configuration values as JSON has them; tensors and unknown things become their names."""
    left = MOST_VALUES

    def plain(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > MOST_DEPTH:
            raise CheckpointError(f"{path} has a configuration larger or deeper than any real one.")
        match value:
            case Fields():
                return plain(value.values, depth)
            case dict():
                return {str(key): plain(item, depth + 1) for key, item in value.items()}
            case list() | tuple():
                return [plain(item, depth + 1) for item in value]
            case Name():
                return value.dotted
            case None | bool() | int() | float() | str():
                return value
            case _:
                return f"({type(value).__name__})"

    return plain(value, 0)

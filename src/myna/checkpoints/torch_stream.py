"""The container that torch wrote before 2020: pickles one after another, then the data of tensors.

Only what a foreign encoder needs is read: tensors of one dictionary, by name. Nothing in the file
is executed.

Source of the layout: torch's serialization notes on files before version 1.6.
"""

from __future__ import annotations

import pickletools
import struct
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints import inert_pickle
from myna.checkpoints.inert_pickle import Name
from myna.errors import CheckpointError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MOST_BYTES = 1 << 30
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
_COUNT = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def read(path: str | Path, section: str) -> dict[str, NDArray[Any]]:
    """The tensors of the dictionary that the file holds under the name `section`.

    Raises:
        UnsafeCheckpointError: it asks for code to be run; nothing was.
        CheckpointError: it is damaged, or of another format, or has no such dictionary of tensors.
        OSError: it cannot be opened.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise _damaged(path, "it is too large")
    data = path.read_bytes()
    try:
        values, rest = _pickles(data, path)
        magic, protocol, system, whole, keys = values
        if (magic, protocol) != (_MAGIC, _PROTOCOL) or not system["little_endian"]:
            raise ValueError("it is none of torch's files of before 2020")
        found = whole[section]
        if not all(isinstance(each, _Tensor) for each in found.values()):
            raise ValueError(f"not all of {section!r} are tensors")
        storages = _storages(data, rest, keys, {each.storage for each in found.values()})
        return {name: _array(each, storages[each.storage]) for name, each in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
        raise _damaged(path, str(error)) from error


def _pickles(data: bytes, path: Path) -> tuple[list[Any], int]:
    """The five values at the start, and where the data of tensors begins."""
    names = {
        "torch._utils._rebuild_tensor_v2": Name("torch._utils._rebuild_tensor_v2", _tensor),
        "collections.OrderedDict": Name("collections.OrderedDict", dict),
        **{f"torch.{name}": Name(f"torch.{name}") for name in _STORAGES},
    }
    values, start = [], 0
    for _ in range(5):
        stream = BytesIO(data[start : start + inert_pickle.MOST_BYTES])
        for _instruction in pickletools.genops(stream):
            pass
        end = start + stream.tell()
        values.append(inert_pickle.read(data[start:end], path, names, _refer))
        start = end
    return values, start


def _refer(reference: Any) -> _Storage:
    kind, type_, key, _, count, view = reference
    if kind != "storage" or not isinstance(type_, Name) or view is not None:
        raise ValueError("refers to something that is no tensor storage")
    return _Storage(str(key), _STORAGES[type_.dotted.removeprefix("torch.")], int(count))


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_unused: Any
) -> _Tensor:
    rows = tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
    count = prod(shape)
    whole = isinstance(storage, _Storage) and 0 <= offset <= offset + count <= storage.count
    if not whole or min(shape, default=0) < 0 or (count > 1 and tuple(strides) != rows):
        raise ValueError("a tensor does not fit the data behind it")
    return _Tensor(storage, offset, shape)


def _storages(
    data: bytes, start: int, keys: list[str], wanted: set[_Storage]
) -> dict[_Storage, NDArray[Any]]:
    """The data of the storages that are wanted, which lies in the order of the keys."""
    by_key = {storage.key: storage for storage in wanted}
    found: dict[_Storage, NDArray[Any]] = {}
    # The file gives sizes in values, so a storage that is not wanted has to be measured, too; all
    # of a file whose tensors are of one type are.
    sizes = {np.dtype(storage.dtype).itemsize for storage in wanted}
    if len(sizes) != 1:
        raise ValueError("its tensors are of several types")
    (size,) = sizes
    for key in keys:
        (count,) = _COUNT.unpack_from(data, start)
        start += _COUNT.size
        if count < 0 or start + count * size > len(data):
            raise ValueError("its end is missing")
        if storage := by_key.get(key):
            if count != storage.count:
                raise ValueError(f"storage {key!r} has {count} values, not {storage.count}")
            found[storage] = np.frombuffer(data, storage.dtype, count, start)
        start += count * size
    return found


def _array(tensor: _Tensor, values: NDArray[Any]) -> NDArray[Any]:
    return values[tensor.offset : tensor.offset + prod(tensor.shape)].reshape(tensor.shape)


def _damaged(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path} cannot be read: {reason}. Install or download it again.")

"""A pickle is read as data; whatever asks for more is refused, and nothing of it happens."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.checkpoints import inert_pickle
from myna.checkpoints.inert_pickle import Fields, Name
from myna.errors import CheckpointError, UnsafeCheckpointError

SOURCE = Path("voice.pth")
NAMES = {
    "collections.OrderedDict": Name("collections.OrderedDict", dict),
    "utils.HParams": Name("utils.HParams", Fields),
    "torch.FloatStorage": Name("torch.FloatStorage"),
}


def read(data: bytes) -> Any:
    return inert_pickle.read(data, SOURCE, NAMES, lambda reference: ("referred", reference))


VALUE = {
    "numbers": [0, 1, 255, 65_535, -7, 2**40, -(2**70), 1.5],
    "texts": ("", "é漢字", "x" * 300),
    "none": None,
    "flags": (True, False),
    "nested": {"a": [[], {}, ()], 3: b"bytes"},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back_as_python_reads_them(protocol: int) -> None:
    value = {key: item for key, item in VALUE.items() if protocol > 2 or key != "nested"}
    shared = ["shared"]
    value["same"] = [shared, shared]
    assert read(pickle.dumps(value, protocol)) == value


def test_a_dictionary_in_order_with_attributes_is_a_dictionary() -> None:
    state = collections.OrderedDict([("b", 1), ("a", 2)])
    state._metadata = {"version": 1}  # type: ignore[attr-defined]
    assert list(read(pickle.dumps(state, 2)).items()) == [("b", 1), ("a", 2)]


class Runs:
    """Pickles into a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def raw(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("module", ["os.system", "posix.system", "nt.system", "builtins.eval"])
def test_calls_are_refused_by_name_and_do_nothing(
    tmp_path: Path, module: str, protocol: int
) -> None:
    marker = tmp_path / "ran"
    place, name = module.split(".")
    command = f"open({str(marker)!r}, 'w')" if name == "eval" else f"touch {marker}"
    if protocol == 4:
        asks = b"\x8c" + bytes([len(place)]) + place.encode()
        asks += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"
    else:
        asks = f"c{place}\n{name}\n".encode()
    data = raw(asks, text(command), b"\x85R")
    with pytest.raises(UnsafeCheckpointError, match=f"voice.pth asks for {module}") as caught:
        read(data)
    assert "Nothing in it was executed" in str(caught.value)
    assert not marker.exists()


def test_a_call_deep_inside_is_refused(tmp_path: Path) -> None:
    import os

    marker = tmp_path / "ran"
    poison = {"weight": {"a": 1}, "config": {"x": [Runs(os.system, f"touch {marker}")]}}
    with pytest.raises(UnsafeCheckpointError, match="asks for"):
        read(pickle.dumps(poison, 2))
    assert not marker.exists()
    pickle.loads(pickle.dumps(poison, 2))
    assert marker.exists(), "the poison works on the reader that we do not use"


NAMED = [
    ("torch", "load"),
    ("torch.serialization", "load"),
    ("torch.jit._serialization", "load"),
    ("torch._utils", "_rebuild_device_tensor_from_numpy"),
    ("torch.hub", "load"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "load"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "exec"),
    ("importlib", "import_module"),
    ("collections", "OrderedDict.__init__"),
    ("collections", "namedtuple"),
    ("utils", "HParams.__class__"),
    ("myna.files", "data_folder"),
]


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_every_other_name_is_refused(module: str, name: str) -> None:
    with pytest.raises(UnsafeCheckpointError, match=f"{module}.{name}"):
        read(raw(f"c{module}\n{name}\n".encode()))


def test_only_listed_names_can_be_called() -> None:
    storage = b"ctorch\nFloatStorage\n"
    with pytest.raises(UnsafeCheckpointError, match=r"calls torch\.FloatStorage"):
        read(raw(storage, b")R"))
    with pytest.raises(UnsafeCheckpointError, match="calls a str"):
        read(raw(text("print"), b")R"))
    with pytest.raises(UnsafeCheckpointError, match="calls a Fields"):
        read(raw(b"cutils\nHParams\n)\x81)R"))


def test_attributes_are_set_on_stand_ins_only() -> None:
    sets = raw(b"cutils\nHParams\n)\x81}", text("__class__"), text("x"), b"sb")
    value = read(sets)
    assert type(value) is Fields
    assert value.values == {"__class__": "x"}
    for target in (b"ctorch\nFloatStorage\n", b"cutils\nHParams\n", b"]", text("x")):
        with pytest.raises(UnsafeCheckpointError, match="sets attributes of"):
            read(raw(target, b"}", text("call"), text("x"), b"sb"))
    assert NAMES["torch.FloatStorage"].call is None


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (b"\x82\x01", "EXT1"),
        (b"(ios\nsystem\n", "INST"),
        (b"(cos\nsystem\no", "asks for os.system"),
        (b"P1\n", "PERSID"),
        (b"(cutils\nHParams\no", "OBJ"),
        (b"\x8f", "EMPTY_SET"),
    ],
)
def test_instructions_no_checkpoint_needs_do_not_exist(code: bytes, name: str) -> None:
    with pytest.raises(UnsafeCheckpointError, match=name):
        read(raw(code))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        raw(b"s"),
        raw(b"a"),
        raw(b"t"),
        raw(b"}K\x01a"),
        raw(b"h\x07"),
        raw(b"(]K\x01s"),
        raw(b"}]K\x01s"),
        raw(b"X\xff\xff\xff\x7fabc"),
        raw(b"K\x01K\x02"),
        raw(b"(K\x01tK\x02"),
        raw(b"}(K\x01u"),
        raw(b"\xff"),
    ],
)
def test_damage_is_told_apart_from_danger(data: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"voice.pth") as caught:
        read(data)
    assert not isinstance(caught.value, UnsafeCheckpointError)


def test_what_follows_the_end_is_not_read() -> None:
    assert read(raw(b"}") + raw(b"cos\nsystem\n")) == {}


def test_a_memo_far_out_costs_nothing() -> None:
    assert read(raw(b"}r\xff\xff\xff\x7f")) == {}


def test_nesting_without_end_is_no_danger() -> None:
    deep = raw(b")" + b"\x85" * 200_000)
    assert isinstance(read(deep), tuple)
    with pytest.raises(CheckpointError, match="neither text nor number"):
        read(raw(b"}" + b")" + b"\x85" * 200_000 + b"K\x01s"))


@pytest.mark.parametrize(
    "code",
    [
        b"](" + b"h\x01h\x02\x85R" * 1000 + b"e",
        b"](" + b"h\x03)\x81h\x00b" * 1000 + b"e",
    ],
)
def test_what_is_named_again_is_not_copied_without_end(code: bytes) -> None:
    many = 10_000
    names = b"ccollections\nOrderedDict\nq\x01cutils\nHParams\nq\x03"
    values = (
        b"}(" + b"".join(b"J" + n.to_bytes(4, "little") + b"N" for n in range(many)) + b"uq\x00"
    )
    pairs = b"](" + b"K\x01K\x02\x86" * many + b"eq\x02"
    data = raw(b"](" + names + values + pairs + code + b"e")
    with pytest.raises(CheckpointError, match="copies more"):
        read(data)


def test_too_long_a_pickle_is_not_read() -> None:
    with pytest.raises(CheckpointError, match="MiB"):
        read(bytes(inert_pickle.MOST_BYTES + 1))


def test_arrays_of_numpy_are_refused() -> None:
    with pytest.raises(UnsafeCheckpointError, match="numpy"):
        read(pickle.dumps(np.zeros(3), 2))

"""Files that torch saved are read without torch, and only if they are whole."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from myna.checkpoints import legacy
from myna.checkpoints.legacy import Published
from myna.errors import CheckpointError, UnsafeCheckpointError


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def rezip(path: Path, target: Path, **changes: bytes | None) -> Path:
    """A copy of an archive with some entries changed (None: left out), stored like torch does."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            key = info.filename.partition("/")[2]
            content = changes.get(key, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    return target


def pickled(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "half": torch.randn(3, 5).half(),
        "single": torch.randn(7),
        "double": torch.randn(2, 2).double(),
        "brain": torch.randn(3, 2, 4).bfloat16(),
        "turned": base.T,
        "slice": base[1:3, 2:5],
        "same": base,
        "scalar": torch.tensor(3.5),
        "long": torch.tensor([1, -(2**40)]),
        "flag": torch.tensor([True, False]),
        "empty": torch.zeros(0, 4),
        "empty brain": torch.zeros(0).bfloat16(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }


def test_tensors_come_back_as_torch_saved_them(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    path = save(tmp_path / "a.pth", {"weight": weights, "config": {"x": 1}, "info": "GPT-e15"})
    found = legacy.read(path)
    assert isinstance(found, Published)
    assert found.section == "weight"
    assert found.info == "GPT-e15"
    assert found.head == "PK"
    assert found.keys == ("weight", "config", "info")
    assert list(found.tensors) == list(weights)
    for name, tensor in weights.items():
        expected = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
        ours = found.tensors[name]
        assert ours.dtype == expected.dtype, name
        assert ours.shape == expected.shape, name
        np.testing.assert_array_equal(ours, expected)
        assert not ours.flags.writeable


def test_a_bare_state_dict_with_its_metadata(tmp_path: Path) -> None:
    layer = torch.nn.BatchNorm1d(3)
    found = legacy.read(save(tmp_path / "a.bin", layer.state_dict()))
    assert found.section == ""
    assert list(found.tensors) == list(layer.state_dict())


def test_every_brain_float_widens_exactly(tmp_path: Path) -> None:
    bits = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    found = legacy.read(save(tmp_path / "a.pth", {"a": bits})).tensors["a"]
    np.testing.assert_array_equal(found.view(np.uint32), bits.float().numpy().view(np.uint32))


@pytest.mark.parametrize("digits", ["00", "03", "05", "06"])
def test_digits_written_over_the_head_are_taken_for_what_was_there(
    tmp_path: Path, digits: str
) -> None:
    path = save(tmp_path / "a.pth", {"weight": {"a": torch.ones(3)}})
    content = digits.encode() + path.read_bytes()[2:]
    path.write_bytes(content)
    found = legacy.read(path)
    assert found.head == digits
    np.testing.assert_array_equal(found.tensors["a"], np.ones(3))
    assert path.read_bytes() == content


@pytest.fixture
def hparams(monkeypatch: pytest.MonkeyPatch) -> type:
    """A class as the published files have it, importable while the file is written."""
    module = types.ModuleType("utils")

    class HParams:
        def __init__(self, **values: Any) -> None:
            for key, value in values.items():
                setattr(self, key, HParams(**value) if isinstance(value, dict) else value)

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    module.HParams = HParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "utils", module)
    return HParams


def test_the_configuration_object_becomes_plain_values(tmp_path: Path, hparams: type) -> None:
    config = {"model": {"version": "v2Pro", "gin": 1024}, "data": {"hop": 640}, "dtype": 1}
    value = hparams(**config)
    value.dtype = torch.float16
    value.tensor = torch.ones(2)
    path = save(tmp_path / "a.pth", {"weight": {"a": torch.ones(1)}, "config": value})
    found = legacy.read(path).config
    assert found == {**config, "dtype": "torch.float16", "tensor": "(ndarray)"}


def test_a_configuration_that_folds_out_without_end_is_refused(tmp_path: Path) -> None:
    bomb: Any = "x"
    for _ in range(12):
        bomb = [bomb] * 10
    path = save(tmp_path / "a.pth", {"weight": {"a": torch.ones(1)}, "config": {"bomb": bomb}})
    with pytest.raises(CheckpointError, match="larger or deeper"):
        legacy.read(path)
    loop: dict[str, Any] = {}
    loop["self"] = loop
    path = save(tmp_path / "b.pth", {"weight": {"a": torch.ones(1)}, "config": loop})
    with pytest.raises(CheckpointError, match="larger or deeper"):
        legacy.read(path)


class _Poison:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("digits", [b"PK", b"05"])
def test_a_poisoned_file_does_nothing(tmp_path: Path, digits: bytes) -> None:
    marker = tmp_path / "ran"
    poison = {"weight": {"a": torch.ones(1)}, "config": [_Poison(f"touch {marker}")]}
    path = save(tmp_path / "voice.pth", poison)
    path.write_bytes(digits + path.read_bytes()[2:])
    with pytest.raises(UnsafeCheckpointError, match=r"voice\.pth asks for posix\.system"):
        legacy.read(path)
    assert not marker.exists()


class _Stateful:
    pass


def test_an_object_of_any_other_class_is_refused(tmp_path: Path) -> None:
    victim = _Stateful()
    victim.__dict__["path"] = "/etc"
    path = save(tmp_path / "a.pth", {"weight": {"a": torch.ones(1)}, "config": victim})
    with pytest.raises(UnsafeCheckpointError, match="_Stateful"):
        legacy.read(path)


FOREIGN = {
    "empty": (b"", "empty"),
    "picture": (b"\xff\xd8\xff\xe0" + bytes(99), "JPEG"),
    "page": (b"\n<!DOCTYPE html><html>404", "web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
    "safetensors": (struct.pack("<Q", 40) + b'{"a":{"dtype":"F16"' + bytes(30), "safetensors"),
    "old": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M", "old format"),
    "text": (b"just some text", "not in any format"),
    "07": (b"07\x03\x04" + bytes(80), "not in any format"),
    "short": (b"P", "not in any format"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, kind: str) -> None:
    content, reason = FOREIGN[kind]
    path = tmp_path / "voice.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"voice\.pth cannot be read: it is .*{reason}") as e:
        legacy.read(path)
    assert "Expected weights saved by torch" in str(e.value)


def test_torchs_own_old_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="old format"):
        legacy.read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no file"):
        legacy.read(tmp_path / "none.pth")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.pth", {"weight": {"a": torch.randn(50)}}).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(whole), 61):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"cut\.pth"):
            legacy.read(path)


def test_no_flipped_byte_is_read_as_something_else(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"weight": {"a": torch.arange(40.0)}})
    whole = path.read_bytes()
    damaged = tmp_path / "damaged.pth"
    refused = 0
    for position in range(0, len(whole), 7):
        content = bytearray(whole)
        content[position] ^= 0x40
        damaged.write_bytes(content)
        try:
            found = legacy.read(damaged).tensors["a"]
        except CheckpointError:
            refused += 1
        else:  # padding, or a field of the archive that says nothing of the content
            np.testing.assert_array_equal(found, np.arange(40.0))
    assert refused > 40


def test_no_scrambled_pickle_gets_further_than_an_error(tmp_path: Path) -> None:
    value = {"weight": {"a": torch.arange(4.0), "b": torch.ones(2, 2).half()}, "config": {"x": [1]}}
    path = save(tmp_path / "a.pth", value)
    with zipfile.ZipFile(path) as old:
        original = old.read("a/data.pkl")
    chance = random.Random(0)
    read = 0
    for _ in range(1500):
        scrambled = bytearray(original)
        for _ in range(chance.choice((1, 1, 2, 8))):
            position = chance.randrange(len(scrambled))
            if chance.random() < 0.3:
                del scrambled[position]
            else:
                scrambled[position] = chance.randrange(256)
        rezip(path, tmp_path / "b.pth", **{"data.pkl": bytes(scrambled)})
        with contextlib.suppress(CheckpointError):
            legacy.read(tmp_path / "b.pth")
            read += 1
    assert 0 < read < 1000


def archive(tmp_path: Path) -> Path:
    return save(tmp_path / "a.pth", {"weight": {"a": torch.arange(4.0)}})


def test_compressed_entries_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("a/data.pkl", bytes(1 << 20))
    path = tmp_path / "bomb.pth"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match="compressed"):
        legacy.read(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    content = bytearray(archive(tmp_path).read_bytes())
    directory = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", directory + 4)
    content[second + 42 : second + 46] = content[directory + 42 : directory + 46]
    path = tmp_path / "b.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"overlaps|directory says"):
        legacy.read(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"byteorder": b"big"}, "byte order"),
        ({"data.pkl": None}, "exactly one data.pkl"),
        ({"data/0": None}, "is missing"),
        ({"data/0": bytes(12)}, "has 3 values, not 4"),
        ({"data/0": bytes(17)}, "buffer size"),
        ({"data.pkl": pickled(b"]")}, "no dictionary"),
        ({"data.pkl": pickled(b"}")}, "no tensors"),
        ({"data.pkl": pickled(b"}X\x01\x00\x00\x00aK\x01s")}, "no tensor where"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], reason: str
) -> None:
    path = rezip(archive(tmp_path), tmp_path / "b.pth", **changes)
    with pytest.raises(CheckpointError, match=reason):
        legacy.read(path)


def test_a_program_is_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "b.pth"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("a/data.pkl", pickled(b"}"))
        new.writestr("a/constants.pkl", pickled(b")"))
    with pytest.raises(CheckpointError, match="TorchScript"):
        legacy.read(path)


def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A pickle of one tensor over the four values of `archive`."""

    def whole(value: int) -> bytes:
        raw = value.to_bytes(9, "little", signed=True)
        return b"\x8a\x09" + raw

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(whole(value) for value in values) + b"t"

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    storage += whole(4) + b"tQ"
    build = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + whole(offset)
    build += numbers(shape) + numbers(strides) + b"\x89)tR"
    return pickled(b"}", text("a"), build, b"s")


def test_sizes_that_fit_are_read(tmp_path: Path) -> None:
    path = rezip(archive(tmp_path), tmp_path / "b.pth", **{"data.pkl": tensor(1, (3,), (1,))})
    np.testing.assert_array_equal(legacy.read(path).tensors["a"], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (5,), (1,)),
        (1, (4,), (1,)),
        (0, (2, 2), (3, 2)),
        (0, (2,), (4,)),
        (0, (1 << 30,), (0,)),
        (0, (8,), (0,)),
        (-1, (1,), (1,)),
        (3, (2,), (-1,)),
        (0, (1 << 62,), (1,)),
        (1 << 50, (0,), (1,)),
        (0, (1,) * 9, (1,) * 9),
        (0, (2,), (1, 1)),
    ],
)
def test_tensors_that_reach_beyond_their_data_are_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    pickle = tensor(offset, shape, strides)
    path = rezip(archive(tmp_path), tmp_path / "b.pth", **{"data.pkl": pickle})
    with pytest.raises(CheckpointError, match="a tensor"):
        legacy.read(path)


def test_reading_takes_no_memory_for_the_tensors(tmp_path: Path) -> None:
    import tracemalloc

    path = save(tmp_path / "a.pth", {"weight": {"a": torch.zeros(8 << 20).half()}})
    tracemalloc.start()
    found = legacy.read(path)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tensors["a"].shape == (8 << 20,)
    assert used < 2 << 20

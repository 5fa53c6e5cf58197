"""Files that torch wrote before 2020 are read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.checkpoints import torch_stream
from myna.errors import CheckpointError, UnsafeCheckpointError

torch = pytest.importorskip("torch")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "old.pt"
    generator = torch.Generator().manual_seed(1)
    weights = {"w": torch.randn(3, 4, generator=generator), "b": torch.zeros(5)}
    whole = {"step": 7, "weights": weights, "optimiser": {"state": {0: torch.ones(2)}}}
    torch.save(whole, path, _use_new_zipfile_serialization=False)
    return path


def test_tensors_of_a_section(saved: Path) -> None:
    found = torch_stream.read(saved, "weights")
    expected = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    assert set(found) == {"w", "b"}
    np.testing.assert_array_equal(found["w"], expected.numpy())
    np.testing.assert_array_equal(found["b"], np.zeros(5, dtype=np.float32))


@pytest.mark.parametrize("section", ["nothing", "optimiser", "step"])
def test_other_sections_are_none(saved: Path, section: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        torch_stream.read(saved, section)


@pytest.mark.parametrize("length", [0, 10, 200, -1])
def test_cut_short(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(CheckpointError):
        torch_stream.read(saved, "weights")


def test_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("executed",)

    path = tmp_path / "evil.pt"
    torch.save({"weights": Evil()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(UnsafeCheckpointError):
        torch_stream.read(path, "weights")

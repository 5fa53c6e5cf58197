"""States come back as they were, and a state that could not be written leaves the one before."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from safetensors.torch import save_file

import myna.training.state as subject
from myna.errors import TrainingError
from myna.training.averages import Average
from myna.training.state import (
    Best,
    State,
    checkpoint,
    load,
    pull_tensors,
    put_tensors,
    save,
    save_best,
    weights,
)


def state(value: float) -> State:
    nets = {"a": torch.full((2, 3), value), "flag": torch.tensor(True)}
    return State({"nets": nets, "average": {"a": nets["a"] + 1}}, {"step": value, "none": None})


def assert_is(folder: Path, value: float) -> None:
    found = load(folder)
    assert found is not None
    assert found.facts == {"step": value, "none": None}
    assert torch.equal(found.tensors["nets"]["a"], torch.full((2, 3), value))
    assert bool(found.tensors["nets"]["flag"]) is True
    assert found.tensors["average"].keys() == {"a"}


def test_the_last_state_counts_and_the_one_before_goes(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    assert checkpoint(tmp_path) is None
    for step in (1, 2):
        save(tmp_path, "toy", step, state(step), None)
        assert_is(tmp_path, step)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["toy-00000002"]
    last = weights(tmp_path, "last")
    assert torch.equal(last["a"], torch.full((2, 3), 3.0)), "averages are in place"


def test_the_best_counts_from_the_next_state_on(tmp_path: Path) -> None:
    best = save_best(tmp_path, "toy", 1, 0.5, {"a": torch.ones(1)})
    save(tmp_path, "toy", 1, state(1), best)
    for step in (2, 3):
        better = save_best(tmp_path, "toy", step, 0.1, {"a": torch.full((1,), float(step))})
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == [
        "toy-00000001.safetensors",
        "toy-00000003.safetensors",
    ]
    assert checkpoint(tmp_path).best == best  # type: ignore[union-attr]
    assert weights(tmp_path)["a"].tolist() == [1.0]
    save(tmp_path, "toy", 3, state(3), better)
    assert checkpoint(tmp_path).best == Best(step=3, loss=0.1, file=better.file)  # type: ignore[union-attr]
    assert weights(tmp_path)["a"].tolist() == [3.0]
    assert len(list((tmp_path / "best").iterdir())) == 1


@pytest.mark.parametrize("which", ["average", "state.json", "checkpoint.json"])
def test_a_full_disk_leaves_the_state_before(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "toy", 1, state(1), None)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write(tensors: Any, path: Path) -> None:
        if path.stem == which:
            full()
        save_file(tensors, path)

    write_text = Path.write_text

    def text(path: Path, *args: Any, **more: Any) -> int:
        if path.name == which or path.name.startswith(f".{which}"):
            full()
        return write_text(path, *args, **more)

    monkeypatch.setattr(subject, "save_file", write)
    monkeypatch.setattr(Path, "write_text", text)
    with pytest.raises(TrainingError, match=r"Step 2 could not be saved .* No space left"):
        save(tmp_path, "toy", 2, state(2), None)
    assert_is(tmp_path, 1)
    monkeypatch.undo()
    save(tmp_path, "toy", 2, state(2), None)
    assert_is(tmp_path, 2)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["toy-00000002"]


def test_damage_is_named(tmp_path: Path) -> None:
    save(tmp_path, "toy", 1, state(1), None)
    nets = tmp_path / "state" / "toy-00000001" / "nets.safetensors"
    nets.write_bytes(nets.read_bytes()[:-4])
    with pytest.raises(TrainingError, match="toy-00000001 is damaged"):
        load(tmp_path)
    with pytest.raises(TrainingError, match="are damaged"):
        weights(tmp_path, "last")
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(TrainingError, match=r"checkpoint\.json is damaged"):
        checkpoint(tmp_path)
    (tmp_path / "checkpoint.json").write_text('{"format": 2}')
    with pytest.raises(TrainingError, match="newer Myna"):
        checkpoint(tmp_path)


def test_nests_with_tensors_come_back_as_they_were() -> None:
    nest = {
        "state": {0: {"step": torch.tensor(3.0), "norms": [1.5, None, float("inf")]}, 7: {}},
        "groups": [{"betas": (0.9, 0.98), "params": [0, 7], "flag": False, "name": "x"}],
    }
    tensors: dict[str, Any] = {}
    plain = pull_tensors(nest, "", tensors)
    assert "tensor(" not in repr(plain)
    assert list(tensors) == [".state.0.step"]
    assert put_tensors(plain, tensors) == nest


def test_an_average_follows_as_written_out() -> None:
    nets = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 1), "b": torch.nn.Linear(2, 1)})
    average = Average(nets, ["a"], 0.5)
    expected = nets["a"].weight.detach().clone()
    for step in range(1, 12):
        with torch.no_grad():
            nets["a"].weight += step
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * nets["a"].weight.detach()
    assert average.tensors.keys() == {"a.weight", "a.bias"}
    live, parameter = nets["a"].weight.detach().clone(), nets["a"].weight
    with average.in_place():
        torch.testing.assert_close(nets["a"].weight.detach(), expected)
        assert nets["a"].weight is parameter
    assert torch.equal(nets["a"].weight, live)
    torch.testing.assert_close(average.tensors["a.weight"], expected)

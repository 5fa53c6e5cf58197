"""Two processes train as one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.errors import ConfigError
from myna.training.batches import plan
from myna.training.loop import run
from myna.training.processes import joined, pick_device
from myna.training.state import load, weights
from myna.training.task import LoopSettings
from toy_tasks import Contest, Regression, Rows

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this PyTorch has no processes"
)

# A budget that leaves batches of one row, of which the second process has none.
SETTINGS = LoopSettings(
    steps=24, budget=33, most_rows=4, clip=0.7, average=0.9, evaluate_every=6, save_every=10
)
TASKS: dict[str, Any] = {"regression": Regression, "contest": Contest}


def train(kind: str, folder: Path, should_stop: Any = None) -> Any:
    task = TASKS[kind](dtype=torch.float64)
    return run(
        task, Rows(17), Rows(5, seed=1), SETTINGS, folder, device="cpu", should_stop=should_stop
    )


def in_two_processes(folder: Path) -> None:
    """Run this file as a program, twice at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tests = str(Path(__file__).parents[2])
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "PYTHONPATH": os.pathsep.join([tests, *sys.path]),
    }
    command = [sys.executable, __file__, str(folder)]
    both = [
        subprocess.Popen(command, env={**os.environ, **shared, "RANK": str(rank)})
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=120) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
            process.wait()


def threads() -> list[str]:
    """Names of the process's threads, where the system tells."""
    return [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]


def main(folder: Path) -> None:
    """What each of two processes does."""
    rank = int(os.environ["RANK"])
    outcomes = []
    with joined("cpu"):
        for kind in TASKS:
            outcomes.append(train(kind, folder / kind))
            # Only the second process is asked to stop; both do, and go on together.
            asked = iter([False] * 9 + [rank == 1])
            outcomes.append(train(kind, folder / f"{kind}-stopped", lambda a=asked: next(a)))
            outcomes.append(train(kind, folder / f"{kind}-stopped"))
    # What is left of the group here aborts the process now and then when the interpreter ends.
    assert not [thread for thread in threads() if "gloo" in thread]
    told = [(outcome.steps, outcome.stopped_by) for outcome in outcomes]
    (folder / f"outcomes-{rank}.json").write_text(json.dumps(told))


def losses(folder: Path) -> list[tuple[int, dict[str, float]]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["losses"]) for line in lines]


def test_two_processes_equal_one(tmp_path: Path) -> None:
    in_two_processes(tmp_path / "two")
    for rank in range(2):
        told = json.loads((tmp_path / "two" / f"outcomes-{rank}.json").read_text())
        assert told == 2 * [[24, "steps"], [10, "stop"], [24, "steps"]]
    for kind in TASKS:
        train(kind, tmp_path / "one" / kind)
        one = weights(tmp_path / "one" / kind, "last")
        state = load(tmp_path / "one" / kind)
        assert state is not None
        for folder in (tmp_path / "two" / kind, tmp_path / "two" / f"{kind}-stopped"):
            for name, tensor in weights(folder, "last").items():
                torch.testing.assert_close(tensor, one[name], rtol=1e-9, atol=1e-11)
            other = load(folder)
            assert other is not None
            for part, tensors in state.tensors.items():
                for name, tensor in tensors.items():
                    torch.testing.assert_close(
                        other.tensors[part][name], tensor, rtol=1e-7, atol=1e-9
                    )
            logged = zip(losses(folder), losses(tmp_path / "one" / kind), strict=True)
            for (step, found), (expected_step, expected) in logged:
                assert step == expected_step
                # The largest of a batch is not a sum over its rows, and is only logged.
                found.pop("logged", None)
                expected.pop("logged", None)
                assert found == pytest.approx(expected, rel=1e-9)


def test_some_batches_leave_a_process_without_rows() -> None:
    assert 1 in {len(rows) for rows in plan(Rows(17).lengths, SETTINGS, epoch=0)}


def test_an_incomplete_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    with pytest.raises(ConfigError, match="MASTER_ADDR, MASTER_PORT is not set"), joined("cpu"):
        pass
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 'many'"), joined("cpu"):
        pass


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as group:
        assert (group.rank, group.world, group.first) == (0, 1, True)
        assert group.add_numbers([1.0, 2.0]) == [1.0, 2.0]
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="device is"):
        pick_device(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

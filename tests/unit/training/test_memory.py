"""The memory plan counts what a run holds, and running out is told from other errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch import nn

import myna.training.memory as subject
from myna.training.batches import plan as batch_plan
from myna.training.device_memory import available_bytes, is_out_of_memory, used_bytes
from myna.training.forecasts import forecast
from myna.training.memory import plan_memory
from myna.training.task import LoopSettings
from toy_tasks import Contest, Regression, Rows

CPU = torch.device("cpu")
SETTINGS = LoopSettings(steps=10, budget=200, most_rows=16, average=0.9, evaluate_every=5)
ROWS = Rows(40)


class Wide(Regression):
    """A net whose activations are easily counted: two tanh of known width."""

    def __init__(self) -> None:
        super().__init__()
        self.nets["net"] = nn.Sequential(nn.Linear(3, 1000), nn.Tanh(), nn.Linear(1000, 1))


def test_what_weights_take_is_exact() -> None:
    task = Wide()
    trained = 4 * (3 * 1000 + 1000 + 1000 + 1 + 3 + 1)
    plan = plan_memory(task, ROWS, SETTINGS, CPU)
    assert plan.gradients == trained
    assert plan.optimiser == 2 * trained
    assert plan.average == trained
    assert plan.weights == trained + 4 * 2
    assert plan_memory(task, ROWS, replace(SETTINGS, average=0.0), CPU).average == 0


def test_activations_are_those_of_the_largest_batch() -> None:
    plan = plan_memory(Wide(), ROWS, SETTINGS, CPU)
    # Of each frame 1000 values are kept, which need 1.3 times that for a moment.
    batches = batch_plan(ROWS.lengths, SETTINGS, epoch=0)
    counted = 1.3 * 4 * 1000 * max(len(rows) * ROWS.lengths[rows[0]] for rows in batches)
    assert counted <= plan.activations <= 1.2 * counted
    assert plan.pieces == 1
    assert plan.fits


def test_weights_and_buffers_stay_as_they_are() -> None:
    task = Wide()
    task.nets["net"].append(nn.BatchNorm1d(1, affine=False))
    task.nets["net"].insert(0, nn.Flatten(0, 1))
    task.nets["net"].append(nn.Unflatten(0, (-1, 12)))
    rows = Rows(4, longest=12)
    rows.lengths = [12] * 4
    rows._x = [rows._x[0][:1].repeat(12, 0)] * 4
    before = {name: tensor.clone() for name, tensor in task.nets.state_dict().items()}
    for each in (lambda: plan_memory(task, rows, SETTINGS, CPU), lambda: made(task, rows)):
        each()
        for name, tensor in task.nets.state_dict().items():
            assert torch.equal(tensor, before[name]), name


def made(task: Any, rows: Any) -> Any:
    return forecast(task, rows, rows, SETTINGS, device="cpu")


def test_a_batch_is_cut_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan_memory(Wide(), ROWS, SETTINGS, CPU)
    room = whole.total - whole.weights - whole.activations // 2
    monkeypatch.setattr(subject, "available_bytes", lambda _: room)
    plan = plan_memory(Wide(), ROWS, SETTINGS, CPU)
    assert plan.pieces == 4
    assert plan.fits
    assert "a batch in 4 pieces" in str(plan)
    assert "are free" in str(plan)
    assert plan_memory(Wide(), ROWS, replace(SETTINGS, pieces=8), CPU).pieces == 8

    monkeypatch.setattr(subject, "available_bytes", lambda _: 10)
    plan = plan_memory(Wide(), ROWS, SETTINGS, CPU)
    assert plan.pieces == 16
    assert not plan.fits
    assert "bfloat16" in str(plan)

    monkeypatch.setattr(subject, "available_bytes", lambda _: None)
    plan = plan_memory(Wide(), ROWS, SETTINGS, CPU)
    assert plan.fits
    assert "free" not in str(plan)


def test_running_out_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**61, dtype=torch.uint8)
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(RuntimeError) as error:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(error.value)
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_system_is_asked() -> None:
    for found in (available_bytes(CPU), used_bytes(CPU)):
        assert found is None or 1 << 20 < found < 1 << 50


def test_a_forecast_takes_steps_that_leave_no_trace() -> None:
    task = Contest()
    before = {name: tensor.clone() for name, tensor in task.nets.state_dict().items()}
    found = forecast(task, ROWS, Rows(4), SETTINGS, device="cpu")
    for name, tensor in task.nets.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in task.nets.parameters())
    assert 0 < found.seconds_per_step < 5
    assert found.seconds > 10 * found.seconds_per_step
    assert found.settings == SETTINGS
    assert found.memory.total > 0

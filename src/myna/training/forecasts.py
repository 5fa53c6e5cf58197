"""How long a run will take and how much memory, found by trying."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from myna.training.batches import check, plan
from myna.training.device_memory import release
from myna.training.evaluating import held_out_losses
from myna.training.loop import check_settings
from myna.training.memory import MemoryPlan, plan_memory
from myna.training.processes import Group, pick_device
from myna.training.stepping import Stepper
from myna.training.task import Examples, LoopSettings, Task

_STEPS = 3
"""Taken to tell; the first, in which much happens once, is not timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will take."""

    seconds_per_step: float
    seconds: float
    """Of the whole run, evaluations included."""
    memory: MemoryPlan
    settings: LoopSettings
    """Those asked for, with as many pieces as the memory wants."""


def forecast(
    task: Task,
    examples: Examples,
    held_out: Examples,
    settings: LoopSettings,
    *,
    device: str = "auto",
) -> Forecast:
    """Estimate what a run of `settings` takes; the nets are as before afterwards.

    Some steps of common batches are taken, and one evaluation. Samples, and waiting for the disk,
    are not counted.

    Raises:
        ConfigError: settings are out of range.
        TrainingError: a run could not start.
    """
    check_settings(settings)
    check(examples, settings)
    own = pick_device(device)
    memory = plan_memory(task, examples, settings, own)
    settings = replace(settings, pieces=memory.pieces)
    before = {name: tensor.clone() for name, tensor in task.nets.state_dict().items()}
    group = Group(own)
    try:
        stepper = Stepper(task, settings, group)
        batches = plan(examples.lengths, settings, epoch=0)
        # The middle by size, again and again: batches of one run take about as long.
        rows = sorted(batches, key=lambda rows: len(rows) * examples.lengths[rows[0]])
        middle = [examples[row] for row in rows[len(rows) // 2]]
        started = 0.0
        for step in range(_STEPS):
            if step == 1:
                started = _now(own)
            stepper.step(stepper.share(middle), step + 1, epoch=0)
        per_step = (_now(own) - started) / (_STEPS - 1)
        evaluation, times = 0.0, 0
        if len(held_out) and settings.evaluate_every:
            started = _now(own)
            held_out_losses(task, held_out, settings, group, stepper.pieces)
            evaluation = _now(own) - started
            times = 1 + -(-settings.steps // settings.evaluate_every)
    finally:
        task.nets.load_state_dict(before)
        release(own)
    return Forecast(
        seconds_per_step=per_step,
        seconds=per_step * settings.steps + evaluation * times,
        memory=memory,
        settings=replace(settings, pieces=stepper.pieces),
    )


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

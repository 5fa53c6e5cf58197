"""Optimisers and learning rates, from settings.

A learning rate is a function of step and epoch alone, so nothing of it needs to be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from torch import nn
from torch.optim import AdamW, Optimizer

from myna.errors import ConfigError, TrainingError
from myna.training.scaled_adam import ScaledAdam
from myna.training.task import OptimiserSettings, ParameterGroup, ScheduleSettings

LearningRate = Callable[[int, int], float]
"""Steps done so far and epochs done so far, to the rate of the step that comes."""


def optimiser(
    nets: nn.Module, groups: Sequence[ParameterGroup], settings: OptimiserSettings
) -> Optimizer:
    """An optimiser of the parameters of a player.

    A parameter belongs to the group with the longest prefix that fits. Those of groups with scale 0
    are frozen: they no longer ask for a gradient. Those that fit no group are left alone.

    Raises:
        ConfigError: a setting is unknown or outside its range, or a prefix fits no parameter.
        TrainingError: no parameter is left to train.
    """
    _check(settings)
    found: dict[int, list[nn.Parameter]] = {index: [] for index in range(len(groups))}
    prefixes = {prefix: i for i, group in enumerate(groups) for prefix in group.prefixes}
    unused = set(prefixes) - {""}
    for name, parameter in nets.named_parameters():
        fitting = [prefix for prefix in prefixes if name.startswith(prefix)]
        unused.difference_update(fitting)
        if fitting:
            found[prefixes[max(fitting, key=len)]].append(parameter)
    if unused:
        raise ConfigError(
            f"No parameter has a name that starts with {', '.join(sorted(unused))}; the nets are "
            f"{', '.join(name for name, _ in nets.named_children())}."
        )
    trained = []
    for index, parameters in found.items():
        scale = groups[index].scale
        if scale < 0:
            raise ConfigError(f"A group of parameters has scale {scale}; give 0 or more.")
        if scale == 0:
            for parameter in parameters:
                parameter.requires_grad = False
        elif parameters := [each for each in parameters if each.requires_grad]:
            rate = settings.rate * scale
            trained.append({"params": parameters, "lr": rate, "scale": scale})
    if not trained:
        raise TrainingError("Every parameter is frozen, so there is nothing to train.")
    if settings.kind == "scaled_adam":
        return ScaledAdam(trained, settings.rate, settings.betas, settings.epsilon)
    return AdamW(
        trained, settings.rate, settings.betas, settings.epsilon, weight_decay=settings.decay
    )


def learning_rate(settings: ScheduleSettings, *, highest: float, steps: int) -> LearningRate:
    """The learning rate of a run.

    Args:
        highest: of the optimiser's settings.
        steps: of the whole run.

    Raises:
        ConfigError: a setting is unknown or outside its range.
    """
    if settings.kind not in _FACTORS:
        raise ConfigError(
            f"There is no schedule {settings.kind!r}; there are {', '.join(_FACTORS)}."
        )
    if settings.warmup_steps < 0 or not 0 <= settings.last <= 1 or not 0 < settings.factor <= 1:
        raise ConfigError(
            f"The schedule has warmup_steps {settings.warmup_steps}, last {settings.last} and "
            f"factor {settings.factor}; give 0 or more, 0 to 1, and above 0 to 1."
        )
    factor = _FACTORS[settings.kind]

    def rate(step: int, epoch: int) -> float:
        warm = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
        return highest * warm * factor(settings, step, epoch, steps)

    return rate


def set_rate(moves: Optimizer, rate: float) -> None:
    """Give every group its share of a learning rate."""
    for group in moves.param_groups:
        group["lr"] = rate * group["scale"]


def _constant(_settings: ScheduleSettings, _step: int, _epoch: int, _steps: int) -> float:
    return 1.0


def _cosine(settings: ScheduleSettings, step: int, _epoch: int, steps: int) -> float:
    """1 up to the end of the warm-up, `last` at the last step and after it."""
    length = max(1, steps - 1 - settings.warmup_steps)
    way = min(1.0, max(0, step - settings.warmup_steps) / length)
    return settings.last + (1 - settings.last) * (1 + math.cos(math.pi * way)) / 2


def _exponential(settings: ScheduleSettings, _step: int, epoch: int, _steps: int) -> float:
    return settings.factor**epoch


def _published_token_model(
    _settings: ScheduleSettings, step: int, _epoch: int, _steps: int
) -> float:
    """What the published cosine schedule really did: 0.01 once, then 0.002."""
    return 1.0 if step == 0 else 0.2


_FACTORS: Mapping[str, Callable[[ScheduleSettings, int, int, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "exponential": _exponential,
    "published_token_model": _published_token_model,
}


def _check(settings: OptimiserSettings) -> None:
    if settings.kind not in ("adamw", "scaled_adam"):
        raise ConfigError(
            f"There is no optimiser {settings.kind!r}; there are adamw and scaled_adam."
        )
    if settings.rate <= 0 or settings.epsilon <= 0 or settings.decay < 0:
        raise ConfigError(
            f"The optimiser has rate {settings.rate}, epsilon {settings.epsilon} and decay "
            f"{settings.decay}; the first two must be above 0, the last not below."
        )
    if not all(0 <= beta < 1 for beta in settings.betas):
        raise ConfigError(f"betas are {settings.betas}; give two from 0 to below 1.")
